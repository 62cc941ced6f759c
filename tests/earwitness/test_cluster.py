"""The gate on Ray Serve, through HAProxy: a real cluster in a process of its own, with the echo engine."""

import asyncio
import os
import socket
import subprocess
import sys
import time

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from earwitness.access import Access
from earwitness.clients import LlmClient
from earwitness.conversation import Turn
from earwitness.errors import DeadlineExceeded, Overloaded, PermissionDenied, QuotaExceeded
from earwitness.status import DETAILS_KEY
from earwitness.v1 import llm_pb2, llm_pb2_grpc, model_pb2, model_pb2_grpc
from tests.earwitness.test_gate import unhurried
from tests.serving import channel

TOKENS = {name: f"{name}-0123456789abcdef" for name in ("person", "sweeper", "few", "captions")}
CALLERS = f"""
open_health: true
callers:
  - {{name: person, token: {TOKENS["person"]}}}
  - {{name: sweeper, token: {TOKENS["sweeper"]}, priority: sweep}}
  - {{name: few, token: {TOKENS["few"]}, requests_per_minute: 1}}
  - {{name: captions, token: {TOKENS["captions"]}, rights: [captioner]}}
"""
PLACES, DELAY_S = 8, 1.0
SCRIPT = f"""
import sys
from earwitness.cluster import Cluster, ClusterConfig
from services.cli.serve import application_of, servicer_of
from services.llm.config import LlmConfig

names = ("grpc_port", "http_port", "metrics_port", "stats_port")
with Cluster(ClusterConfig(**dict(zip(names, map(int, sys.argv[1:]))))) as cluster:
    cluster.start(servicer_of("llm").registrars)
    config = LlmConfig(engine="echo", echo_delay_s={DELAY_S}, max_in_flight={PLACES})
    cluster.deploy({{"llm": application_of("llm", config)}})
    print("ready", flush=True)
    sys.stdin.read()
"""
TURNS = [Turn(role="user", content="Hello")]
GENERATE = llm_pb2.GenerateRequest(messages=[llm_pb2.ChatMessage(role="user", content="Hello")])


def free_ports(count):
    with_port = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [opened.getsockname()[1] for opened in with_port]
    for opened in with_port:
        opened.close()
    return ports


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cluster")
    (folder / "callers.yaml").write_text(CALLERS)
    ports = free_ports(4)
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, *map(str, ports)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=os.environ | {"EARWITNESS_CALLERS": str(folder / "callers.yaml"), "EARWITNESS_HOME": str(folder)},
        )
    try:
        assert process.stdout.readline() == "ready\n", (folder / "log").read_text()
        yield f"127.0.0.1:{ports[0]}"
    finally:
        process.communicate()


def client(address, name="", timeout_s=20.0):
    return LlmClient.at(address, num_channels=1, timeout_s=timeout_s, access=Access(token=TOKENS.get(name, name)))


async def asked(address, name, timeout_s=20.0):
    async with client(address, name, timeout_s).endpoint as endpoint:
        return await LlmClient(endpoint, timeout_s=timeout_s).generate(TURNS)


async def test_a_caller_with_its_token_gets_an_answer(address):
    assert (await asked(address, "person")).text == "Hello"


@pytest.mark.parametrize("token", ["", "nobody-0123456789abcdef"])
async def test_no_token_and_a_wrong_one_are_refused_on_every_rpc(address, token):
    metadata = [("authorization", f"Bearer {token}")] if token else []
    async with channel(address) as bare:
        llm, model = llm_pb2_grpc.LlmServiceStub(bare), model_pb2_grpc.ModelServiceStub(bare)
        stream = reflection_pb2_grpc.ServerReflectionStub(bare).ServerReflectionInfo
        calls = [
            llm.Generate(GENERATE, metadata=metadata),
            llm.GenerateBatch(llm_pb2.GenerateBatchRequest(requests=[GENERATE]), metadata=metadata),
            llm.GenerateStream(llm_pb2.GenerateStreamRequest(request=GENERATE), metadata=metadata),
            llm.ScoreChoices(llm_pb2.ScoreChoicesRequest(), metadata=metadata),
            model.GetModelInfo(model_pb2.GetModelInfoRequest(), metadata=metadata),
            stream(unhurried(reflection_pb2.ServerReflectionRequest(list_services="")), metadata=metadata),
        ]
        for call in calls:
            assert await call.code() is grpc.StatusCode.UNAUTHENTICATED, call


