"""What Ray Serve exports and logs of a replica: a real cluster in a process of its own, with the echo engine."""

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import NamedTuple

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from earwitness.metrics import DECLARED
from earwitness.v1 import llm_pb2, llm_pb2_grpc, model_pb2
from tests.earwitness.test_cluster import free_ports
from tests.serving import channel

pytestmark = [pytest.mark.catalogue, pytest.mark.timeout(420)]

TOKEN = "person-0123456789abcdef"
SCRIPT = """
import sys
from earwitness.cluster import Cluster, ClusterConfig
from services.cli.serve import application_of, servicer_of
from services.llm.config import LlmConfig

names = ("grpc_port", "http_port", "metrics_port", "stats_port")
with Cluster(ClusterConfig(**dict(zip(names, map(int, sys.argv[1:]))))) as cluster:
    cluster.start(servicer_of("llm").registrars)
    cluster.deploy({"llm": application_of("llm", LlmConfig(engine="echo"))})
    import ray  # not before the cluster

    print(ray.nodes()[0]["MetricsExportPort"], ray.get_runtime_context().get_session_name(), flush=True)
    sys.stdin.read()
"""
METADATA = [("application", "llm"), ("authorization", f"Bearer {TOKEN}"), ("x-request-id", "mine")]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Running(NamedTuple):
    """A cluster."""

    address: str
    metrics_port: int
    logs: Path


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cluster")
    (folder / "callers.yaml").write_text(f"callers: [{{name: person, token: {TOKEN}}}]")
    ports = free_ports(4)
    own = {
        "EARWITNESS_CALLERS": str(folder / "callers.yaml"),
        "EARWITNESS_HOME": str(folder),
        "EARWITNESS_LOG_FORMAT": "json",
        "RAY_SERVE_REQUEST_PATH_LOG_BUFFER_SIZE": "1",
        "RAY_metrics_report_interval_ms": "1000",
    }
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, *map(str, ports)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=os.environ | own,
        )  # fmt: skip
    try:
        said = process.stdout.readline().split()
        assert len(said) == 2, (folder / "log").read_text()
        yield Running(f"127.0.0.1:{ports[0]}", int(said[0]), Path("/tmp/ray") / said[1] / "logs" / "serve")
    finally:
        process.communicate()


@pytest.fixture(scope="module")
def called(cluster):
    """Three calls, one of which is refused; yields what came back with them."""

    async def call():
        good = llm_pb2.GenerateRequest(messages=[llm_pb2.ChatMessage(role="user", content="one secret two")])
        bad = llm_pb2.GenerateRequest(messages=good.messages, sampling=model_pb2.Sampling(max_tokens=1_000_000))
        async with channel(cluster.address) as bare:
            stub, trailing = llm_pb2_grpc.LlmServiceStub(bare), []
            for request in (good, good, bad):
                metadata = [*METADATA, ("traceparent", f"00-{TRACE}-00f067aa0ba902b7-01")]
                sent = stub.Generate(request, metadata=metadata, timeout=20)
                code = await sent.code()
                trailing.append((code, dict(await sent.trailing_metadata())))
        return trailing

    return asyncio.run(call())


def scrape(cluster):
    """Returns our families by name, Ray's prefix left out."""
    with urllib.request.urlopen(f"http://127.0.0.1:{cluster.metrics_port}/metrics", timeout=10) as page:
        families = text_string_to_metric_families(page.read().decode())
    return {
        family.name.removeprefix("ray_") + ("_total" if family.type == "counter" else ""): family
        for family in families
        if family.name.startswith("ray_earwitness_")
    }


def settled(cluster, is_there, within_s=30):
    """Scrapes until it is there."""
    until = time.monotonic() + within_s
    while not is_there(found := scrape(cluster)) and time.monotonic() < until:
        time.sleep(0.5)
    return found


def values(family, *names):
    return {tuple(sample.labels[name] for name in names): sample.value for sample in family.samples}


def test_ray_exports_our_counts_under_our_names_and_labels(cluster, called):
    found = settled(cluster, lambda found: "earwitness_llm_calls_total" in found)
    counted = values(found["earwitness_llm_calls_total"], "model", "rpc", "code", "caller")
    assert counted["echo", "Generate", "OK", "person"] == 2
    assert counted["echo", "Generate", "INVALID_ARGUMENT", "person"] == 1
    spoken = values(found["earwitness_llm_tokens_total"], "kind", "caller", "deployment", "application")
    assert spoken == {
        ("prompt", "person", "LlmServicer", "llm"): 6,
        ("answer", "person", "LlmServicer", "llm"): 6,
    }
    seconds = found["earwitness_llm_call_duration_seconds"].samples
    assert sum(each.value for each in seconds if each.name.endswith("_count") and each.labels["rpc"] == "Generate") == 3
    assert found.keys() <= {metric.of("llm") for metric in DECLARED}


def test_a_gauge_that_does_not_change_is_still_there(cluster, called):
    settled(cluster, lambda found: "earwitness_llm_places" in found)
    for _ in range(8):
        time.sleep(0.5)
        found = scrape(cluster)
        assert values(found["earwitness_llm_places"], "application") == {("llm",): 512}
        in_flight = values(found["earwitness_llm_requests_in_flight"], "priority")
        assert in_flight == {("interactive",): 0, ("sweep",): 0}


def test_our_request_id_comes_back_beside_ray_s(called):
    (ok, first), _, (refused, last) = called
    assert (ok, refused) == (grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT)
    assert first["x-request-id"] == last["x-request-id"] == "mine"
    assert first["request_id"] != last["request_id"]
    assert "grpc-status-details-bin" in last


def test_a_replica_s_log_is_json_with_one_line_of_ours_per_call(cluster, called):
    texts = [path.read_text() for path in cluster.logs.glob("replica_llm_*.log")]
    lines = [json.loads(line) for text in texts for line in text.splitlines()]
    ours = [line for line in lines if line.get("rpc") == "Generate"]
    assert [line["code"] for line in ours] == ["OK", "OK", "INVALID_ARGUMENT"]
    expected = {
        "severity": "INFO", "service": "llm", "caller": "person", "request_id": "mine", "trace_id": TRACE,
        "application": "llm", "deployment": "LlmServicer",
    }  # fmt: skip
    for line in ours:
        assert expected.items() <= line.items()
        assert line["message"].startswith(f"Generate {line['code']} ")
        assert line["seconds"] > 0
    assert not any("secret" in text or TOKEN in text for text in texts)
