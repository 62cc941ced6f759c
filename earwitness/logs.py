"""Logs: one line per call and per failure, as text or as JSON, on a plain server and in a replica of Ray Serve.

    {"severity":"INFO","time":"2026-01-31T12:00:00.123Z","logger":"earwitness.account","message":"Generate OK 12.3 ms",
     "caller":"captions-team","request_id":"6f1c...","trace_id":"4bf9...","span_id":"00f0...",
     "service":"llm","rpc":"Generate","code":"OK","seconds":0.0123}

No line holds a prompt, an answer, audio or a token. What is logged in the course of a call carries its ids;
a failure's traceback stands in `traceback`, and nowhere else.
"""

import logging
import os
from datetime import UTC, datetime
from typing import Any, Literal, cast, get_args

import msgspec

from earwitness import calls
from earwitness.errors import InvalidInput

Format = Literal["json", "text"]
FORMAT = "EARWITNESS_LOG_FORMAT"
"""The environment variable that names the format: a replica of Ray Serve has no command line."""
OURS = ("earwitness", "services")
FIELDS = "fields"
"""The attribute of a record that holds further fields of its line: `log.info(..., extra={FIELDS: {...}})`."""
TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line."""
        fields = fields_of(record)
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(fields).decode()


class TextFormatter(logging.Formatter):
    """A record as a line for people, with the ids of its call."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line, and the traceback of a failure."""
        line, call = super().format(record), calls.current()
        if not call.request_id:
            return line
        first, *rest = line.split("\n", 1)
        trace = f" trace={call.trace_id}" if call.trace_id else ""
        return "\n".join([f"{first} caller={call.caller} request={call.request_id}{trace}", *rest])


class ToRay(logging.Handler):
    """Hands records to Ray Serve's own logger, which writes them as the operator configured it there."""

    def __init__(self, about: dict[str, str]) -> None:
        """`about` is put on every record."""
        super().__init__()
        self._about = about

    def emit(self, record: logging.LogRecord) -> None:
        """Puts the fields on the record: Ray's JSON holds every attribute, and its text the message alone."""
        fields = fields_of(record) | self._about
        del fields["message"]  # no record may be given one
        record.__dict__.update(fields, skip_context_filter=True)  # else Ray's number of the request takes ours' place
        record.__dict__.pop(FIELDS, None)
        logging.getLogger("ray.serve").handle(record)


def wanted() -> Format | None:
    """Returns the format that the environment asks for; raises InvalidInput for one that does not exist."""
    named = os.environ.get(FORMAT) or None
    if named is not None and named not in get_args(Format):
        raise InvalidInput(f"{named!r} is no format", FORMAT, f"one of {', '.join(get_args(Format))}")
    return cast(Format | None, named)


def configure(format: Format) -> None:
    """Makes this process log to the standard error: our own calls and failures, and the warnings of everything else."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if format == "json" else TextFormatter(TEXT))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False  # of which no line says anything
    for name in OURS:
        logging.getLogger(name).setLevel(logging.INFO)


def join_ray(about: dict[str, str]) -> None:
    """Makes a replica of Ray Serve log through Ray; `about` says which replica it is."""
    for name in OURS:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [ToRay(about)], False
        logger.setLevel(logging.INFO)


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """Returns what a line says, apart from a traceback."""
    time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    fields: dict[str, Any] = {
        "severity": record.levelname,
        "time": f"{time[:-6]}Z",
        "logger": record.name,
        "message": record.getMessage(),
    }
    if (call := calls.current()).request_id:
        fields |= {"caller": call.caller, "request_id": call.request_id}
        if call.trace_id:
            fields |= {"trace_id": call.trace_id, "span_id": call.span_id}
    return fields | record.__dict__.get(FIELDS, {})
