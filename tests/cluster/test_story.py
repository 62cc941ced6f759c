"""The chart on a real cluster, from nothing to nothing: `make test-cluster`. The tests are one story, in this order.

A part of it, such as `-k sweep`, works on the release that is there.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import grpc
import numpy as np
import pytest
import soundfile

from earwitness.clients import SpokenTurn
from earwitness.conversation import Turn
from earwitness.sampling import Sampling
from earwitness.sync import CaptionerClient, LalmClient, LlmClient
from tests.cluster import load
from tests.cluster import release as r
from tests.cluster.diary import DIARY, said, say
from tests.cluster.recorder import recorded
from tests.cluster.release import NAME, Release, door, kubectl, name_of, wait_for
from tests.cluster.scrape import Scraping

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(3600)]
PORTS = (8000, 8080, 8265, 8404, 8443, 8765, 9000, 9001, 9002, 9101, 9400, 9443, 10001, 6379, 44217, 44227, 52365)
CLIENT, METRICS, DOORS = "earwitness.io/client=true", {8080, 9002, 9101, 44217, 44227}, {8443, 9443}
SWEEP = "/etc/earwitness/evaluator/sweep.yaml"
CALM = "/results/runs/calm"
KINDS = (
    "pods,services,deployments,jobs,configmaps,secrets,serviceaccounts,roles,rolebindings,networkpolicies,"
    "poddisruptionbudgets,rayservices,rayclusters,rayjobs,podmonitors,servicemonitors,prometheusrules"
)
QUESTION = [Turn(role="user", content="Which animal bleats?")]
SHORT = Sampling(max_tokens=8)
HEARING, TWO = "services.lalm.enabled=true", "services.llm.replicas.max=2"
EVALUATOR = f"{NAME}-evaluator"
MODELS = ("captioner", "llm", "lalm")
SETTINGS = (("mini-akb", "text"), ("mini-mmau", "cascade"), ("mini-mmar", "audio"))
STEPS = (
    "corpus corpus --clips 24 --recordings 0",
    "distil corpus/manifest.jsonl targets --llm {llm} --max-tokens 24",
    "run targets corpus lalm --set llm=smollm2-135m-instruct --set encoder=whisper-tiny-en --set steps=20"
    " --set batch_size=2 --set qformer_layers=1 --set num_queries=16 --set dtype=float32 --set warmup_steps=1"
    " --set save_every=10",
)
"""A checkpoint that hears nothing, of the shape of one that does."""
CONNECT = """
import socket, time
from concurrent.futures import ThreadPoolExecutor
places = [(host, port) for host in {hosts} for port in {ports}]
def is_open(place):
    try:
        socket.create_connection(place, 2).close()
    except OSError:
        return False
    return True
def opened():
    time.sleep(10)  # a policy takes its time to know a new pod, on a busy node: what counts is what stays
    with ThreadPoolExecutor(64) as pool:
        return [place for place, found in zip(places, pool.map(is_open, places)) if found]
before, now = opened(), opened()
for _ in range(6):
    if now == before:
        break
    before, now = now, opened()
for host, port in now:
    print("open", host, port)
