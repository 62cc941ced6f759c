"""The gate: every call of a servicer passes it, on Ray Serve and on a plain server, over gRPC and over HTTP.

It says who calls, by the bearer token (RFC 6750, section 2.1), whether that caller may, and whether its quota has room.
Without a callers file it is open, and everybody is anonymous.
"""

import os
import re
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from earwitness import calls
from earwitness.callers import NOBODY, Caller, Callers, read_callers
from earwitness.errors import PermissionDenied, Unauthenticated
from earwitness.quota import Quota
from earwitness.watched import LOOK_EVERY_S, Watched

CALLERS = "EARWITNESS_CALLERS"
"""The environment variable that names the callers file: a replica of Ray Serve has no command line."""
HEALTH = frozenset({"Check", "List", "Watch"})
REFLECTION = "ServerReflectionInfo"
UNMETERED = HEALTH | {"GetModelInfo", REFLECTION}
"""RPCs that cost next to nothing, or stay open for hours; RPC names are unique across the platform."""
BEARER = re.compile(r"bearer +([\x21-\x7e]{1,512})", re.IGNORECASE)
REMEDY = "send the metadata `authorization: Bearer TOKEN`, once"


class Gate:
    """Lets callers in. For one event loop; not for threads."""

    def __init__(
        self,
        service: str,
        callers: Path | None = None,
        *,
        look_every_s: float = LOOK_EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Guards a service (`earwitness.v1.LlmService`) by a callers file, read again when it changes; open without.

        Raises NotFound and InvalidInput where the file cannot be used.
        """
        self.right = calls.short_name(service)
        self._clock = clock
        self._callers: Watched[Callers] | None = None
        if callers is not None:
            self._callers = Watched([callers], lambda: read_callers(callers), every_s=look_every_s, clock=clock)
        self._quotas: dict[str, Quota] = {}

    @classmethod
    def from_environment(cls, service: str) -> "Gate":
        """Makes the gate that `EARWITNESS_CALLERS` asks for; an open one where it is unset or empty."""
        named = os.environ.get(CALLERS)
        return cls(service, Path(named) if named else None)

    @property
    def is_open(self) -> bool:
        """Whether nobody is asked for a token."""
        return self._callers is None

    def check(self, rpc: str, authorization: Sequence[str]) -> Caller:
        """Returns who calls, which the current call then says too; raises Unauthenticated and PermissionDenied.

        `authorization` holds every header of that name, `rpc` is the method's bare name, such as `Generate`.
        """
        if self._callers is None:
            return NOBODY
        callers = self._callers.value()
        if callers.open_health and rpc in HEALTH:
            return NOBODY
        caller = callers.find(_bearer(authorization))
        if caller is None:
            raise Unauthenticated("the token is nobody's", "authorization", "ask the operator for one")
        calls.attribute(caller.name, caller.priority)
        right = "reflection" if rpc == REFLECTION else self.right
        if rpc not in HEALTH and right not in caller.rights:
            raise PermissionDenied(
                f"{caller.name} may not call {right}", "authorization", "ask the operator for the right"
            )
        return caller

    @contextmanager
    def enter(self, rpc: str, authorization: Sequence[str], items: int = 1) -> Generator[None]:
        """Lets a call of so many items in for as long as the block lasts; raises also QuotaExceeded."""
        caller = self.check(rpc, authorization)
        if rpc in UNMETERED or not (caller.max_in_flight or caller.requests_per_minute):
            yield
            return
        quota = self._quotas.setdefault(caller.name, Quota(self._clock))
        with quota.slot(caller, items):
            yield


def authorization_of(metadata: Sequence[tuple[str, Any]] | None) -> list[str]:
    """Returns the `authorization` headers of a call's metadata."""
    return [value for key, value in metadata or () if key == "authorization"]


def _bearer(authorization: Sequence[str]) -> str:
    if not authorization:
        raise Unauthenticated("there is no token", "authorization", REMEDY)
    if len(authorization) > 1:
        raise Unauthenticated("there is more than one", "authorization", REMEDY)
    found = BEARER.fullmatch(authorization[0].strip())
    if found is None:
        raise Unauthenticated("is no bearer token", "authorization", REMEDY)
    return found[1]
