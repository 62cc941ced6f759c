"""Errors as OpenAI says them: an HTTP status, and a body with message, type, param and code.

Source: OpenAI, "Error codes" (https://platform.openai.com/docs/guides/error-codes).
"""

import math
from collections.abc import Mapping

import msgspec

from earwitness.edge import as_known
from earwitness.errors import EarwitnessError, NotFound, Overloaded

_STATUS = {
    "INVALID_ARGUMENT": (400, "invalid_request_error"),
    "UNAUTHENTICATED": (401, "authentication_error"),
    "PERMISSION_DENIED": (403, "permission_error"),
    "NOT_FOUND": (404, "invalid_request_error"),
    "RESOURCE_EXHAUSTED": (429, "rate_limit_error"),
    "FAILED_PRECONDITION": (503, "server_error"),
    "UNAVAILABLE": (503, "server_error"),
    "DEADLINE_EXCEEDED": (504, "server_error"),
}


def failure(error: Exception, names: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
    """Returns status, headers and body; what is no error of ours is logged and becomes a 500 that names the entry.

    `names` are those that the endpoint has for our fields, where they differ.
    """
    known = as_known(error)
    known.field = names.get(known.field, known.field)
    status, kind = _STATUS.get(known.code, (500, "server_error"))
    headers: dict[str, str] = {}
    if isinstance(known, Overloaded):
        headers["Retry-After"] = str(math.ceil(known.retry_after_s))
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return status, headers, msgspec.json.encode(described(known, kind))


def described(error: EarwitnessError, kind: str = "server_error") -> dict[str, dict[str, str | None]]:
    """Returns the body."""
    code = "model_not_found" if isinstance(error, NotFound) and error.field == "model" else error.code.lower()
    return {"error": {"message": str(error), "type": kind, "param": error.field or None, "code": code}}
