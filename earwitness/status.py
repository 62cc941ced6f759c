"""Errors as google.rpc.Status and back: the one place where an Earwitness error becomes a gRPC status.

It knows nothing of connections: `earwitness.edge` sends what is made here, `earwitness.channel` reads it.
"""

from typing import TypeVar

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from earwitness import errors
from earwitness.errors import EarwitnessError

T = TypeVar("T", bound=Message)
DOMAIN = "earwitness"
MAX_MESSAGE_BYTES, MAX_FIELD_BYTES, MAX_REMEDY_BYTES = 512, 128, 256
"""What is longer is cut. gRPC refuses trailing metadata from 8 KiB on, and the error would reach nobody; it carries the
text as percent-encoded UTF-8 beside the base64 of the status."""
DETAILS_KEY = "grpc-status-details-bin"
"""The metadata key under which gRPC carries a google.rpc.Status."""

_BY_NAME: dict[str, type[EarwitnessError]] = {
    name: cls for name, cls in vars(errors).items() if isinstance(cls, type) and issubclass(cls, EarwitnessError)
}
_BY_CODE: dict[str, type[EarwitnessError]] = {
    "INVALID_ARGUMENT": errors.InvalidInput,
    "NOT_FOUND": errors.NotFound,
    "FAILED_PRECONDITION": errors.NotReady,
    "UNAUTHENTICATED": errors.Unauthenticated,
    "PERMISSION_DENIED": errors.PermissionDenied,
    "RESOURCE_EXHAUSTED": errors.Overloaded,
    "UNAVAILABLE": errors.Unavailable,
    "DEADLINE_EXCEEDED": errors.DeadlineExceeded,
    "UNIMPLEMENTED": errors.NotFound,  # another service answers at the address: no use in trying again
}


def to_status(error: EarwitnessError) -> status_pb2.Status:
    """Describes an error with ErrorInfo (its class), BadRequest (its field), RetryInfo (when to try again) and
    QuotaFailure (whose share is spent).
    """
    message, field = _cut(error.message, MAX_MESSAGE_BYTES), _cut(error.field, MAX_FIELD_BYTES)
    remedy = _cut(error.remedy, MAX_REMEDY_BYTES)
    about = {"field": field, "remedy": remedy}
    details: list[Message] = [error_details_pb2.ErrorInfo(reason=type(error).__name__, domain=DOMAIN, metadata=about)]
    if isinstance(error, errors.InvalidInput):
        violation = error_details_pb2.BadRequest.FieldViolation(field=field, description=message)
        details.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if isinstance(error, errors.Overloaded):
        info = error_details_pb2.RetryInfo()
        info.retry_delay.FromNanoseconds(round(error.retry_after_s * 1e9))
        details.append(info)
    if isinstance(error, errors.QuotaExceeded):
        spent = error_details_pb2.QuotaFailure.Violation(subject=field, description=message)
        details.append(error_details_pb2.QuotaFailure(violations=[spent]))
    text = str(EarwitnessError(message, field, remedy))
    return status_pb2.Status(
        code=code_pb2.Code.Value(error.code), message=text, details=[_pack(detail) for detail in details]
    )


def from_status(status: status_pb2.Status) -> EarwitnessError:
    """Rebuilds the error that `to_status` described; a status of another origin becomes the nearest class."""
    code = code_pb2.Code.Name(status.code) if status.code in code_pb2.Code.values() else "UNKNOWN"
    cls, field, message, remedy = _BY_CODE.get(code, EarwitnessError), "", status.message, ""
    info, bad = _find(status, error_details_pb2.ErrorInfo), _find(status, error_details_pb2.BadRequest)
    if info is not None and info.domain == DOMAIN:
        cls, field, remedy = _BY_NAME.get(info.reason, cls), info.metadata["field"], info.metadata["remedy"]
        message = _bare(message, field, remedy)
    elif bad is not None and bad.field_violations:
        field, message = bad.field_violations[0].field, bad.field_violations[0].description
    if issubclass(cls, errors.Overloaded):
        retry = _find(status, error_details_pb2.RetryInfo)
        return cls(message, field, remedy, retry.retry_delay.ToNanoseconds() / 1e9 if retry is not None else 1.0)
    return cls(message, field, remedy)


def grpc_code(error: EarwitnessError) -> grpc.StatusCode:
    """Returns the status code of an error's class."""
    return grpc.StatusCode[error.code]


def _bare(text: str, field: str, remedy: str) -> str:
    """Takes away what `str(error)` put around the message, so that an error survives the wire unchanged."""
    text = text.removeprefix(f"{field}: ") if field else text
    return text.removesuffix(f" ({remedy})") if remedy else text


def _cut(text: str, max_bytes: int) -> str:
    """Returns what fits of the text; what UTF-8 cannot say, such as half of a surrogate pair, becomes `?`."""
    data = text.encode(errors="replace")
    return data.decode() if len(data) <= max_bytes else data[: max_bytes - 3].decode(errors="ignore") + "…"


def _pack(message: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed


def _find(status: status_pb2.Status, kind: type[T]) -> T | None:
    """Returns the first detail of a kind."""
    for detail in status.details:
        message = kind()
        if detail.Unpack(message):
            return message
    return None