print("done")
"""


@pytest.mark.skipif(not r.BUILD, reason="BUILD=0")
def test_the_images_are_built() -> None:
    r.build()
    printed = r.run("docker", "images", "--format", "{{.Repository}}:{{.Tag}} {{.Size}}")
    said(printed, r.REGISTRY)
    assert {image for image in r.image_names() if image not in printed} == set()


@pytest.mark.skipif(not r.BUILD, reason="BUILD=0")
def test_the_images_are_loaded_into_the_cluster() -> None:
    r.require_cluster()
    r.load()
    wait_for("every image on a node", lambda: set(r.image_names()) <= r.loaded_images())


def test_helm_installs_a_release_that_comes_up(release: Release) -> None:
    r.prepare()
    release.upgrade()
    assert release.is_ready()
    version = json.loads(r.run("kubectl", "version", "--output", "json"))["serverVersion"]["gitVersion"]
    operators = json.loads(r.run("kubectl", "get", "deployments", "--all-namespaces", "--output", "json"))["items"]
    (operator,) = [item for item in operators if name_of(item) == "kuberay-operator"]
    image = operator["spec"]["template"]["spec"]["containers"][0]["image"]
    DIARY.versions |= {"Kubernetes": version, "operator": image, "helm": r.run(r.helm_binary(), "version", "--short")}


def test_helm_test_succeeds(release: Release) -> None:
    printed = r.run(r.helm_binary(), "test", NAME, "--namespace", r.NAMESPACE, "--logs")
    said(printed, "Phase", " at ")
    assert "Succeeded" in printed


def test_callers_come_in_by_tls_and_token(release: Release, tmp_path: Path) -> None:
    with release.forwarded(f"{NAME}-llm-serve-svc") as address, LlmClient(address, access=release.access) as llm:
        text = llm.generate(QUESTION, SHORT).text
    say(f"  Generate: {text!r}")
    with (
        release.forwarded(f"{NAME}-captioner-serve-svc") as address,
        CaptionerClient(address, access=release.access) as captioner,
    ):
        caption = captioner.caption(tone(tmp_path)).text
    say(f"  Caption: {caption!r}")
    assert text
    assert caption


def tone(folder: Path) -> bytes:
    soundfile.write(folder / "tone.wav", 0.1 * np.sin(np.arange(16000) / 6), 16000)
    return (folder / "tone.wav").read_bytes()


def test_a_training_job_leaves_a_checkpoint(release: Release, prometheus: Scraping) -> None:
    printed = release.exec("earwitness", "train", "submit", "first", *STEPS, "--wait")
    said(printed, "first", "step 20", "checkpoint")
    assert "complete" in printed
    assert "complete" in release.exec("earwitness", "train", "submit", "first", *STEPS), "the same again is done"


def test_the_checkpoint_is_served(release: Release, tmp_path: Path) -> None:
    release.upgrade(HEARING)
    turns = [SpokenTurn(turn=Turn(role="user", content="<|AUDIO|> What do you hear?"), clips=(tone(tmp_path),))]
    with release.forwarded(f"{NAME}-lalm-serve-svc") as address, LalmClient(address, access=release.access) as lalm:
        text = lalm.listen(turns, SHORT).generation.text
    say(f"  Listen: {text!r}")
    assert text
    test_helm_test_succeeds(release)


def test_nobody_comes_in_without_the_token(release: Release) -> None:
    """At every door that the label opens: gRPC, and HTTPS of the models and the pages."""
    ca = release.access.ca
    assert ca
    for service in (*(f"{NAME}-{model}-serve-svc" for model in MODELS), EVALUATOR):
        method = "EvaluatorService/ListRuns" if service == EVALUATOR else "ModelService/GetModelInfo"
        with (
            release.forwarded(service) as address,
            grpc.secure_channel(address, grpc.ssl_channel_credentials(ca.read_bytes())) as channel,
            pytest.raises(grpc.RpcError) as refused,
        ):
            sent = (("authorization", "Bearer of-nobody-of-nobody"),)
            channel.unary_unary(f"/earwitness.v1.{method}")(b"", metadata=sent, timeout=60)
        assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED, service
    with release.forwarded(f"{NAME}-llm-serve-svc", 8443) as address:
        status, _ = release.get(address, "/v1/models", {})
    assert status == 401
    with release.forwarded(EVALUATOR, 8443) as address:
        _, text = release.get(address, "/sweep", {})
    assert 'name="token"' in text


@pytest.mark.parametrize(
    ("namespace", "label", "opened"),
    [(r.NAMESPACE, "a=b", set()), (r.NAMESPACE, CLIENT, DOORS), (r.WATCHERS, "a=b", METRICS)],
    ids=["stranger", "client", "prometheus"],
)
def test_a_pod_reaches_what_it_may_and_no_other_port(
    release: Release, namespace: str, label: str, opened: set[int]
) -> None:
    """Of every pod, Ray's own and a training's too, which has no door; what listens in clear text is shut to all."""
    pods = release.running()
    hosts = [pod["status"]["podIP"] for pod in pods]
    printed = r.probe([label], CONNECT.format(hosts=hosts, ports=PORTS), namespace)
    assert printed.endswith("done\n")
    found = [line.split()[1:] for line in printed.splitlines() if line.startswith("open")]
    say(f"  {len(pods)} pods, {len(PORTS)} ports each: {sorted({int(port) for _, port in found}) or 'none'} opened")
    assert {int(port) for _, port in found} == opened
    having = release.pods() if opened == DOORS else pods if opened else []
    assert {host for host, _ in found} == {pod["status"]["podIP"] for pod in having}


def test_a_sweep_goes_over_all_three_settings(release: Release) -> None:
    said(sweep(release, CALM), "replicas", "%")
    cells = [(one["setting"], one["benchmark"]) for one in results(release, CALM)["results"]]
    say(f"  {', '.join(' '.join(cell) for cell in cells)}")
    assert {setting for setting, _ in cells} == {"text", "cascade", "audio"}


def anew(name: str) -> str:
    """A folder that no part of the story told before has filled."""
    return f"/results/runs/{name}-{int(time.time())}"


def sweep(release: Release, folder: str, *settings: str, in_flight: int = 4) -> str:
    given = [word for each in (f"in_flight={in_flight}", *settings) for word in ("--set", each)]
    return release.exec("earwitness", "sweep", SWEEP, "--cluster", "--replicas", "1", "--out", folder, *given)


def results(release: Release, folder: str) -> r.Tree:
    return json.loads(release.exec("cat", f"{folder}/results.json"))


def test_the_evaluator_runs_what_it_is_asked_to_and_shows_it(release: Release) -> None:
    address = f"{EVALUATOR}.{r.NAMESPACE}.svc:9443"
    for benchmark, setting in SETTINGS:
        name = f"{setting}-{int(time.time())}"
        release.exec("earwitness", "evaluator", "create", benchmark, setting, "--id", name, "--address", address)
        printed = release.exec("earwitness", "evaluator", "watch", name, "--address", address)
        said(printed.splitlines()[-1])
        assert "done" in printed.splitlines()[-1]
    token = release.access.token_file
    assert token
    with release.forwarded(EVALUATOR, 8443) as door:
        status, text = release.get(door, "/", {"Authorization": f"Bearer {token.read_text()}"})
    assert status == 200
    assert "smollm2-135m-instruct" in text


def test_every_pod_is_scraped_and_every_dashboard_answers(prometheus: Scraping) -> None:
    DIARY.tables.append(prometheus.seen())
    table, silent = prometheus.answers()
    DIARY.tables.append(table)
    for row in (*DIARY.tables[-2].rows, *table.rows):
        say(f"  {'  '.join(row)}")
    assert not [port["instance"] for port, is_up in prometheus.ports() if not is_up]
    assert not silent
    assert not prometheus.prometheus.broken_rules()


def test_a_sweep_ends_complete_and_the_same_whatever_pod_is_deleted(release: Release) -> None:
    """Each pod dies once under a sweep, the next when the release has come back; a sweep that is cut off goes on."""
    calm, over = results(release, CALM), threading.Event()
    # A head's workers go with it: they die before it.
    deleted = sorted(map(name_of, release.pods()), reverse=True)
    died: list[str] = []

    def delete() -> None:
        for name in deleted:
            time.sleep(5)
            kubectl("delete", "pod", name)
            took = wait_for("the release", release.is_ready)
            died.append(name)
            say(f"  {name} is deleted; all is ready again after {took:.0f} s")

    killer = threading.Thread(target=until_over(delete, over), daemon=True)
    killer.start()
    number = 0
    while not over.is_set():
        number += 1
        folder = anew(f"rough-{number}")
        wait_for("the sweep", lambda folder=folder: swept(release, folder), within_s=1800)
        assert results(release, folder) == calm
    say(f"  {number} sweeps, each the same as the calm one")
    assert died == deleted


def until_over(work: Callable[[], None], over: threading.Event) -> Callable[[], None]:
    def both() -> None:
        try:
            work()
        finally:
            over.set()

    return both


def swept(release: Release, folder: str) -> bool:
    """Runs the sweep once; False where it was cut off, as by the death of its own pod."""
    try:
        sweep(release, folder)
    except AssertionError as error:
        say(f"  cut off: {' '.join(str(error).split())[-160:]}")
        wait_for("the release", release.is_ready)
        return False
    return True


def test_an_upgrade_under_load_loses_no_call(release: Release, prometheus: Scraping) -> None:
    # Without the LALM, whose processors are for a second LLM; from a fixed number of workers to one that follows.
    release.upgrade(TWO, anew=True)
    printed: list[str] = []
    script = Path(load.__file__).read_text()
    caller = threading.Thread(
        target=lambda: printed.append(release.exec("python", "-", door("llm"), text=script)), daemon=True
    )
    caller.start()
    time.sleep(20)
    release.upgrade(TWO, "services.llm.config.max_in_flight=48")
    wait_for("the new limit", lambda: places(prometheus) == 48)
    time.sleep(10)
    release.exec("touch", str(load.STOP))
    caller.join(400)
    say(f"  {printed[0].strip()}")
    counted = json.loads(printed[0])
    assert counted["answered"]
    assert not counted["failed"]


def places(prometheus: Scraping) -> float:
    """What the LLM says of its limit, now; 0 where no replica has been asked for a while."""
    found = prometheus.prometheus.query("max(ray_earwitness_llm_places)", time.time() - 1, time.time())
    return max((line.points[-1][1] for line in found), default=0)


def test_replicas_follow_the_questions_of_a_sweep(release: Release) -> None:
    """1 -> 3 -> 1 workers: 64 questions at once, though they come in a few batches, are more than one replica's 8."""
    release.upgrade("services.llm.replicas.max=3")  # without the LALM: its memory is for the other workers
    wait_for("one worker", lambda: workers() == 1)
    with recorded("llm") as notes:
        sweep(release, anew("many"), "settings=[text]", "samples=6", "sampling.temperature=0.7", in_flight=64)
        wait_for("one worker again", lambda: workers() == 1, within_s=600)
    DIARY.watched["64 questions at once: from one to three and back"] = notes
    say(f"  workers that are ready: {' -> '.join(levels(notes))}")
    assert max(note["ready"] for note in notes) == 3
    assert notes[0]["ready"] == notes[-1]["ready"] == 1


