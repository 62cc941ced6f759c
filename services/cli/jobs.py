"""`earwitness train submit|status|logs|cancel`: training as a RayJob of a release on Kubernetes.

The chart holds the RayJob; `submit` gives it a name and the steps to go through. All that a step makes is on the
release's volume, and each goes on where it was: a job that was lost is submitted again by the same command.
"""

import argparse
import os
import re
import shlex
import time
from typing import TYPE_CHECKING, Any

from earwitness.errors import EngineFailure, InvalidInput, NotFound

if TYPE_CHECKING:
    from earwitness.kube import Kube, Tree

DATA = "/data"
LOOK_EVERY_S = 2.0
MOST_NAME = 47
"""KubeRay's limit for a RayJob, since it makes longer names of it; ours begins with the release's."""
JOB = "earwitness.io/job"
UNSAFE = frozenset('$`\\"!\n')
SUBMITTER = "ray-job-submitter"
FINAL = ("Complete", "Failed")


def register(steps: Any) -> None:
    """Adds the commands to those of `earwitness train`."""
    submit = steps.add_parser("submit", help="train on the cluster, as a RayJob")
    submit.add_argument("name", help="of the job: a-z, 0-9 and -")
    submit.add_argument(
        "step",
        nargs="+",
        metavar="STEP",
        help=f"what follows `earwitness train`, in quotes; one after the other, in {DATA}; {{llm}}: the release's LLM",
    )
    submit.add_argument("--wait", action="store_true", help="until it has ended, with its log")
    status = steps.add_parser("status", help="show the jobs on the cluster, or one")
    status.add_argument("name", nargs="?", default="")
    logs = steps.add_parser("logs", help="print a job's log")
    logs.add_argument("name")
    logs.add_argument("--follow", action="store_true", help="as it comes")
    cancel = steps.add_parser("cancel", help="end a job; what it has made stays on the volume")
    cancel.add_argument("name")
    for each, execute in (
        (submit, execute_submit),
        (status, execute_status),
        (logs, execute_logs),
        (cancel, execute_cancel),
    ):
        add_release(each)
        each.set_defaults(execute=execute)


def add_release(command: argparse.ArgumentParser) -> None:
    """Adds what names a release; in a pod of the release it is known."""
    release = os.environ.get("EARWITNESS_RELEASE", "earwitness")
    command.add_argument("--release", default=release, metavar="NAME", help="of `helm install` (default: %(default)s)")
    namespace = os.environ.get("EARWITNESS_NAMESPACE", "")
    command.add_argument("--namespace", default=namespace, help="(default: the kubeconfig's)")


def execute_submit(options: argparse.Namespace) -> None:
    """Submits, or says how it stands with the same job; raises InvalidInput for another one of that name."""
    from earwitness.kube import Kube

    entrypoint_of(options.step, llm="")  # which refuses a wrong step before the cluster is asked
    kube = Kube.connect(options.namespace)
    body = job(kube, options.release, options.name, options.step)
    submit(kube, body)
    if options.wait:
        wait(kube, body["metadata"]["name"])


def execute_status(options: argparse.Namespace) -> None:
    """Prints one line for each job, the oldest first."""
    from earwitness.kube import Kube

    kube = Kube.connect(options.namespace)
    found = kube.list(
        "rayjobs", f"app.kubernetes.io/instance={options.release},{JOB}{'=' + options.name if options.name else ''}"
    )
    if options.name and not found:
        raise NotFound("there is no such job", options.name, "`earwitness train status` lists them")
    for item in sorted(found, key=lambda each: each["metadata"]["creationTimestamp"]):
        print(line(item))


def execute_logs(options: argparse.Namespace) -> None:
    """Prints what the job has written so far, or all until its end."""
    from earwitness.kube import Kube

    kube = Kube.connect(options.namespace)
    show_log(kube, object_name(options.release, options.name), follow=options.follow)


def execute_cancel(options: argparse.Namespace) -> None:
    """Deletes the RayJob, and with it its cluster."""
    from earwitness.kube import Kube

    Kube.connect(options.namespace).delete("rayjobs", object_name(options.release, options.name))
    print(f"{options.name} is cancelled; what it has made stays on the volume")


def template_name(release: str) -> str:
    """Returns the chart's name for its trainer, as `earwitness.fullname` in the chart makes it."""
    name = release if "earwitness" in release else f"{release}-earwitness"
    return f"{name[:28].rstrip('-')}-trainer"


def object_name(release: str, name: str) -> str:
    """Returns the RayJob's name; raises InvalidInput for what Kubernetes would not take."""
    whole = f"{template_name(release)}-{name}"
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", name) or len(whole) > MOST_NAME:
        most = MOST_NAME - len(whole) + len(name)
        raise InvalidInput(f"{name!r} cannot name a job", "name", f"at most {most} of a-z, 0-9 and -, no - at the ends")
    return whole


