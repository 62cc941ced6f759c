"""The account of a call, over gRPC and HTTP alike: its number, and at its end a metric, a line in the log and a span.

None of them holds what was said.
"""

import logging
import os
import re
import time
from collections.abc import Callable, Iterable
from typing import Any, Self

from earwitness import calls, tracing
from earwitness.calls import Call
from earwitness.logs import FIELDS
from earwitness.metrics import Metrics
from earwitness.metrics.declared import CALL_SECONDS, CALLS

log = logging.getLogger(__name__)
REQUEST_ID = "x-request-id"
HEADERS = (REQUEST_ID, "traceparent", "tracestate")
WELL_FORMED = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
"""Of a request id: what no log and no header needs to escape."""
QUIET = frozenset({"Check", "List", "Watch", "ServerReflectionInfo"})
"""Probes ask several times a minute: their calls are logged at DEBUG."""
OK, CANCELLED, DEADLINE_EXCEEDED = "OK", "CANCELLED", "DEADLINE_EXCEEDED"
SLACK_S = 0.05
"""A caller's own clock may end the call that much before its deadline."""


class Account:
    """One call from its arrival to its end. Use it as a context manager; whoever answers sets the `code`."""

    __slots__ = ("_began", "_metrics", "_rpc", "_service", "_span", "_time_left", "call", "code")

    def __init__(
        self,
        service: str,
        rpc: str,
        sent: Iterable[tuple[str, Any]],
        metrics: Metrics | None = None,
        time_left: Callable[[], float | None] | None = None,
        system: str = tracing.GRPC,
    ) -> None:
        """Begins the call `rpc` of `earwitness.v1.LlmService`; `sent` are its metadata or headers, names in lower case.

        A request id that is not well-formed is replaced. `time_left` says how far off the deadline is, in seconds,
        `system` how the call came.
        """
        self._began = time.perf_counter()
        self._service, self._rpc, self._metrics, self._time_left = service, rpc, metrics, time_left
        self.code = CANCELLED
        """The name of the status code; as it stands for a caller who leaves."""
        told = {name: value for name, value in sent if name in HEADERS and isinstance(value, str)}
        request_id, traceparent = told.get(REQUEST_ID, ""), told.get("traceparent", "")
        if not WELL_FORMED.fullmatch(request_id):
            request_id = os.urandom(16).hex()
        traceparent = tracing.known(traceparent) if traceparent else ""
        self._span = tracing.start(service, rpc, traceparent, told.get("tracestate", ""), system)
        self.call = Call(request_id=request_id, traceparent=self._span.traceparent if self._span else traceparent)
        calls.begin(self.call)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        seconds = time.perf_counter() - self._began
        self.recognise()
        call, code = self.call, self._settled_code()
        calls.begin(call)  # for the line below
        metrics = self._metrics
        if metrics is not None:
            metrics.count(CALLS, 1, self._rpc, code, metrics.bounded(call.caller))
            metrics.observe(CALL_SECONDS, seconds, self._rpc, call.priority)
        if self._span is not None:
            self._span.end(call, code)
        level = logging.DEBUG if self._rpc in QUIET else logging.INFO
        if log.isEnabledFor(level):
            service = calls.short_name(self._service)
            fields = {"service": service, "rpc": self._rpc, "code": code, "seconds": round(seconds, 6)}
            message = f"{self._rpc} {code} {seconds * 1000:.1f} ms"
            # `log.info` would look for the line that called it, which takes longer than all of the rest.
            log.handle(log.makeRecord(log.name, level, "", 0, message, (), None, extra={FIELDS: fields}))

    def recognise(self) -> None:
        """Takes over who calls, once the gate has said so. A stream may end where its call is no longer the current."""
        now = calls.current()
        if now.request_id == self.call.request_id:
            self.call = now

    def _settled_code(self) -> str:
        """Tells a call whose deadline passed from one whose caller left: to gRPC both are cancelled."""
        left = self._time_left() if self.code == CANCELLED and self._time_left else None
        return DEADLINE_EXCEEDED if left is not None and left <= SLACK_S else self.code
