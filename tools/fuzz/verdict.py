"""What an answer to nonsense may be: a result, or a refusal that says by its type what is wrong.

An INTERNAL is neither: the engines of the trial cannot fail, so it is always something that nobody thought of.
"""

from dataclasses import dataclass
from typing import Any

import msgspec
from google.rpc import error_details_pb2, status_pb2

from earwitness import errors
from earwitness.errors import EarwitnessError
from earwitness.status import DETAILS_KEY, DOMAIN

_OF_GRPC = {
    "UNIMPLEMENTED": ("",),
    "DEADLINE_EXCEEDED": ("",),
    "CANCELLED": ("",),
    "RESOURCE_EXHAUSTED": ("larger than max", "metadata size"),
}
"""What gRPC answers by itself, before a servicer hears of the call, and a part of its words."""
_WRITTEN = "Internal error from Core"
"""What grpc.aio's client says, in place of the refusal, of a stream that it was about to write to."""
_HTTP = {400, 401, 403, 404, 405, 408, 411, 413, 414, 415, 429, 431, 501, 503, 505}


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """How a call ended, in a few words for the table, and what is wrong with that."""

    ending: str
    fault: str = ""


def of_grpc(code: str, message: str, trailing: Any) -> Verdict:
    """Judges a status: `code` is gRPC's name, `trailing` its metadata."""
    if code == "OK":
        return Verdict(ending="OK")
    details = next((value for key, value in trailing or () if key == DETAILS_KEY), None)
    if details is None and message == _WRITTEN:
        return Verdict(ending="refused while it was written")
    if details is None:
        known = any(words in message for words in _OF_GRPC.get(code, ()))
        return Verdict(ending=f"{code} (gRPC)", fault="" if known else f"{code} without a reason: {message[:200]}")
    reason = _reason(status_pb2.Status.FromString(details))
    cls = getattr(errors, reason, None)
    if code in ("INTERNAL", "UNKNOWN"):
        return Verdict(ending=code, fault=f"{code}, {reason or 'no reason'}: {message[:200]}")
    if not (isinstance(cls, type) and issubclass(cls, EarwitnessError)) or cls.code != code:
        return Verdict(ending=code, fault=f"{code} for the reason {reason!r}")
    return Verdict(ending=f"{code} {reason}")


def of_http(status: int, content_type: str, body: bytes) -> Verdict:
    """Judges an HTTP reply: an error has a message, a type and a code, unless the server could not read the request."""
    if status == 200:
        return Verdict(ending="HTTP 200")
    ending = f"HTTP {status}"
    if status not in _HTTP:
        return Verdict(ending=ending, fault=f"{ending}: {body[:200]!r}")
    if "json" not in content_type:  # the HTTP library's own, for what is no HTTP
        return Verdict(ending=f"{ending} (library)", fault="" if status in (400, 413, 431) else f"{ending} as text")
    try:
        error = msgspec.json.decode(body)["error"]
        told = bool(error["message"] and error["type"] and error["code"])
    except (msgspec.DecodeError, KeyError, TypeError):
        told = False
    return Verdict(ending=ending, fault="" if told else f"{ending} without a reason: {body[:200]!r}")


def _reason(status: status_pb2.Status) -> str:
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info) and info.domain == DOMAIN:
            return info.reason
    return ""
