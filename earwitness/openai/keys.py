"""API keys: read from the environment or a file, and shown to nobody but the server.

A key is never an argument of a command, and stands in no repr, log, error or report.
"""

import os
import re

from earwitness.errors import NotReady
from earwitness.openai.catalogue import Endpoint

_MASKED = re.compile(r"(?<![\w-])[\w-]*+\*{3,}[\w*-]*")
"""A key as OpenAI repeats it in a 401: its first and last letters with asterisks between. It is looked for where words
begin, without going back, since a long body would take time by the square of its length."""
_ENCODED = re.compile(r"[\w+/=-]{100,}")
"""A run of base64, such as a clip that a server repeats with its complaint. No word is as long."""
_UNFIT = re.compile(r"[^!-~]")


class Key:
    """A secret that does not show itself; empty for a server that asks for none."""

    __slots__ = ("_secret",)

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def __repr__(self) -> str:
        return "Key(set)" if self._secret else "Key()"

    def headers(self) -> dict[str, str]:
        """Returns the header that authenticates a call."""
        return {"Authorization": f"Bearer {self._secret}"} if self._secret else {}

    def scrub(self, text: str) -> str:
        """Returns what somebody else wrote without this key, masked keys and encoded data."""
        text = text.replace(self._secret, "[key]") if self._secret else text
        return _ENCODED.sub("[data]", _MASKED.sub("[key]", text))


def read_key(endpoint: Endpoint) -> Key:
    """Reads an endpoint's key; raises NotReady, naming the variable or the file, where there is none."""
    if endpoint.key_env:
        secret = os.environ.get(endpoint.key_env, "").strip()
    elif endpoint.key_file:
        try:
            secret = endpoint.key_file.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            secret = ""
    else:
        return Key("")
    if not secret:
        raise NotReady("has no API key", f"openai:{endpoint.name}", remedy(endpoint))
    if _UNFIT.search(secret):
        raise NotReady("has an API key with spaces or special characters", f"openai:{endpoint.name}", remedy(endpoint))
    return Key(secret)


def remedy(endpoint: Endpoint) -> str:
    """Says where an endpoint's key belongs."""
    if endpoint.key_env:
        return f"set the environment variable {endpoint.key_env} to the key"
    if endpoint.key_file:
        return f"write the key to the file {endpoint.key_file}"
    return "name its key_env or key_file in the endpoint catalogue"
