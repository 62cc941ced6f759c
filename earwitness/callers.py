"""Who may call: named callers with a token, rights, a priority and quotas, from a YAML or JSON file.

    open_health: true                  # health checks need no token: Kubernetes' probes cannot send one
    callers:
      - name: captions-team
        token_sha256: 9f86d081...      # or `token: ...` itself
        rights: [captioner, llm]       # left out: all
        priority: interactive          # or `sweep`
        max_in_flight: 64              # requests at once, each item of a batch counted; 0 for no limit
        requests_per_minute: 600       # 0 for no limit

Errors name the place in the file and never what stands there: it might be a token.
"""

import difflib
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast, get_args

from earwitness.calls import ANONYMOUS, Priority
from earwitness.errors import InvalidInput, NotFound, UnknownKey

Right = Literal["captioner", "llm", "lalm", "evaluator", "reflection"]
RIGHTS: tuple[Right, ...] = get_args(Right)
MAX_CALLERS = 256
"""Every one is compared with every token, and is a label of metrics."""
MAX_FILE_BYTES = 1 << 20
TOKEN = re.compile(r"[\x21-\x7e]{16,512}")
"""Visible ASCII, as HTTP/2 wants it of a header, and too long to be guessed."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """One who may call."""

    name: str
    rights: tuple[Right, ...] = RIGHTS
    """The services that it may call; `reflection` lets it read their protocol."""
    priority: Priority = "interactive"
    max_in_flight: int = 0
    requests_per_minute: int = 0


NOBODY = Caller(name=ANONYMOUS)
"""Whoever calls a server that asks for no token."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Callers:
    """All who may call, each by the SHA-256 of a token."""

    entries: tuple[tuple[bytes, Caller], ...] = field(repr=False)
    open_health: bool = False

    def find(self, token: str) -> Caller | None:
        """Returns the caller whose token it is, in a time that does not tell how close a wrong one came."""
        digest, found = hashlib.sha256(token.encode(errors="replace")).digest(), None
        for known, caller in self.entries:
            if hmac.compare_digest(known, digest):
                found = caller
        return found


def read_callers(file: Path) -> Callers:
    """Reads a callers file. Raises NotFound for none, UnknownKey and InvalidInput for what it must not hold."""
    tree = _mapping(_parsed(file), str(file), ("callers", "open_health"))
    rows, open_health = tree.get("callers"), tree.get("open_health", False)
    if not isinstance(open_health, bool):
        raise InvalidInput("is neither true nor false", f"{file}: open_health")
    if not isinstance(rows, list) or not 1 <= len(cast(list[object], rows)) <= MAX_CALLERS:
        raise InvalidInput("is not a list of callers", f"{file}: callers", f"name 1 to {MAX_CALLERS}")
    entries: dict[bytes, Caller] = {}
    for index, row in enumerate(cast(list[object], rows)):
        place = f"{file}: callers[{index}]"
        digest, caller = _entry(row, place)
        if digest in entries:
            raise InvalidInput("has the token of another caller", place, "give each its own")
        if caller.name in [other.name for other in entries.values()]:
            raise InvalidInput("has the name of another caller", place, "give each its own")
        entries[digest] = caller
    return Callers(entries=tuple(entries.items()), open_health=open_health)


def _parsed(file: Path) -> object:
    import yaml

    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise NotFound("there is no such callers file", str(file)) from None
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror}", str(file)) from None
    if len(data) > MAX_FILE_BYTES:
        raise InvalidInput("is too long", str(file), f"at most {MAX_FILE_BYTES >> 10} KiB")
    try:
        return cast(object, yaml.safe_load(data))  # JSON is YAML too
    except yaml.MarkedYAMLError as error:  # its own words quote the line
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InvalidInput("is not YAML", f"{file}: line {line}") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise InvalidInput("is not YAML", str(file)) from None


KEYS = ("name", "token", "token_sha256", "rights", "priority", "max_in_flight", "requests_per_minute")


def _entry(row: object, place: str) -> tuple[bytes, Caller]:
    tree = _mapping(row, place, KEYS)
    name, priority = tree.get("name"), tree.get("priority", "interactive")
    if not isinstance(name, str) or not NAME.fullmatch(name) or name == ANONYMOUS:
        raise InvalidInput("is no name", f"{place}.name", "1 to 63 letters, digits, dots, dashes and underscores")
    if priority not in get_args(Priority):
        raise InvalidInput("is no priority", f"{place}.priority", f"one of {', '.join(get_args(Priority))}")
    rights: object = tree.get("rights", list(RIGHTS))
    if not isinstance(rights, list) or not all(right in RIGHTS for right in cast(list[object], rights)):
        raise InvalidInput("is not a list of rights", f"{place}.rights", f"some of {', '.join(RIGHTS)}")
    return _digest(tree, place), Caller(
        name=name,
        rights=tuple(cast(list[Right], rights)),
        priority=cast(Priority, priority),
        max_in_flight=_count(tree, "max_in_flight", place),
        requests_per_minute=_count(tree, "requests_per_minute", place),
    )


def _digest(tree: Mapping[str, Any], place: str) -> bytes:
    token, digest = tree.get("token"), tree.get("token_sha256")
    if (token is None) == (digest is None):
        raise InvalidInput("needs a token or its digest", place, "write one of token and token_sha256")
    if digest is not None:
        if not isinstance(digest, str) or not DIGEST.fullmatch(digest.lower()):
            remedy = "64 hexadecimal digits in quotes: printf %s TOKEN | sha256sum"
            raise InvalidInput("is no SHA-256", f"{place}.token_sha256", remedy)
        return bytes.fromhex(digest)
    if not isinstance(token, str) or not TOKEN.fullmatch(token):
        remedy = "16 to 512 visible ASCII characters in quotes, such as from: openssl rand -hex 32"
        raise InvalidInput("is no token", f"{place}.token", remedy)
    return hashlib.sha256(token.encode()).digest()


def _count(tree: Mapping[str, Any], key: str, place: str) -> int:
    value: object = tree.get(key, 0)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 31:
        raise InvalidInput("is no count", f"{place}.{key}", "a whole number; 0 for no limit")
    return value


def _mapping(tree: object, place: str, keys: tuple[str, ...]) -> Mapping[str, Any]:
    """Returns the tree if it maps known keys alone; an unknown one is not repeated, only the nearest known one."""
    if not isinstance(tree, dict):
        raise InvalidInput("is not a mapping", place, f"its keys: {', '.join(keys)}")
    for key in cast(dict[object, object], tree):
        if key not in keys:
            close = difflib.get_close_matches(str(key), keys, n=1)
            remedy = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(keys)}"
            raise UnknownKey("holds a key that does not exist", place, remedy)
    return cast(Mapping[str, Any], tree)
