"""The caller of an OpenAI-compatible API: raw HTTP, as many calls at once as the caller makes.

It retries nothing and limits nothing: `earwitness.fanout` does, by the errors that are raised here.
"""

import asyncio
import functools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from earwitness import __version__
from earwitness.clients import GREEDY, TIMEOUT_S, Caption, Heard, SpokenTurn
from earwitness.conversation import Turn
from earwitness.errors import DeadlineExceeded, EarwitnessError, EngineFailure, NotReady, Overloaded, Unavailable
from earwitness.fanout import is_retriable
from earwitness.identity import Identity
from earwitness.openai import failures, reply, request
from earwitness.openai.catalogue import Endpoint, endpoint
from earwitness.openai.connections import Connections, Reply
from earwitness.openai.keys import read_key
from earwitness.sampling import PLAIN, Extras, Generation, Sampling

READY_INTERVAL_S = 1.0


class OpenAiClient:
    """Calls one endpoint as `LlmClient`, `LalmClient` and `CaptionerClient` call a service, within one event loop."""

    def __init__(self, endpoint: Endpoint, *, timeout_s: float = TIMEOUT_S) -> None:
        """Connects lazily. Raises NotReady where the endpoint wants a key and there is none."""
        self.endpoint = endpoint
        self.timeout_s = timeout_s
        self._key = read_key(endpoint)
        self._connections: Connections | None = None
        self._closed = False

    @classmethod
    def at(cls, target: str, file: Path | None = None, *, timeout_s: float = TIMEOUT_S) -> Self:
        """Makes a client of `openai:NAME`; `file` and the errors are those of `catalogue.endpoint`."""
        return cls(endpoint(target, file), timeout_s=timeout_s)

    def __repr__(self) -> str:
        return f"OpenAiClient(openai:{self.endpoint.name})"

    async def generate(
        self, turns: Sequence[Turn], sampling: Sampling = GREEDY, *, thinking: bool = False, extras: Extras = PLAIN
    ) -> Generation:
        """Answers a conversation. Reasoning is no part of the text, but its tokens are counted.

        Raises InvalidInput where the model cannot be asked so.
        """
        body = request.chat(self.endpoint, turns, sampling, thinking=thinking, extras=extras)
        return reply.generation(await self._ask(body), self.endpoint, sampling, extras)

    async def score(self, turns: Sequence[Turn], choices: Sequence[str]) -> list[tuple[float, int]]:
        """Returns each option's log-probability as the answer, and 1, the number of tokens that it is the sum of.

        An API scores no text that it is given, but may report the likeliest tokens of its own reply. So options are
        letters, such as `A` or `(A)`, and what is returned is the log-probability of the letter where the reply's first
        letter or word stands: brackets and spaces before it are passed over, and tokens that differ in them count
        together. A letter that is not among the likeliest tokens gets an upper bound, a hair below the least likely.

        Raises InvalidInput where the API reports no log-probabilities, an option is no letter, or no option's letter is
        among the likeliest tokens.
        """
        letters = request.letters(choices)
        return reply.scores(await self._ask(request.scoring(self.endpoint, turns)), letters, self.endpoint)

    async def listen(
        self, turns: Sequence[SpokenTurn], sampling: Sampling = GREEDY, *, thinking: bool = False
    ) -> Heard:
        """Answers a conversation that holds clips. Transcripts are not sent: the model is given the sound alone.

        Raises UnreadableAudio for a clip that is none, and InvalidInput where the model cannot be asked so.
        """
        ask = functools.partial(request.listening, self.endpoint, turns, sampling, thinking=thinking)
        # A thread costs more than putting a plain clip into a request.
        body = ask() if request.is_quick(turns) else await asyncio.to_thread(ask)
        return Heard(generation=reply.generation(await self._ask(body), self.endpoint, sampling), transcripts=())

    async def caption(self, clip: bytes, prompt: str = "") -> Caption:
        """Describes an encoded clip: one message, with the clip and then the prompt, if there is one."""
        body, sha256, seconds = await asyncio.to_thread(request.captioning, self.endpoint, clip, prompt)
        generation = reply.generation(await self._ask(body), self.endpoint, request.CAPTION)
        return Caption(text=generation.text, transcript="", audio_sha256=sha256, seconds=seconds)

    async def ready(self, within_s: float) -> None:
        """Waits until the model has answered one short question; raises the last error when it has not in time.

        What no waiting mends, such as a wrong key, is raised at once.
        """
        deadline = time.monotonic() + within_s
        while True:
            try:
                async with asyncio.timeout(max(deadline - time.monotonic(), 0.1)):
                    await self.generate([Turn(role="user", content="Say yes.")], Sampling(max_tokens=16))
                return
            except TimeoutError:
                raise DeadlineExceeded(f"no answer within {within_s:g} s", self._field) from None
            except EarwitnessError as error:
                wait_s = max(READY_INTERVAL_S, error.retry_after_s if isinstance(error, Overloaded) else 0.0)
                if not is_retriable(error) or time.monotonic() + wait_s >= deadline:
                    raise
                await asyncio.sleep(wait_s)

    async def identity(self) -> Identity:
        """Says which model answers, by the catalogue: the API is not asked."""
        return self.endpoint.identity()

    async def close(self) -> None:
        """Closes the connections."""
        self.stop()

    def stop(self) -> None:
        """Does what `close` does, for code of the same event loop that does not wait."""
        self._closed = True
        if self._connections is not None:
            self._connections.close()

    @property
    def _field(self) -> str:
        return f"openai:{self.endpoint.name}"

    async def _ask(self, body: bytes) -> reply.Completion:
        """Posts one request; raises the error that its failure is."""
        got = await self._post(body)
        if got.status == 200:
            try:
                return reply.completion(got.content)
            except EngineFailure as error:
                told = failures.brief(got.content, self._key)
                raise EngineFailure(f"{error.message} {told}".rstrip(), self._field) from None
        error = failures.failure(got.status, got.headers, got.content, self.endpoint, self._key)
        if failures.is_out_of_tokens(error):
            return reply.NOTHING
        raise error

    async def _post(self, body: bytes) -> Reply:
        """Returns the reply; raises Unavailable or DeadlineExceeded where there is none, NotReady once closed."""
        if self._closed:
            raise NotReady("the client is closed", self._field)
        try:
            if self._connections is None:
                self._connections = self._connected()
            return await self._connections.post(body)
        except TimeoutError:
            raise DeadlineExceeded(f"no answer within {self.timeout_s:g} s", self._field) from None
        except OSError as error:
            reason = self._key.scrub(" ".join(str(error).split())) or type(error).__name__
            raise Unavailable(f"{self.endpoint.base_url} does not answer: {reason}", self._field) from None

    def _connected(self) -> Connections:
        """Raises NotReady for a proxy that cannot be used."""
        agent = {"Content-Type": "application/json", "User-Agent": f"earwitness/{__version__}"}
        try:
            return Connections(self.endpoint.chat_url, self._key.headers() | agent, timeout_s=self.timeout_s)
        except ValueError as error:
            raise NotReady(
                str(error), self._field, "name another in the environment, or the host in no_proxy"
            ) from None
