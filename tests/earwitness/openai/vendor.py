"""A vendor's server in this process: it keeps what it was sent, and answers what it is told to."""

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from earwitness.openai import Endpoint, OpenAiClient

KEY = "sk-test-4f9a8b7c6d5e"
KEY_ENV = "VENDOR_KEY"


def said(content: str | None = "(B) Thunder", finish_reason: str | None = "stop", **message: Any) -> dict[str, Any]:
    """A chat completion as OpenAI documents it."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content, **message},
                "finish_reason": finish_reason,
                "logprobs": None,
            }
        ],
        "usage": {"prompt_tokens": 60, "completion_tokens": 5, "total_tokens": 65},
        "system_fingerprint": None,
    }


@dataclass
class Vendor:
    """What came, and what is answered to it."""

    status: int = 200
    body: Any = field(default_factory=said)
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)
    url: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path, {k.lower(): v for k, v in request.headers.items()}))
        self.bodies.append(json.loads(await request.read()))
        self.connections.add(request.transport)
        await asyncio.sleep(self.delay_s)
        text = self.body if isinstance(self.body, str) else json.dumps(self.body)
        return web.Response(status=self.status, text=text, headers=self.headers, content_type="application/json")

    def endpoint(self, **quirks: Any) -> Endpoint:
        stated = {"name": "vendor", "base_url": f"{self.url}/v1", "model": "model-1", "key_env": KEY_ENV}
        return Endpoint(**(stated | quirks))

    @contextlib.asynccontextmanager
    async def client(self, timeout_s: float = 10.0, **quirks: Any):
        client = OpenAiClient(self.endpoint(**quirks), timeout_s=timeout_s)
        try:
            yield client
        finally:
            await client.close()