def job(kube: "Kube", release: str, name: str, steps: list[str]) -> "Tree":
    """Returns the chart's RayJob with a name and an entrypoint; raises NotFound where the release has no trainer."""
    import yaml

    template = kube.config(template_name(release))
    held, owner = template["data"], template["metadata"]
    body: Tree = yaml.safe_load(held["rayjob.yaml"])
    body["metadata"]["name"] = object_name(release, name)
    body["metadata"]["labels"][JOB] = name
    # Helm knows nothing of the job: it goes with the release, as what belongs to a part of it.
    body["metadata"]["ownerReferences"] = [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": owner["name"], "uid": owner["uid"]}
    ]
    body["spec"]["entrypoint"] = entrypoint_of(steps, llm=held["llm"])
    return body


def entrypoint_of(steps: list[str], *, llm: str) -> str:
    """Returns the shell command of the steps; one that `earwitness train` would not take ends the command here."""
    from services.cli.main import parser

    commands: list[str] = []
    for step in steps:
        words = [word.replace("{llm}", llm) for word in shlex.split(step)]
        if not words or words[0] in ("submit", "status", "logs", "cancel"):
            raise InvalidInput(f"{step!r} is no step", "STEP", "such as 'corpus corpus --clips 240'")
        if unsafe := sorted(UNSAFE & set(step)):
            raise InvalidInput(
                f"holds {' '.join(unsafe)}", "STEP", "which the shells on the way to the job would change"
            )
        parser().parse_args(["train", *words])
        commands.append(shlex.join(["earwitness", "train", *words]))
    # As one word: KubeRay's submitter hands the entrypoint to a shell of its own, and Ray to another, in double quotes.
    return f"bash -c {shlex.quote(' && '.join([f'cd {DATA}', *commands]))}"


def submit(kube: "Kube", body: "Tree") -> None:
    """Creates the job; one that runs or has succeeded is left, one that has failed makes room."""
    name = body["metadata"]["name"]
    try:
        there = kube.get("rayjobs", name)
    except NotFound:
        there = None
    if there and there["spec"]["entrypoint"] != body["spec"]["entrypoint"]:
        raise InvalidInput("there is another job of that name", name, "cancel it, or choose another name")
    if there and there.get("status", {}).get("jobDeploymentStatus") != "Failed":
        print(line(there))
        return
    if there:
        kube.delete("rayjobs", name)
        _gone(kube, name)
    kube.create("rayjobs", body)
    print(f"{body['metadata']['labels'][JOB]} is submitted as RayJob {name} in namespace {kube.namespace}")


def wait(kube: "Kube", name: str) -> None:
    """Prints the job's states until it has ended, then its log; raises EngineFailure where it failed."""
    said = ""
    while True:
        item = kube.get("rayjobs", name)
        now = line(item)
        if now != said:
            print(now, flush=True)
        said, state = now, item.get("status", {}).get("jobDeploymentStatus")
        if state in FINAL:
            break
        time.sleep(LOOK_EVERY_S)
    show_log(kube, name, follow=False)
    if state == "Failed":
        reason = item["status"].get("message") or item["status"].get("reason") or "no reason given"
        raise EngineFailure(
            f"the job failed: {' '.join(str(reason).split())[:300]}", name, "the same command tries again"
        )


def show_log(kube: "Kube", name: str, *, follow: bool) -> None:
    """Prints the log of the job's last try; raises NotFound where there is none yet."""
    kube.get("rayjobs", name)
    pods = [pod for pod in kube.pods(f"job-name={name}") if pod["status"]["phase"] != "Pending"]
    if not pods:
        raise NotFound("the job has written nothing yet", name, "`earwitness train status` says how far it is")
    last = max(pods, key=lambda pod: pod["metadata"]["creationTimestamp"])
    for text in kube.log(last["metadata"]["name"], SUBMITTER, follow=follow):
        print(text, end="", flush=True)


def line(item: "Tree") -> str:
    """Returns a job in one line: its name, how it stands, since when, and what went wrong."""
    status = item.get("status", {})
    parts = [
        item["metadata"]["labels"].get(JOB, item["metadata"]["name"]),
        str(status.get("jobDeploymentStatus") or "new").lower(),
        str(status.get("jobStatus") or "").lower(),
        f"since {status['startTime']}" if status.get("startTime") else "",
        f"until {status['endTime']}" if status.get("endTime") else "",
        f"{status['failed']} failed tries" if status.get("failed") else "",
        str(status.get("reason") or ""),
    ]
    return "  ".join(part for part in parts if part)


def _gone(kube: "Kube", name: str) -> None:
    while True:
        try:
            kube.get("rayjobs", name)
        except NotFound:
            return
        time.sleep(LOOK_EVERY_S / 4)
