"""Adds servicers to servers so that bytes that are no message reach the edge, which answers INVALID_ARGUMENT.

By itself gRPC answers UNKNOWN, as if the same bytes were worth another try. Ray Serve takes these functions by name, in
`grpc_servicer_functions`: `earwitness.mount.llm`, `.model`, `.health` and `.reflection`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2_grpc

from earwitness.edge import Malformed
from earwitness.v1 import captioner_pb2_grpc, evaluator_pb2_grpc, lalm_pb2_grpc, llm_pb2_grpc, model_pb2_grpc

Registrar = Callable[[Any, Any], None]


def mounted(registrar: str) -> str:
    """Returns the import path of this module's function for that of a generated one, `...<x>_pb2_grpc.add_...`."""
    return f"{__name__}.{registrar.split('.')[-2].removesuffix('_pb2_grpc')}"


class _Server:
    """A server that gives every handler a deserializer that does not raise."""

    def __init__(self, server: Any) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, handlers: Sequence[Any]) -> None:
        for handler in handlers:
            handler._method_handlers = _forgiving(handler._method_handlers)
        self._server.add_generic_rpc_handlers(tuple(handlers))

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        self._server.add_registered_method_handlers(service, _forgiving(handlers))


def _forgiving(handlers: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: handler._replace(request_deserializer=_parser(handler.request_deserializer))
        for name, handler in handlers.items()
    }


def _parser(parse: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def parsed(data: bytes) -> Any:
        try:
            return parse(data)
        except DecodeError:
            return Malformed()

    return parsed


def _mount(registrar: Registrar) -> Registrar:
    return lambda servicer, server: registrar(servicer, _Server(server))


captioner = _mount(captioner_pb2_grpc.add_CaptionerServiceServicer_to_server)
llm = _mount(llm_pb2_grpc.add_LlmServiceServicer_to_server)
lalm = _mount(lalm_pb2_grpc.add_LalmServiceServicer_to_server)
evaluator = _mount(evaluator_pb2_grpc.add_EvaluatorServiceServicer_to_server)
model = _mount(model_pb2_grpc.add_ModelServiceServicer_to_server)
health = _mount(health_pb2_grpc.add_HealthServicer_to_server)
reflection = _mount(reflection_pb2_grpc.add_ServerReflectionServicer_to_server)
