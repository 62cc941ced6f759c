"""Traces: where a call stands in one (W3C Trace Context), and its span where OpenTelemetry has an endpoint for it.

Spans are made only if OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is set and the extra `otel` is
installed; OpenTelemetry's other variables hold too. Without, an incoming `traceparent` reaches the logs all the same,
and goes on with the calls that this one makes. A span holds no text, no audio and no token.
"""

import logging
import os
import re
import sys
from functools import lru_cache
from typing import Any, Protocol

import grpc

from earwitness import __version__, calls
from earwitness.calls import Call

log = logging.getLogger(__name__)
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
"""`grpc`, which is the default here, or `http/protobuf`."""
TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-((?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})(-.*)?")
"""https://www.w3.org/TR/trace-context/#traceparent-header: version; trace, parent, flags; what a later version adds."""
MAX_CHARS = 512
GRPC = "grpc"
SERVER_FAULTS = {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}
"""Codes that make a server's span an error (https://opentelemetry.io/docs/specs/semconv/rpc/grpc/)."""


class Span(Protocol):
    """The time of one call."""

    @property
    def traceparent(self) -> str:
        """Where the span stands."""
        ...

    def end(self, call: Call, code: str) -> None:
        """Ends the span with the status code's name."""
        ...


def known(traceparent: str) -> str:
    """Returns a `traceparent` as far as it is known today, "" for a malformed one, as the standard wants it."""
    found = TRACEPARENT.fullmatch(traceparent) if len(traceparent) <= MAX_CHARS else None
    if found is None or (found[1] == "00" and found[3]):
        return ""
    return f"00-{found[2]}"


def start(service: str, rpc: str, traceparent: str, tracestate: str, system: str = GRPC) -> Span | None:
    """Starts the span of a call to `earwitness.v1.LlmService`'s `Generate`; None where nobody collects spans.

    `system` is what OpenTelemetry calls the way in which it was called.
    """
    provider = _provider(calls.short_name(service))
    if provider is None:
        return None
    about = {"rpc.system": system, "rpc.service": service, "rpc.method": rpc}
    return _Recorded(provider, about, traceparent, tracestate)


def outgoing() -> list[tuple[str, str]]:
    """Returns the metadata that makes a call of ours part of the request, and the trace, that it is made for."""
    call = calls.current()
    if call.request_id:
        own = [("x-request-id", call.request_id)]
        return [*own, ("traceparent", call.traceparent)] if call.traceparent else own
    if "opentelemetry.trace" not in sys.modules:
        return []
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}  # of a program that traces itself and uses our clients
    TraceContextTextMapPropagator().inject(carrier)
    return list(carrier.items())


class _Recorded:
    """A span of OpenTelemetry. It is nobody's current one: a stream may end in another context than it began in."""

    def __init__(self, provider: Any, about: dict[str, str], traceparent: str, tracestate: str) -> None:
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        carrier = {"traceparent": traceparent, "tracestate": tracestate}
        parent = TraceContextTextMapPropagator().extract({key: value for key, value in carrier.items() if value})
        self._is_grpc = about["rpc.system"] == GRPC
        tracer = provider.get_tracer("earwitness", __version__)
        self._span = tracer.start_span(f"{about['rpc.service']}/{about['rpc.method']}", parent, SpanKind.SERVER, about)
        context = self._span.get_span_context()
        self.traceparent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"

    def end(self, call: Call, code: str) -> None:
        from opentelemetry.trace import Status, StatusCode

        if self._is_grpc:
            self._span.set_attribute("rpc.grpc.status_code", grpc.StatusCode[code].value[0])
        self._span.set_attribute("earwitness.code", code)
        self._span.set_attribute("earwitness.caller", call.caller)
        self._span.set_attribute("earwitness.priority", call.priority)
        self._span.set_attribute("earwitness.request_id", call.request_id)
        if code in SERVER_FAULTS:
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


@lru_cache
def _provider(service: str) -> Any:
    """Returns OpenTelemetry's source of tracers for a service of this process; None where no endpoint is configured."""
    if not any(map(os.environ.get, ENDPOINTS)):
        return None
    try:
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        exporter = _exporter()
    except Exception as error:  # a wrong variable, too: no call is to fail for its span
        remedy = "; pip install 'earwitness[otel]'" if isinstance(error, ModuleNotFoundError) else ""
        log.error("no spans are sent: %s%s", error, remedy)
        return None
    own = Resource({"service.name": f"earwitness-{service}", "service.version": __version__})
    provider = TracerProvider(resource=own.merge(OTELResourceDetector().detect()))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def _exporter() -> Any:
    protocol = next(filter(None, map(os.environ.get, PROTOCOLS)), "grpc")
    if protocol == "http/protobuf":
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as OverHttp

        return OverHttp()
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as OverGrpc

    return OverGrpc()