@pytest.mark.parametrize(
    "metadata",
    [
        [("authorization", "Basic cGVyc29uOnBlcnNvbg==")],
        [("authorization", f"Bearer {TOKENS['person']}"), ("authorization", f"Bearer {TOKENS['person']}")],
        [("authorization-bin", f"Bearer {TOKENS['person']}".encode())],
        [("authorization", "")],
        [("authorization", f"Bearer {TOKENS['person']} {TOKENS['person']}")],
        [("authorization", "Bearer " + "x" * 4000)],
    ],
    ids=["scheme", "twice", "binary", "empty", "two tokens", "long"],
)
async def test_what_is_not_one_bearer_token_is_refused(address, metadata):
    async with channel(address) as bare:
        call = llm_pb2_grpc.LlmServiceStub(bare).Generate(GENERATE, metadata=metadata)
        assert await call.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_caller_without_the_right_is_denied(address):
    with pytest.raises(PermissionDenied, match="captions may not call llm"):
        await asked(address, "captions")


async def test_health_is_open_and_reflection_is_behind_the_token(address):
    metadata = [("authorization", f"bearer {TOKENS['person']}")]
    async with channel(address) as bare:
        health = await health_pb2_grpc.HealthStub(bare).Check(health_pb2.HealthCheckRequest())
        assert health.status == health_pb2.HealthCheckResponse.SERVING
        requests = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
        stream = reflection_pb2_grpc.ServerReflectionStub(bare).ServerReflectionInfo(requests, metadata=metadata)
        [listed] = [response async for response in stream]
    assert "earwitness.v1.LlmService" in {service.name for service in listed.list_services_response.service}


async def test_a_spent_quota_is_told_when_to_come_back(address):
    await asked(address, "few")
    with pytest.raises(QuotaExceeded, match="few: its 1 requests a minute are spent") as caught:
        await asked(address, "few")
    assert 30 < caught.value.retry_after_s <= 60


async def test_overload_is_refused_at_once_with_retry_info_and_leaves_places_for_people(address):
    metadata = [("authorization", f"Bearer {TOKENS['sweeper']}")]
    async with channel(address) as bare:
        stub = llm_pb2_grpc.LlmServiceStub(bare)
        started = time.monotonic()
        flood = [stub.Generate(GENERATE, metadata=metadata) for _ in range(10 * PLACES)]
        codes, refused_after_s = [], []

        async def note(call):
            codes.append(await call.code())
            if codes[-1] is not grpc.StatusCode.OK:
                refused_after_s.append(time.monotonic() - started)
                details = dict(await call.trailing_metadata())[DETAILS_KEY]
                retry = error_details_pb2.RetryInfo()
                assert any(detail.Unpack(retry) for detail in status_pb2.Status.FromString(details).details)
                assert retry.retry_delay.seconds == 1

        noting = [asyncio.create_task(note(call)) for call in flood]
        while not refused_after_s:
            await asyncio.sleep(0.01)
        assert (await asked(address, "person")).text == "Hello"
        await asyncio.gather(*noting)
    assert codes.count(grpc.StatusCode.OK) == PLACES * 3 // 4
    assert set(codes) == {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert max(refused_after_s) < DELAY_S


async def test_a_deadline_ends_the_work_in_the_replica_and_frees_its_places(address):
    batch = llm_pb2.GenerateBatchRequest(requests=[GENERATE] * (PLACES + 1))
    metadata = [("authorization", f"Bearer {TOKENS['person']}")]
    async with channel(address) as bare:
        call = llm_pb2_grpc.LlmServiceStub(bare).GenerateBatch(batch, metadata=metadata, timeout=0.3)
        await asyncio.sleep(0.15)
        with pytest.raises(Overloaded):
            await asked(address, "person")
        assert await call.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        async with asyncio.timeout(DELAY_S / 2):
            with pytest.raises(DeadlineExceeded):  # admitted: it is not refused, it only takes longer than it has
                await asked(address, "person", 0.2)


async def test_bytes_that_are_no_message_are_invalid_and_only_to_those_let_in(address):
    async with channel(address) as bare:
        generate = bare.unary_unary("/earwitness.v1.LlmService/Generate")
        assert await generate(b"\xff\xff").code() is grpc.StatusCode.UNAUTHENTICATED
        call = generate(b"\xff\xff", metadata=[("authorization", f"Bearer {TOKENS['person']}")])
        assert await call.code() is grpc.StatusCode.INVALID_ARGUMENT
