"""What went wrong: HTTP statuses and bodies as Earwitness errors, in one line and without secrets.

Sources: OpenAI, "Error codes"; Anthropic, "Errors" (529); Google, "Gemini API: troubleshooting", whose errors
come in a list and say in their details when to try again; RFC 9110, section 10.2.3 (Retry-After).
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

import msgspec

from earwitness.errors import EarwitnessError, EngineFailure, InvalidInput, NotFound, NotReady, Overloaded, Unavailable
from earwitness.openai.catalogue import Endpoint
from earwitness.openai.keys import Key, remedy

MAX_MESSAGE_CHARS = 300
OUT_OF_TOKENS = "max_tokens or model output limit was reached"
"""OpenAI's 400 for reasoning that took every token there was."""

_BUSY = {429, 529}
_PASSING = {408, 409, 425}
_UNPAID = "insufficient_quota"
_RETRY_DELAY = re.compile(r'"retryDelay":\s*"([0-9.]+)s"')


def failure(status: int, headers: Mapping[str, str], body: bytes, endpoint: Endpoint, key: Key) -> EarwitnessError:
    """Returns the error that a reply other than 200 means."""
    text, field = body.decode(errors="replace"), f"openai:{endpoint.name}"
    message = f"HTTP {status}: {brief(body, key) or 'no message'}"
    if status in (401, 403):
        return NotReady(message, field, remedy(endpoint))
    if status == 402 or (status == 429 and _UNPAID in text):
        return NotReady(message, field, "pay for more, or ask with another key")
    if 300 <= status < 400:
        return NotReady(message, field, f"base_url is {endpoint.base_url}: set it to where that leads")
    if status == 404:
        return NotFound(message, field, f"check its model, {endpoint.model}, and its base_url, {endpoint.base_url}")
    if status in _BUSY or status in _PASSING or status >= 500:
        wait_s = _retry_after_s(headers, text)
        if wait_s is not None:
            return Overloaded(message, field, retry_after_s=wait_s)
        return Overloaded(message, field) if status in _BUSY else Unavailable(message, field)
    if status >= 400:
        return InvalidInput(message, field)
    return EngineFailure(message, field)


def brief(body: bytes, key: Key) -> str:
    """Returns a server's message, or "", in one short line, without the key and without the clips that it repeats."""
    message = key.scrub(" ".join(_message(body).split()))
    return message if len(message) <= MAX_MESSAGE_CHARS else f"{message[: MAX_MESSAGE_CHARS - 1]}…"


def is_out_of_tokens(error: EarwitnessError) -> bool:
    """Says whether the model had reasoned up to its limit: a truncated answer, not a wrong request."""
    return isinstance(error, InvalidInput) and OUT_OF_TOKENS in error.message


def _message(body: bytes) -> str:
    """Finds the words in `{"error": {"message"}}`, a list of that, `{"message"}`, `{"detail"}` or plain text."""
    try:
        found: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return body.decode(errors="replace")
    for name in (0, "error", "detail", 0, "message", "msg"):
        if isinstance(name, int):
            found = cast(list[Any], found)[name] if isinstance(found, list) and found else found
        elif isinstance(found, dict):
            found = cast(dict[str, Any], found).get(name, found)
    return found if isinstance(found, str) else ""


def _retry_after_s(headers: Mapping[str, str], text: str) -> float | None:
    """Returns the wait that the server asks for: milliseconds, seconds, a date, or Gemini's RetryInfo."""
    delay = _RETRY_DELAY.search(text)
    for stated, unit_s in (
        (headers.get("retry-after-ms"), 0.001),
        (headers.get("retry-after"), 1.0),
        (delay and delay[1], 1.0),
    ):
        seconds = _seconds(stated) if stated else None
        if seconds is not None:
            return max(seconds * unit_s, 0.0)
    return None


def _seconds(stated: str) -> float | None:
    try:
        seconds = float(stated)
        return seconds if math.isfinite(seconds) else None
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(stated)
    except ValueError:
        return None
    return (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
