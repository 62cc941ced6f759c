"""The HTTP application on a plain server (aiohttp), and as what Ray Serve calls for a deployment's HTTP requests."""

import ssl
from typing import TYPE_CHECKING, Any

from earwitness.errors import InvalidInput, NotReady
from services.llm.openai_http.app import MAX_BODY_BYTES, OpenAiApp

if TYPE_CHECKING:
    from aiohttp import web
    from starlette.requests import Request
    from starlette.responses import Response

GRACE_S = 5.0
"""For requests under way when the server ends."""


async def start(
    app: OpenAiApp, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> "tuple[web.AppRunner, int]":
    """Serves on `host:port`, or on a free port for 0; returns the port, and what ends the server by its `cleanup`.

    A client that goes away cancels its call. Raises NotReady where the port is taken.
    """
    from aiohttp import web

    async def answer(request: web.Request) -> web.StreamResponse:
        async def read() -> bytes:
            try:
                return await request.read()
            except web.HTTPRequestEntityTooLarge:
                raise _too_large() from None

        authorization = request.headers.getall("Authorization", [])
        reply = await app.answer(request.method, request.path, authorization, read, request.headers)
        if reply.parts is None:
            return web.Response(status=reply.status, headers=reply.headers, body=reply.body)
        response = web.StreamResponse(status=reply.status, headers=reply.headers)
        try:
            await response.prepare(request)
            async for part in reply.parts:
                await response.write(part)
        finally:
            await reply.parts.aclose()
        return response

    routes = web.Application(client_max_size=MAX_BODY_BYTES)
    routes.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(routes, handler_cancellation=True, access_log=None, shutdown_timeout=GRACE_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, ssl_context=tls).start()
    except OSError:
        await runner.cleanup()
        raise NotReady("the port is taken, or the address is not this machine's", f"{host}:{port}") from None
    return runner, runner.addresses[0][1]


async def on_ray(app: OpenAiApp, request: "Request") -> "Response":
    """Answers an HTTP request that Ray Serve hands to the replica; the path begins after the application's prefix."""
    from starlette.responses import Response, StreamingResponse

    async def read() -> bytes:
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > MAX_BODY_BYTES:
                raise _too_large()
        return bytes(body)

    path = str(request.scope["path"]).removeprefix(request.scope.get("root_path", ""))
    authorization = request.headers.getlist("authorization")
    reply = await app.answer(request.method, path, authorization, read, request.headers)
    if reply.parts is None:
        return Response(reply.body, reply.status, reply.headers)
    parts = reply.parts

    class Events(StreamingResponse):
        """Ends when the client goes away. Ray tells so by `receive`, which Starlette asks for older servers alone."""

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            older = {**scope, "asgi": {**scope.get("asgi", {}), "spec_version": "2.3"}}
            try:
                await super().__call__(older, receive, send)
            finally:
                await parts.aclose()

    return Events(parts, reply.status, reply.headers)


def _too_large() -> InvalidInput:
    return InvalidInput("is too large", "body", f"send at most {MAX_BODY_BYTES >> 20} MiB")
