"""The catalogue of endpoints: what each API is called, wants and lacks, as data in `earwitness/endpoints.yaml`."""

import difflib
import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from earwitness import config
from earwitness.errors import InvalidInput, NotFound, UnknownKey
from earwitness.identity import Identity

FILE = Path(__file__).parents[1] / "endpoints.yaml"
FILE_ENV = "EARWITNESS_ENDPOINTS"
PREFIX = "openai:"

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
Body = dict[str, Any]
"""Fields of a request as the API names them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Thinking:
    """What changes where a model is to reason before it answers."""

    body: Body
    """Takes the place of the endpoint's own."""
    reasoning_tokens: int = 0
    temperature: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """One model at one address."""

    name: str
    base_url: str
    """Up to and without `/chat/completions`."""
    model: str
    """As the API knows it."""
    revision: str = ""
    """What the server holds under that name, where you know: another revision is another model to the ledger."""
    key_env: str = ""
    """The environment variable that holds the API key; without it and `key_file`, no key is sent."""
    key_file: Path | None = None
    context_tokens: int = 0
    """0 where it is not known."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    temperature: bool = True
    """Whether it takes a temperature and top_p; without, it samples as it likes, and never greedily."""
    seed: bool = True
    stop: bool = True
    """Whether it takes stop sequences; without, its text is cut at them here."""
    top_logprobs: int = 0
    """How many of the likeliest tokens it reports; 0 where it reports none."""
    json_schema: bool = False
    """Whether it keeps to a JSON schema (`response_format`)."""
    audio: bool = False
    """Whether it hears: takes `input_audio` in WAV."""
    body: Body = field(default_factory=dict[str, Any])
    """Further fields of every request, such as what turns reasoning off. They replace those made here."""
    reasoning_tokens: int = 0
    """Added to `max_tokens`, where reasoning that nobody sees counts against it."""
    thinking: Thinking | None = None
    """What changes where the model is asked to think; None where it cannot be asked to."""

    @property
    def chat_url(self) -> str:
        """Where chat completions are asked for."""
        return f"{self.base_url.rstrip('/')}/chat/completions"

    def identity(self) -> Identity:
        """Identifies the model by its address, its name and what changes its answers.

        Only the vendor sees the weights: `weights` is the fingerprint, so that an endpoint's LLM and LALM are one.
        """
        url = urlsplit(self.base_url)
        thinking = self.thinking and [self.thinking.body, self.thinking.reasoning_tokens, self.thinking.temperature]
        quirks = [self.temperature, self.seed, self.body, self.reasoning_tokens, thinking]
        stated = [f"{url.netloc.lower()}{url.path.rstrip('/')}", self.model, self.revision, quirks]
        digest = hashlib.sha256(json.dumps(stated, sort_keys=True, default=str).encode()).hexdigest()
        return Identity(
            model=self.model,
            fingerprint=digest,
            engine="openai",
            dtype="",
            context_tokens=self.context_tokens,
            weights=digest,
        )


def endpoint(name: str, file: Path | None = None) -> Endpoint:
    """Finds an endpoint by its name, with or without `openai:` before it.

    `file` is a catalogue of the caller's own, else the one that EARWITNESS_ENDPOINTS names; its entries replace ours.

    Raises:
        NotFound: there is no such endpoint, or no such file.
        UnknownKey, InvalidInput: the entry has a key that does not exist, or a wrong value.
    """
    name = name.removeprefix(PREFIX)
    entries = _entries(FILE)
    if own := file or (Path(os.environ[FILE_ENV]) if os.environ.get(FILE_ENV) else None):
        entries |= _entries(own)
    if name not in entries:
        close = difflib.get_close_matches(name, entries, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise NotFound("there is no such endpoint", f"{PREFIX}{name}", f"{hint}known: {', '.join(sorted(entries))}")
    return _endpoint(name, entries[name])


def _endpoint(name: str, entry: Mapping[str, Any]) -> Endpoint:
    try:
        found = config.convert(Endpoint, {**entry, "name": name}, origin=f"{name}.")
    except UnknownKey:
        raise
    except InvalidInput as error:
        remedy = f"see the entries of earwitness/{FILE.name}"
        raise InvalidInput(error.message, error.field.rstrip("."), remedy) from None
    url = urlsplit(found.base_url)
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment:
        raise InvalidInput("is no address of an API", f"{name}.base_url", "such as https://api.openai.com/v1")
    if "@" in url.netloc:
        raise InvalidInput("holds a user or password", f"{name}.base_url", "name the variable with the key in key_env")
    if found.key_env and not _VARIABLE.fullmatch(found.key_env):
        # Not shown: whoever takes the field for the key's own place has a secret in it.
        raise InvalidInput("is no name of an environment variable", f"{name}.key_env", "such as MY_API_KEY")
    return found


def _entries(file: Path) -> dict[str, dict[str, Any]]:
    return config.load(dict[str, dict[str, Any]], file)
