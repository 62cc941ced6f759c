"""Hostile requests to the HTTP endpoints: JSON that is none, or deep, or huge, or of other types; and no HTTP."""

import asyncio
import json
import random
from dataclasses import dataclass
from typing import Any

import aiohttp

from tools.fuzz import messages, verdict
from tools.fuzz.calls import Arms
from tools.fuzz.mutation import mutate, noise
from tools.fuzz.send import HANG_S
from tools.fuzz.verdict import Verdict

PATHS = ("/v1/chat/completions", "/v1/completions", "/v1/models")
OTHER_PATHS = ("/", "/v1", "/v1/chat/completions/", "/../../etc/passwd", "/%2e%2e/", "/v1/models?x=%00", "/\u00e9")
VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1,
    17,
    10**400,
    1e308,
    float("nan"),
    "",
    "x",
    [],
    {},
    [[]],
    [None] * 300,
    {"role": "user"},
    [{"role": "user", "content": "a bell"}],
    [{"role": "user", "content": [{"type": "text", "text": "a bell"}, {"type": "image_url"}]}],
    [{"role": "tool", "content": None}],
)
FIELDS = (
    "model", "messages", "prompt", "max_tokens", "temperature", "top_p", "n", "stop", "stream", "logprobs",
    "top_logprobs", "seed", "response_format", "echo", "user", "stream_options", "best_of", "logit_bias", "tools",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One request to make."""

    number: int
    kind: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def __str__(self) -> str:
        return f"case {self.number}, {self.kind}: {self.method} {self.path}, {len(self.body)} bytes"


def request(arms: Arms, seed: int, number: int) -> Request:
    """Returns a request, always the same."""
    luck = random.Random(f"{seed}/http/{number}")
    kind = luck.choice(("fields", "fields", "fields", "mutated", "noise", "deep", "path", "token", "socket"))
    method, path = ("GET", PATHS[2]) if luck.random() < 0.05 else ("POST", luck.choice(PATHS[:2]))
    headers = {"Authorization": f"Bearer {arms.token}", "Content-Type": "application/json"}
    body = _fields(luck)
    if kind == "mutated":
        body = mutate(luck, body)
    elif kind == "noise":
        body = noise(luck)
    elif kind == "deep":
        depth = luck.choice((100, 1_100, 100_000))
        body = luck.choice((b"[" * depth, b'{"a":' * depth, b"[" * depth + b"]" * depth))
    elif kind == "path":
        path, method = luck.choice(OTHER_PATHS), luck.choice(("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "X"))
    elif kind == "token":
        headers["Authorization"] = luck.choice(("", "Bearer", "Bearer x", f"Basic {arms.token}", "Bearer \u00e9" * 100))
    elif kind == "socket":
        body = _no_http(luck, body, arms.token)
    return Request(number=number, kind=f"HTTP {kind}", method=method, path=path, headers=headers, body=body)


async def send(session: aiohttp.ClientSession, address: str, asked: Request) -> Verdict:
    """Makes the request and judges the reply."""
    try:
        async with asyncio.timeout(HANG_S):
            if asked.kind == "HTTP socket":
                return await _send_raw(address, asked)
            return await _send(session, address, asked)
    except TimeoutError:
        return Verdict(ending="none", fault=f"no answer in {HANG_S:g} s")


async def _send(session: aiohttp.ClientSession, address: str, asked: Request) -> Verdict:
    url = f"http://{address}{asked.path}"
    try:
        async with session.request(asked.method, url, data=asked.body, headers=asked.headers) as reply:
            body = await reply.read()
            if asked.method == "HEAD":
                return Verdict(ending=f"HTTP {reply.status}", fault="" if reply.status < 500 else "a failure")
            return verdict.of_http(reply.status, reply.headers.get("Content-Type", ""), body)
    except (aiohttp.ClientError, ValueError) as error:
        return Verdict(ending="not sent" if isinstance(error, ValueError) else "HTTP closed", fault=_broken(error))


def _broken(error: Exception) -> str:
    """Says what is wrong with a reply that cannot be read; a request that our own client refuses is nobody's fault."""
    return "" if isinstance(error, ValueError | aiohttp.InvalidURL) else f"{type(error).__name__}: {error}"


async def _send_raw(address: str, asked: Request) -> Verdict:
    """Writes bytes that are no HTTP, or half of it, hangs up, and wants nothing but to be let go."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(asked.body)
        await writer.drain()
        writer.write_eof()
        await reader.read(1 << 16)
    except ConnectionError:
        return Verdict(ending="HTTP closed")
    finally:
        writer.close()
    return Verdict(ending="HTTP closed")


def _fields(luck: random.Random) -> bytes:
    """Returns a request of right and of odd fields."""
    tree: dict[str, Any] = {"model": "echo", "max_tokens": 8}
    tree |= luck.choice(({"messages": [{"role": "user", "content": "a bell"}]}, {"prompt": "a bell"}))
    for _ in range(luck.randint(0, 4)):
        value = luck.choice((*VALUES, luck.choice(messages.TEXTS)))
        tree[luck.choice(FIELDS)] = value
    return json.dumps(tree).encode(errors="replace")


def _no_http(luck: random.Random, body: bytes, token: str) -> bytes:
    head = f"POST /v1/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
    lies = (
        "Content-Length: 100000\r\n\r\n",
        "Content-Length: -1\r\n\r\n",
        "Content-Length: 3\r\nContent-Length: 9\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\nffffffffff\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n",
        "Expect: 100-continue\r\nContent-Length: 4\r\n\r\n",
    )
    whole = (head + luck.choice(lies)).encode() + body
    return luck.choice((noise(luck), whole, mutate(luck, whole), whole[: luck.randrange(len(whole))]))
