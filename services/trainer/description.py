"""A clip in words: what is heard when, as DeSTA-AQA5M writes it in its `seed_description`.

One event a line, `[mm:ss-mm:ss] transcript (Attribute: value, ...)`; see the rows of
https://huggingface.co/datasets/DeSTA-ntu/DeSTA-AQA5M-FROM-Llama3.1-8B-Instruct. The module knows
neither sound nor models.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from earwitness.errors import InvalidInput

_LINE = re.compile(
    r"\[(?P<start>\d{2,}:[0-5]\d)-(?P<end>\d{2,}:[0-5]\d)\](?: (?P<transcript>\S.*?))??(?: \((?P<attributes>[^()]+)\))?"
)
_REMEDY = "write [mm:ss-mm:ss] transcript (Attribute: value, ...)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Something that is heard from `start_s` to `end_s` seconds into a clip."""

    start_s: float
    end_s: float
    transcript: str = ""
    """The words that are spoken; "" where there are none."""
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    """What is known of it, in the order in which it is written. An empty value makes its key a bare label."""


def whole_seconds(seconds: float) -> int:
    """Returns the time as descriptions state it: to the nearest second, halves up."""
    return math.floor(seconds + 0.5)


def describe(events: Iterable[Event], *, exact: bool = True) -> str:
    """Returns the events one a line, with times in whole seconds.

    Raises InvalidInput for times out of order and, unless `exact` is off, for an event that would not read back as
    itself, such as one with a parenthesis in an attribute. A line break becomes a blank where it is off.
    """
    return "\n".join(_line(event, exact=exact) for event in events)


def parse(description: str) -> tuple[Event, ...]:
    """Returns the events of a description, the inverse of `describe` for times in whole seconds.

    Raises InvalidInput for a line of another form.
    """
    events: list[Event] = []
    for line in description.split("\n"):
        event = _read(line)
        if event is None:
            raise InvalidInput(f"{line!r} is no line of a description", "description", _REMEDY)
        events.append(event)
    return tuple(events)


def attributes_of(description: str) -> Iterator[tuple[str, str]]:
    """Yields the attributes of a description of any origin; its lines of another form have none."""
    for line in description.split("\n"):
        event = _read(line)
        if event is not None:
            yield from event.attributes.items()


def _line(event: Event, *, exact: bool) -> str:
    if not 0 <= event.start_s <= event.end_s:
        raise InvalidInput(
            f"{event.start_s:g} s to {event.end_s:g} s is no time", "event", "order the times, from 0 on"
        )
    start_s, end_s = whole_seconds(event.start_s), whole_seconds(event.end_s)
    labels = ", ".join(f"{key}: {value}" if value else key for key, value in event.attributes.items())
    parts = [f"[{_clock(start_s)}-{_clock(end_s)}]", event.transcript, f"({labels})" if labels else ""]
    line = " ".join(part for part in parts if part)
    if not exact:
        return " ".join(line.split())
    expected = Event(start_s=start_s, end_s=end_s, transcript=event.transcript, attributes=dict(event.attributes))
    if _read(line) != expected:
        remedy = "keep parentheses, commas, colons and line breaks out of attributes"
        raise InvalidInput(f"{line!r} would not read back", "event", remedy)
    return line


def _read(line: str) -> Event | None:
    found = _LINE.fullmatch(line)
    if not found:
        return None
    pairs = [label.partition(": ") for label in (found["attributes"] or "").split(", ") if label]
    return Event(
        start_s=_seconds(found["start"]),
        end_s=_seconds(found["end"]),
        transcript=found["transcript"] or "",
        attributes={key: value for key, _, value in pairs},
    )


def _clock(seconds: int) -> str:
    return f"{seconds // 60:02d}:{seconds % 60:02d}"


def _seconds(clock: str) -> int:
    minutes, _, seconds = clock.partition(":")
    return 60 * int(minutes) + int(seconds)
