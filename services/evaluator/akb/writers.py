"""Language models that write: the LLM service or an endpoint, asked for JSON that fits a schema.

What comes back is not trusted for it: who reads the text checks its form.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from earwitness.conversation import Turn
from earwitness.errors import InvalidInput
from earwitness.openai import OpenAiClient
from earwitness.sampling import PLAIN, Extras, Sampling
from services.evaluator.service import Service, open_service

IN_FLIGHT = 32
LONGEST = 4096
"""More tokens than this no call asks for; it also keeps calls from leaving as one."""


class Writer(Protocol):
    """What drafts are asked of."""

    @property
    def name(self) -> str:
        """The model, as a draft names it."""
        ...

    @property
    def fingerprint(self) -> str:
        """Of all that can change what it writes."""
        ...

    async def write(self, prompt: str, sampling: Sampling) -> str:
        """Returns what it writes, once it does; raises the last error of a call that failed for good."""
        ...

    async def close(self) -> None:
        """Closes the connections."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceWriter:
    """A model of the LLM service, or behind an OpenAI-compatible API."""

    service: Service[Any]
    """Of a client whose `generate` takes extras."""
    extras: Extras

    @property
    def name(self) -> str:
        """See Writer."""
        return self.service.identity.model

    @property
    def fingerprint(self) -> str:
        """See Writer."""
        return f"{self.service.identity.fingerprint}\n{self.extras.json_schema}"

    async def write(self, prompt: str, sampling: Sampling) -> str:
        """See Writer."""
        turns = [Turn(role="user", content=prompt)]
        tried = await self.service.call(lambda client: client.generate(turns, sampling, extras=self.extras))
        return tried.value.text

    async def close(self) -> None:
        """See Writer."""
        await self.service.client.close()


async def open_writers(targets: Sequence[str], schema: dict[str, Any]) -> list[ServiceWriter]:
    """Connects to `host:port` or `openai:NAME`, several of them, for texts of a schema.

    An API that takes no schema has only the prompt to go by.

    The same model at two addresses shares the work.

    Raises InvalidInput for no target, or one and the same twice, and what `open_service` raises.
    """
    if not targets:
        raise InvalidInput("no model is named", "--llm", "give host:port or openai:NAME, several times for several")
    if len(set(targets)) != len(targets):
        raise InvalidInput("a target is named twice", "--llm", "name each once")
    extras = Extras(json_schema=json.dumps(schema))
    writers: list[ServiceWriter] = []
    try:
        for target in targets:
            service = await open_service("llm", target, in_flight=IN_FLIGHT, max_tokens=LONGEST)
            client = service.client
            takes_it = not isinstance(client, OpenAiClient) or client.endpoint.json_schema
            writers.append(ServiceWriter(service=service, extras=extras if takes_it else PLAIN))
    except BaseException:
        for writer in writers:
            await writer.close()
        raise
    return writers
