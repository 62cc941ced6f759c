"""The HTTP application: from method, path, headers and body to a reply, whatever framework carries them."""

import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import msgspec

from earwitness import edge
from earwitness.account import HEADERS, OK, REQUEST_ID, Account
from earwitness.errors import NotFound
from earwitness.server import UNKNOWN
from services.llm.engine import TextEngine
from services.llm.openai_http.chat import Chat, Json
from services.llm.openai_http.completions import Completion
from services.llm.openai_http.failures import failure
from services.llm.servicer import STREAM_INTERVAL_S, LlmServicer

MAX_BODY_BYTES = 64 << 20
"""As much as a gRPC message may hold."""
RPCS = {
    ("POST", "/v1/chat/completions"): "ChatCompletions",
    ("POST", "/v1/completions"): "Completions",
    ("GET", "/v1/models"): "GetModelInfo",
}
"""What the gate calls them: a list of models costs as little as GetModelInfo."""
NAMES = {"ChatCompletions": {"json_schema": "response_format"}, "Completions": {"top_logprobs": "logprobs"}}
"""What the endpoints call fields of ours."""
JSON = {"Content-Type": "application/json"}
EVENTS = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
NONE: Mapping[str, str] = MappingProxyType({})
Read = Callable[[], Awaitable[bytes]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What goes back: a body, or the parts of one as they come, which whoever sends them closes."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=JSON.copy)
    body: bytes = b""
    parts: AsyncGenerator[bytes] | None = None


class OpenAiApp:
    """The endpoints of one LLM servicer."""

    def __init__(self, servicer: LlmServicer) -> None:
        self._servicer = servicer
        self._started = int(time.time())

    async def answer(
        self, method: str, path: str, authorization: Sequence[str], read: Read, headers: Mapping[str, str] = NONE
    ) -> Reply:
        """Answers a request; `authorization` holds every header of that name. Errors are replies too.

        The body, up to `MAX_BODY_BYTES`, is read by `read`, and only once the caller is known. `headers`, whose names
        are of any case, tell the request's id and trace.
        """
        servicer, rpc = self._servicer, RPCS.get((method, path), UNKNOWN)
        sent = [(name, headers[name]) for name in HEADERS if name in headers]
        with ExitStack() as open_account:
            account = open_account.enter_context(
                Account(servicer.service, rpc, sent, servicer.metrics, system="openai")
            )
            try:
                reply = await self._reply(account, rpc, authorization, read, f"{method} {path[:80]}")
            except Exception as error:
                known = edge.as_known(error)
                account.code = known.code
                status, about, told = failure(known, NAMES.get(rpc, {}))
                reply = Reply(status=status, headers=JSON | about, body=told)
            reply.headers[REQUEST_ID] = account.call.request_id
            if reply.parts is None:
                return reply
            return replace(reply, parts=_until_the_end(reply.parts, open_account.pop_all()))

    async def _reply(
        self, account: Account, rpc: str, authorization: Sequence[str], read: Read, asked_for: str
    ) -> Reply:
        if rpc == UNKNOWN:
            known = ", ".join(f"{each} {at}" for each, at in RPCS)
            raise NotFound(f"there is no {asked_for}", "path", f"there is {known}")
        self._servicer.gate.check(rpc, authorization)
        if rpc == "GetModelInfo":
            account.code = OK
            return Reply(body=msgspec.json.encode(self._models()))
        body = await read()
        asked = Chat(body) if rpc == "ChatCompletions" else Completion(body)
        if asked.streamed:
            parts = self._parts(account, rpc, authorization, asked)
            return Reply(headers=EVENTS.copy(), parts=_begun(await anext(parts), parts))
        whole = await self._whole(rpc, authorization, asked)
        account.code = OK
        return Reply(body=msgspec.json.encode(whole))

    async def _whole(self, rpc: str, authorization: Sequence[str], asked: Chat | Completion) -> Json:
        gate, admission = self._servicer.gate, self._servicer.admission
        with gate.enter(rpc, authorization, asked.items), admission.slot(asked.items):
            engine = await self._engine(asked)
            return await asked.whole(engine, self._head(asked, engine))

    async def _parts(
        self, account: Account, rpc: str, authorization: Sequence[str], asked: Chat | Completion
    ) -> AsyncGenerator[bytes]:
        """Yields server-sent events, and holds the call's places until they end or are closed."""
        gate, admission, begun = self._servicer.gate, self._servicer.admission, False
        try:
            with gate.enter(rpc, authorization, asked.items), admission.slot(asked.items):
                engine = await self._engine(asked)
                async for chunk in asked.chunks(engine, self._head(asked, engine), STREAM_INTERVAL_S):
                    yield _event(chunk)
                    begun = True
            account.code = OK
        except Exception as error:
            if not begun:
                raise
            known = edge.as_known(error)
            account.code = known.code
            yield b"data: " + failure(known, NAMES.get(rpc, {}))[2] + b"\n\n"
        yield b"data: [DONE]\n\n"

    async def _engine(self, asked: Chat | Completion) -> TextEngine:
        """Returns the engine that the request's model is; raises NotFound with the known ones."""
        own = asked.model == self._servicer.identity.model
        try:
            extras = asked.extras("" if own else asked.model)
            return await self._servicer.engine_for(extras)
        except NotFound:
            known = ", ".join([self._servicer.identity.model, *self._servicer.engine.adapters()])
            raise NotFound(f"there is no model {asked.model[:80]!r}", "model", f"known: {known}") from None

    def _head(self, asked: Chat | Completion, engine: TextEngine) -> dict[str, Any]:
        fingerprint = f"fp_{engine.identity.fingerprint[:16]}"
        created = int(time.time())
        return {"id": uuid.uuid4().hex, "created": created, "model": asked.model, "system_fingerprint": fingerprint}

    def _models(self) -> Json:
        identity = self._servicer.identity
        about = {"object": "model", "created": self._started, "owned_by": "earwitness"}
        own = about | {"id": identity.model, "max_model_len": identity.context_tokens or None}
        adapters = [own | {"id": name, "parent": identity.model} for name in self._servicer.engine.adapters()]
        return {"object": "list", "data": [own, *adapters]}


async def _begun(first: bytes, parts: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """Yields the first part, which had to be there before the status could be said, and the others."""
    try:
        yield first
        async for part in parts:
            yield part
    finally:
        await parts.aclose()


async def _until_the_end(parts: AsyncGenerator[bytes], account: ExitStack) -> AsyncGenerator[bytes]:
    """Yields the parts; closes the account when they have ended, or nobody wants more."""
    with account:
        async with aclosing(parts):
            async for part in parts:
                yield part


def _event(chunk: Json) -> bytes:
    return b"data: " + msgspec.json.encode(chunk) + b"\n\n"
