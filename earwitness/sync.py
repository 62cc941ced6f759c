"""The clients for code without an event loop: the same methods, which block. For any number of threads.

    with LlmClient("llm.example.com:443", access=Access(ca=Path("ca.pem"), token_file=Path("token"))) as llm:
        print(llm.generate([Turn(role="user", content="Which animal bleats?")]).text)

Every client runs on one event loop in a thread of this module's own.
"""

import asyncio
import functools
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from typing import Any, ClassVar, Concatenate, Generic, ParamSpec, Self, TypeVar

from earwitness import clients
from earwitness.access import Access
from earwitness.fanout import Retries

C = TypeVar("C", bound=clients.ModelClient)
P = ParamSpec("P")
R = TypeVar("R")


_starting = threading.Lock()


def _loop() -> asyncio.AbstractEventLoop:
    with _starting:
        return _started_loop()


@functools.cache
def _started_loop() -> asyncio.AbstractEventLoop:
    """Starts the loop that all clients share; it ends with the process."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="earwitness-clients", daemon=True).start()
    return loop


def _wait(work: Coroutine[Any, Any, R]) -> R:
    """Runs on the shared loop and waits; an interrupt of the waiting thread cancels the work."""
    future = asyncio.run_coroutine_threadsafe(work, _loop())
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


def blocking(
    method: Callable[Concatenate[C, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate["SyncClient[C]", P], R]:
    """Makes a blocking method of an asynchronous client's."""

    @functools.wraps(method)
    def blocked(self: "SyncClient[C]", *args: P.args, **kwargs: P.kwargs) -> R:
        return _wait(method(self.client, *args, **kwargs))

    return blocked


def streaming(
    method: Callable[Concatenate[C, P], AsyncGenerator[R]],
) -> Callable[Concatenate["SyncClient[C]", P], Generator[R]]:
    """Makes a generator of a client's asynchronous one; closing it, or leaving it to be collected, cancels the call."""

    @functools.wraps(method)
    def streamed(self: "SyncClient[C]", *args: P.args, **kwargs: P.kwargs) -> Generator[R]:
        pieces = method(self.client, *args, **kwargs)

        async def upcoming() -> list[R]:
            async for piece in pieces:
                return [piece]
            return []

        try:
            while piece := _wait(upcoming()):
                yield piece[0]
        finally:
            _wait(pieces.aclose())

    return streamed


class SyncClient(Generic[C]):
    """The base of the blocking clients. Use it as a context manager."""

    kind: ClassVar[type[clients.ModelClient]]

    def __init__(
        self,
        address: str,
        *,
        application: str = "",
        num_channels: int = 1,
        timeout_s: float = clients.TIMEOUT_S,
        batch: int = 0,
        access: Access | None = None,
        retries: Retries | None = None,
    ) -> None:
        """Connects lazily to the service at `host:port`; see ModelClient, and `earwitness.channel.Endpoint`."""

        async def make() -> Any:
            """Makes the client on the loop that its channels will belong to."""
            return self.kind.at(
                address,
                application=application,
                num_channels=num_channels,
                timeout_s=timeout_s,
                batch=batch,
                access=access,
                retries=retries,
            )

        self.client: C = _wait(make())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def within(self, timeout_s: float) -> Self:
        """Returns a client with another deadline for its calls, over the same connections; close either."""
        other = object.__new__(type(self))
        other.client = self.client.within(timeout_s)
        return other

    ready = blocking(clients.ModelClient.ready)
    identity = blocking(clients.ModelClient.identity)
    info = blocking(clients.ModelClient.info)
    close = blocking(clients.ModelClient.close)


class CaptionerClient(SyncClient[clients.CaptionerClient]):
    """Calls a captioner."""

    kind = clients.CaptionerClient
    caption = blocking(clients.CaptionerClient.caption)
    caption_batch = blocking(clients.CaptionerClient.caption_batch)


class LlmClient(SyncClient[clients.LlmClient]):
    """Calls a language model."""

    kind = clients.LlmClient
    generate = blocking(clients.LlmClient.generate)
    generate_n = blocking(clients.LlmClient.generate_n)
    generate_batch = blocking(clients.LlmClient.generate_batch)
    stream = streaming(clients.LlmClient.stream)
    score = blocking(clients.LlmClient.score)
    score_choices = blocking(clients.LlmClient.score_choices)
    score_choices_batch = blocking(clients.LlmClient.score_choices_batch)


class LalmClient(SyncClient[clients.LalmClient]):
    """Calls an audio language model."""

    kind = clients.LalmClient
    listen = blocking(clients.LalmClient.listen)
    listen_batch = blocking(clients.LalmClient.listen_batch)
    score = blocking(clients.LalmClient.score)
    score_choices = blocking(clients.LalmClient.score_choices)
