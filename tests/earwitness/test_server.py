import subprocess
import sys

import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from earwitness import server
from earwitness.clients import LlmClient
from earwitness.errors import NotReady
from tests.serving import FunctionServicer, channel, said, serving


async def greet(request):
    return said("Hello.")


async def test_it_says_what_it_serves_and_how():
    async with serving(FunctionServicer(greet), LlmClient) as client, channel(client.endpoint.address) as bare:
        requests = [
            reflection_pb2.ServerReflectionRequest(list_services=""),
            reflection_pb2.ServerReflectionRequest(file_containing_symbol="earwitness.v1.LlmService"),
        ]
        stub = reflection_pb2_grpc.ServerReflectionStub(bare)
        listed, described = [answer async for answer in stub.ServerReflectionInfo(iter(requests))]
    assert {service.name for service in listed.list_services_response.service} == {
        "earwitness.v1.LlmService",
        "earwitness.v1.ModelService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }
    assert b"GenerateStream" in described.file_descriptor_response.file_descriptor_proto[0]


async def test_a_second_server_on_a_port_is_refused_not_given_half_of_the_calls():
    async with serving(FunctionServicer(greet), LlmClient) as client:
        host, _, port = client.endpoint.address.rpartition(":")
        with pytest.raises(NotReady, match=rf"{host}:{port}: the port is taken"):
            await server.start(FunctionServicer(greet), host=host, port=int(port))


async def test_an_address_of_another_machine_is_refused():
    with pytest.raises(NotReady, match=r"192\.0\.2\.1:0"):
        await server.start(FunctionServicer(greet), host="192.0.2.1")


async def test_a_port_is_free_again_when_its_server_has_stopped():
    running, port = await server.start(FunctionServicer(greet))
    await running.stop(None)
    again, same = await server.start(FunctionServicer(greet), port=port)
    await again.stop(None)
    assert same == port


def test_a_server_and_its_client_need_neither_ray_nor_torch():
    code = "import sys, earwitness.server, earwitness.clients; print({'ray', 'torch', 'transformers'} & {*sys.modules})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