def levels(notes: Sequence[Mapping[str, float]]) -> list[str]:
    """How many were ready, one after the other."""
    changes = [note for before, note in zip([{}, *notes], notes, strict=False) if before.get("ready") != note["ready"]]
    return [f"{note['ready']:.0f} at {note['seconds']:.0f} s" for note in changes]


def workers() -> int:
    return len([pod for pod in r.objects("pods", "earwitness.io/service=llm,ray.io/node-type=worker")])


def test_a_sweep_wakes_what_sleeps_and_lets_it_sleep_again(release: Release) -> None:
    asleep = ("services.llm.replicas.min=0", "services.captioner.enabled=false")
    given = [word for each in (*r.SETTINGS, *asleep) for word in ("--set", each)]
    values = ("--values", str(r.CHART / "values-cpu.yaml"))
    r.run(r.helm_binary(), "upgrade", NAME, r.CHART, "--namespace", r.NAMESPACE, *values, *given)
    # Workers of before have a readiness probe that asks the model, which would not let it sleep.
    kubectl("delete", "rayclusters", "--all")
    wait_for("the LLM's sleep", lambda: all(map(r.is_serving, r.objects("rayservices"))) and not workers())
    with recorded("llm") as notes:
        printed = sweep(release, anew("woken"), "settings=[text]")
        said(printed, "llm:")
        wait_for("sleep", lambda: not workers(), within_s=600)
    DIARY.watched["A service that sleeps: from none to one and back"] = notes
    say(f"  workers that are ready: {' -> '.join(levels(notes))}")
    assert "llm: scaling up to 1" in printed
    assert "llm: back to at least 0 replicas" in printed


def test_uninstall_leaves_the_volumes_alone(release: Release) -> None:
    r.run(r.helm_binary(), "uninstall", NAME, "--namespace", r.NAMESPACE, "--wait")
    wait_for("an empty namespace", lambda: not left(KINDS), within_s=300)
    claims = {name_of(item) for item in left("persistentvolumeclaims")}
    say(f"  left: {', '.join(sorted(claims))}")
    assert claims == {f"{NAME}-data", f"{NAME}-results"}
    for namespace in (r.NAMESPACE, r.WATCHERS):
        r.run("kubectl", "delete", "namespace", namespace)


def left(kinds: str) -> list[r.Tree]:
    """What there is beside what every namespace has, and the secrets that were given."""
    given = ("kube-root-ca.crt", "kubernetes", "default", "earwitness-tls", "earwitness-auth")
    return [item for item in r.objects(kinds) if name_of(item) not in given]
