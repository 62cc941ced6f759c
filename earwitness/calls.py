"""The call that is being answered: who asks, how urgently, and under which number. `earwitness.account` begins it;
admission, engines, logs and clients read it.

Tasks that a call starts inherit it. It knows nothing of tokens: `earwitness.gate` does.
"""

from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import lru_cache
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
    request_id: str = ""
    """The caller's own number for it, or one that was made; "" outside of any call."""
    traceparent: str = ""
    """Where it stands in a trace, if it does (https://www.w3.org/TR/trace-context): its own span or, where none is
    recorded, its caller's."""

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits, or ""."""
        return self.traceparent[3:35]

    @property
    def span_id(self) -> str:
        """16 hexadecimal digits, or ""."""
        return self.traceparent[36:52]


_current: ContextVar[Call] = ContextVar("call", default=Call())  # noqa: B039 (a Call is immutable)


def begin(call: Call) -> None:
    """Makes it the current call of this task and of those that it starts."""
    _current.set(call)


def current() -> Call:
    """Returns the call that this task works for; outside of any, an anonymous one."""
    return _current.get()


def attribute(caller: str, priority: Priority) -> None:
    """Says who makes the current call."""
    begin(replace(current(), caller=caller, priority=priority))


@lru_cache
def short_name(service: str) -> str:
    """Returns `llm` for `earwitness.v1.LlmService`: the service's name in rights, metrics and logs."""
    return service.rpartition(".")[2].removesuffix("Service").lower()
