import asyncio

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from earwitness import __version__
from earwitness.clients import LlmClient
from earwitness.errors import EngineFailure, NotFound
from earwitness.servicer import REGISTRARS, ModelServicer
from earwitness.v1 import model_pb2, model_pb2_grpc
from services.captioner.servicer import CaptionerServicer
from services.lalm.servicer import LalmServicer
from services.llm.servicer import LlmServicer
from tests.serving import FunctionServicer, channel, identity, said, serving

SERVING = health_pb2.HealthCheckResponse.SERVING
NAMES = ["", "earwitness.v1.LlmService"]


class Model:
    """Answers when it is told to, and counts how often it was asked."""

    def __init__(self):
        self.asked = 0
        self.asked_once = asyncio.Event()
        self.go = asyncio.Event()
        self.failure = None

    async def __call__(self, request):
        self.asked += 1
        self.asked_once.set()
        await self.go.wait()
        if self.failure:
            raise self.failure
        return said("Hello.")


@pytest.fixture
async def model():
    return Model()


@pytest.fixture
async def health(model):
    async with serving(FunctionServicer(model), LlmClient) as client, channel(client.endpoint.address) as bare:
        yield health_pb2_grpc.HealthStub(bare)


def asking(service=""):
    return health_pb2.HealthCheckRequest(service=service)


@pytest.mark.parametrize("name", NAMES)
async def test_health_is_serving_once_the_model_has_answered_and_not_before(health, model, name):
    checks = [asyncio.ensure_future(health.Check(asking(name))) for _ in range(3)]
    await model.asked_once.wait()
    await asyncio.sleep(0.05)
    assert not any(check.done() for check in checks)
    model.go.set()
    assert [answer.status for answer in await asyncio.gather(*checks)] == [SERVING] * 3
    await health.Check(asking(name))
    assert model.asked == 1


async def test_a_model_that_cannot_answer_is_not_serving_and_is_asked_again(health, model):
    model.failure = EngineFailure("out of memory")
    model.go.set()
    for _ in range(2):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await health.Check(asking())
        assert caught.value.code() is grpc.StatusCode.INTERNAL
    model.failure = None
    assert (await health.Check(asking())).status == SERVING
    assert model.asked == 3


async def test_a_check_that_is_given_up_leaves_the_next_one_its_turn(health, model):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await health.Check(asking(), timeout=0.1)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    model.go.set()
    assert (await health.Check(asking(), timeout=5)).status == SERVING


@pytest.mark.parametrize("name", ["llm", "earwitness.v1.CaptionerService", "x" * 10_000])
async def test_health_of_an_unknown_service_is_not_found(health, model, name):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await health.Check(asking(name))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert model.asked == 0


async def test_health_lists_every_name_that_it_knows(health, model):
    model.go.set()
    listed = await health.List(health_pb2.HealthListRequest())
    assert {name: status.status for name, status in listed.statuses.items()} == dict.fromkeys(NAMES, SERVING)


async def test_a_watcher_hears_when_the_model_has_answered_and_stays(health, model):
    watch = health.Watch(asking())
    first = asyncio.ensure_future(watch.read())
    await model.asked_once.wait()
    assert not first.done()
    model.go.set()
    assert (await first).status == SERVING
    await asyncio.sleep(0.05)
    assert not watch.done()
    watch.cancel()


async def test_a_watcher_of_an_unknown_service_hears_so(health):
    watch = health.Watch(asking("llm"))
    assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
    watch.cancel()


async def test_it_says_which_model_answers_and_its_own_release(model):
    async with serving(FunctionServicer(model), LlmClient) as client, channel(client.endpoint.address) as bare:
        answer = await model_pb2_grpc.ModelServiceStub(bare).GetModelInfo(model_pb2.GetModelInfoRequest())
        assert await client.identity() == identity("function")
    assert answer.version == __version__


@pytest.mark.parametrize("servicer", [LlmServicer, CaptionerServicer, LalmServicer, FunctionServicer])
def test_every_rpc_of_every_registrar_has_its_method(servicer):
    class Asked:
        """Takes note of the methods that a registrar asks for."""

        def __init__(self):
            self.names = set()

        def __getattr__(self, name):
            self.names.add(name)
            return lambda request, context: None

        def add_generic_rpc_handlers(self, handlers):
            """A server's part, which plays no role here."""

        def add_registered_method_handlers(self, service, handlers):
            """A server's part, which plays no role here."""

    from earwitness.server import load

    asked = Asked()
    for registrar in (*servicer.registrars, *REGISTRARS):
        load(registrar)(asked, Asked())
    assert {"Check", "GetModelInfo"} < asked.names
    assert [name for name in asked.names if not callable(getattr(servicer, name, None))] == []


async def test_a_servicer_that_does_not_say_how_to_warm_up_is_no_servicer():
    with pytest.raises(NotImplementedError):
        await ModelServicer(identity("idle")).warm_up()


async def test_not_found_carries_the_name_to_ask_for():
    servicer = FunctionServicer(Model())
    async with serving(servicer, LlmClient) as client:
        with pytest.raises(NotFound, match=r"service: .*'llm'.*\(ask for earwitness\.v1\.LlmService\)"):
            await client.endpoint.call(
                health_pb2_grpc.HealthStub, "Check", asking("llm"), health_pb2.HealthCheckResponse, 5.0
            )
