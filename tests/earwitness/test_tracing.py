"""Traces with a real collector: OpenTelemetry's own service over gRPC, in this process."""

import asyncio
import sys

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from earwitness import calls, tracing
from earwitness.calls import Call
from earwitness.clients import LlmClient
from earwitness.v1 import llm_pb2, llm_pb2_grpc
from tests.serving import FunctionServicer, channel, said, serving

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
REQUEST = llm_pb2.GenerateRequest(messages=[llm_pb2.ChatMessage(role="user", content="A secret prompt")])


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps what it is sent."""

    def __init__(self):
        self.resources, self.spans = [], {}

    async def Export(self, request, context):
        for resource in request.resource_spans:
            self.resources.append({each.key: each.value.string_value for each in resource.resource.attributes})
            self.spans |= {span.name: span for scope in resource.scope_spans for span in scope.spans}
        return trace_service_pb2.ExportTraceServiceResponse()


@pytest.fixture
async def collector(monkeypatch):
    kept = Collector()
    running = grpc.aio.server()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(kept, running)
    port = running.add_insecure_port("127.0.0.1:0")
    await running.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    tracing._provider.cache_clear()
    yield kept
    await asyncio.to_thread(tracing._provider("llm").shutdown)
    tracing._provider.cache_clear()
    await running.stop(None)


@pytest.fixture
def current():
    """Makes a call the current one."""
    before = calls.current()
    yield calls.begin
    calls.begin(before)


async def collected(collector, *names):
    async with asyncio.timeout(10):
        while not collector.spans.keys() >= set(names):
            await asyncio.sleep(0.02)
    return [collector.spans[name] for name in names]


def attributes(span):
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


async def test_each_call_is_a_span_under_its_caller_s(collector):
    inner = []

    async def answer(request):
        inner.append((calls.current(), dict(tracing.outgoing())))
        return said("Hello.")

    async def fail(request):
        raise RuntimeError

    async with serving(FunctionServicer(answer), LlmClient) as client, channel(client.endpoint.address) as bare:
        metadata = [("traceparent", TRACEPARENT), ("tracestate", "vendor=1"), ("x-request-id", "mine")]
        await llm_pb2_grpc.LlmServiceStub(bare).Generate(REQUEST, metadata=metadata)
    async with serving(FunctionServicer(fail), LlmClient) as client, channel(client.endpoint.address) as bare:
        call = llm_pb2_grpc.LlmServiceStub(bare).GenerateStream(llm_pb2.GenerateStreamRequest())
        assert await call.code() is grpc.StatusCode.INTERNAL
    good, bad = await collected(
        collector, "earwitness.v1.LlmService/Generate", "earwitness.v1.LlmService/GenerateStream"
    )
    assert (good.trace_id.hex(), good.parent_span_id.hex(), good.trace_state) == (TRACE, PARENT, "vendor=1")
    assert attributes(good) == {
        "rpc.system": "grpc", "rpc.service": "earwitness.v1.LlmService", "rpc.method": "Generate",
        "rpc.grpc.status_code": 0, "earwitness.code": "OK", "earwitness.request_id": "mine",
        "earwitness.caller": "anonymous", "earwitness.priority": "interactive",
    }  # fmt: skip
    ((call, outgoing),) = inner
    assert (call.trace_id, call.span_id) == (TRACE, good.span_id.hex())
    assert outgoing == {"x-request-id": "mine", "traceparent": f"00-{TRACE}-{call.span_id}-01"}
    assert (attributes(bad)["rpc.grpc.status_code"], bad.status.code) == (13, 2)
    assert bad.parent_span_id == b"" != bad.trace_id
    assert collector.resources[0]["service.name"] == "earwitness-llm"
    assert "secret" not in str(collector.spans)


async def test_the_operator_s_own_name_and_sampler_hold(collector, monkeypatch):
    async def answer(request):
        return said("Hello.")

    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=ears,team=sound")
    async with serving(FunctionServicer(answer), LlmClient) as client, channel(client.endpoint.address) as bare:
        stub = llm_pb2_grpc.LlmServiceStub(bare)
        await stub.ScoreChoices(llm_pb2.ScoreChoicesRequest(), metadata=[("traceparent", TRACEPARENT[:-1] + "0")])
        await stub.Generate(REQUEST)
        await collected(collector, "earwitness.v1.LlmService/Generate")
    assert "earwitness.v1.LlmService/ScoreChoices" not in collector.spans
    assert {"service.name": "ears", "team": "sound"}.items() <= collector.resources[0].items()


def test_without_an_endpoint_there_is_no_span_and_the_trace_goes_on_all_the_same(monkeypatch, current):
    for name in tracing.ENDPOINTS:
        monkeypatch.delenv(name, raising=False)
    tracing._provider.cache_clear()
    assert tracing.start("earwitness.v1.LlmService", "Generate", TRACEPARENT, "") is None
    current(Call(request_id="mine", traceparent=TRACEPARENT))
    assert tracing.outgoing() == [("x-request-id", "mine"), ("traceparent", TRACEPARENT)]
    current(Call())
    assert tracing.outgoing() == []


def test_an_endpoint_without_the_packages_is_said_once_and_stops_nothing(monkeypatch, caplog):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    tracing._provider.cache_clear()
    for _ in range(3):
        assert tracing.start("earwitness.v1.LlmService", "Generate", TRACEPARENT, "") is None
    tracing._provider.cache_clear()
    (record,) = caplog.records
    assert "pip install 'earwitness[otel]'" in record.getMessage()


def test_a_program_that_traces_itself_has_its_span_sent_on():
    from opentelemetry.sdk.trace import TracerProvider

    with TracerProvider().get_tracer("theirs").start_as_current_span("work") as span:
        ((name, value),) = tracing.outgoing()
    assert name == "traceparent"
    assert value.split("-")[1] == f"{span.get_span_context().trace_id:032x}"


@pytest.mark.parametrize(
    "malformed",
    [
        "", "00", TRACEPARENT.upper(), TRACEPARENT[:-1], TRACEPARENT + "-more", "ff" + TRACEPARENT[2:],
        TRACEPARENT + "0", f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-{'0' * 16}-01", TRACEPARENT + "\n",
        f"01-{TRACE}-{PARENT}-01-" + "x" * 999,
    ],
)  # fmt: skip
def test_a_malformed_place_in_a_trace_is_none(malformed):
    assert tracing.known(malformed) == ""


def test_what_a_later_version_adds_is_left_out():
    assert tracing.known(TRACEPARENT) == TRACEPARENT
    assert tracing.known(f"01-{TRACE}-{PARENT}-00-more") == f"00-{TRACE}-{PARENT}-00"
