"""The call that is being answered: who asks, and how urgently. The edge begins it; admission, engines and logs read it.

Tasks that a call starts inherit it. It knows nothing of tokens: `earwitness.gate` does.
"""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

Priority = Literal["interactive", "sweep"]
ANONYMOUS = "anonymous"


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One call, in the words of the server's own configuration."""

    caller: str = ANONYMOUS
    """The caller's name in the callers file, of which there are few: fit for a metric's label."""
    priority: Priority = "interactive"
    """Somebody waits for an interactive call; a sweep is one of many, and may wait its turn."""


_current: ContextVar[Call] = ContextVar("call", default=Call())  # noqa: B039 (a Call is immutable)


def begin(call: Call) -> None:
    """Makes it the current call of this task and of those that it starts."""
    _current.set(call)


def current() -> Call:
    """Returns the call that this task works for; outside of any, an anonymous one."""
    return _current.get()
