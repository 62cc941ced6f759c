"""The other side of a small call: a bare grpc.aio server that answers at once, without a check, a gate or an engine."""

import asyncio

import grpc.aio

from earwitness import eventloop
from earwitness.v1 import llm_pb2, llm_pb2_grpc, model_pb2
from tools.serving import child

ANSWER = llm_pb2.GenerateResponse(generation=model_pb2.Generation(text="a bell", completion_tokens=2))


class Bare(llm_pb2_grpc.LlmServiceServicer):
    """earwitness.v1.LlmService, of one method and one answer."""

    async def Generate(  # noqa: N802 (gRPC calls the method that bears the RPC's name)
        self, request: llm_pb2.GenerateRequest, context: object
    ) -> llm_pb2.GenerateResponse:
        """Answers."""
        return ANSWER


async def main() -> None:
    """Serves until the input ends."""
    server = grpc.aio.server()
    llm_pb2_grpc.add_LlmServiceServicer_to_server(Bare(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    await asyncio.to_thread(child.answer, {"grpc": f"127.0.0.1:{port}"}, lambda command: command)
    await server.stop(None)


if __name__ == "__main__":
    eventloop.run(main())
