"""What a page is asked and what it replies, as values that know no HTTP, and the site that all pages share."""

import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from earwitness.errors import InvalidInput
from services.evaluator.clips import ClipStore
from services.evaluator.cost import Prices
from services.evaluator.web.config import WebConfig
from services.evaluator.web.shelf import Shelf
from services.evaluator.web.sound import Sounds

if TYPE_CHECKING:
    from services.evaluator.akb.store import Annotations
    from services.evaluator.registry import Registry

Values = Mapping[str, str]


@dataclass(kw_only=True, slots=True)
class Session:
    """What the site remembers of one browser, until it is restarted."""

    id: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    """Comes back with every form."""
    name: str = ""
    """Who signed in; "" for nobody."""
    annotator: str = ""
    """Who judges questions, where nobody has to sign in."""
    is_blind: bool = True
    """Whether the right choice is hidden from the annotator."""
    passed: set[str] = field(default_factory=set[str])
    """Questions that were put off."""
    shown: dict[str, float] = field(default_factory=dict[str, float])
    """When a question was shown first, by its key."""
    seen_at: float = field(default_factory=time.monotonic)


@dataclass(kw_only=True, slots=True)
class Site:
    """What all pages share."""

    config: WebConfig
    shelf: Shelf
    sounds: Sounds = field(default_factory=lambda: Sounds(clips=ClipStore()))
    prices: Prices = field(default_factory=Prices)
    registry: "Registry | None" = None
    """Where runs are started and stopped; None where the pages only show."""
    annotations: "Annotations | None" = None
    asks_token: bool = False
    """Whether one has to sign in."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One request."""

    site: Site
    session: Session
    parts: Values = field(default_factory=dict[str, str])
    """Of the path."""
    query: Values = field(default_factory=dict[str, str])
    form: Values = field(default_factory=dict[str, str])
    lists: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """Fields of the form that may come several times."""

    def number(self, name: str, default: int, least: int = 1) -> int:
        """Returns a whole number of the query; raises InvalidInput."""
        text = self.query.get(name, "")
        if not text:
            return default
        if not (text.isascii() and text.isdigit() and len(text) < 10) or int(text) < least:
            raise InvalidInput(f"{text[:20]!r} is no number from {least} on", name)
        return int(text)


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A page to be drawn from a template."""

    template: str
    title: str
    section: str = ""
    """Which entry of the navigation it belongs to."""
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    status: int = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Redirect:
    """Another page of this site, to be got."""

    to: str


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """A file of which the content never changes under its address."""

    path: Path
    kind: str


Reply = Page | Redirect | File
View = Callable[[Asked], Reply]
"""A page: it may block, and raises Earwitness's errors."""
AsyncView = Callable[[Asked], Awaitable[Reply]]
"""One that talks to the registry, and blocks for nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveView:
    """Server-sent events, as they are written on the wire; an empty one now and then finds out who has left."""

    stream: Callable[[Asked], AsyncGenerator[bytes, None]]


def address(path: str, **query: object) -> str:
    """Returns a path of the site with what is not blank of a query."""
    told = {name: str(value) for name, value in query.items() if value not in ("", None)}
    return f"{path}?{urlencode(told)}" if told else path
