"""Every error that Earwitness raises on purpose, and the gRPC status that each becomes.

    * EarwitnessError            INTERNAL
      + InvalidInput             INVALID_ARGUMENT     a request, file or row that can never succeed
        - UnreadableAudio
        - MalformedRow
        - UnknownKey
      + NotFound                 NOT_FOUND            a model, benchmark or run that does not exist
      + NotReady                 FAILED_PRECONDITION  the machine is not in the state that is needed
      + Unauthenticated          UNAUTHENTICATED      no token, or one that is nobody's
      + PermissionDenied         PERMISSION_DENIED    a known caller without the right
      + Overloaded               RESOURCE_EXHAUSTED   try again after `retry_after_s`
        - QuotaExceeded
      + Unavailable              UNAVAILABLE          a peer that does not answer, now
      + DeadlineExceeded         DEADLINE_EXCEEDED
      + EngineFailure            INTERNAL             a model engine failed

The module knows nothing of grpc: `earwitness.status` translates.
Errors are picklable, since Ray and process pools carry them.
"""

from typing import ClassVar


class EarwitnessError(Exception):
    """The base class: a `message` in one sentence, the `field` at fault if there is one, and the `remedy`."""

    code: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str, field: str = "", remedy: str = "") -> None:
        super().__init__(message, field, remedy)
        self.message = message
        self.field = field
        self.remedy = remedy

    def __str__(self) -> str:
        text = f"{self.field}: {self.message}" if self.field else self.message
        return f"{text} ({self.remedy})" if self.remedy else text


class InvalidInput(EarwitnessError):
    """A request, file or option that can never succeed as it is."""

    code = "INVALID_ARGUMENT"


class UnreadableAudio(InvalidInput):
    """Bytes that no decoder takes for audio, or audio without a sample."""


class MalformedRow(InvalidInput):
    """A row of a data file that breaks its format; `field` reads `file:line: column`."""


class UnknownKey(InvalidInput):
    """A configuration key that does not exist."""


class NotFound(EarwitnessError):
    """A model, benchmark, run or file that does not exist."""

    code = "NOT_FOUND"


class NotReady(EarwitnessError):
    """The machine is not in the state that the operation needs: a port in use, a model not prepared."""

    code = "FAILED_PRECONDITION"


class Unauthenticated(EarwitnessError):
    """The call carries no token, or one that is nobody's. What it carried stands in no message."""

    code = "UNAUTHENTICATED"


class PermissionDenied(EarwitnessError):
    """The caller is known, and may not do this."""

    code = "PERMISSION_DENIED"


class Overloaded(EarwitnessError):
    """A queue is full; the caller may try again after `retry_after_s` seconds."""

    code = "RESOURCE_EXHAUSTED"

    def __init__(self, message: str, field: str = "", remedy: str = "", retry_after_s: float = 1.0) -> None:
        super().__init__(message, field, remedy)
        self.args = (message, field, remedy, retry_after_s)
        self.retry_after_s = retry_after_s


class QuotaExceeded(Overloaded):
    """The caller has had its own share, whatever room the server has; it may try again after `retry_after_s`."""


class Unavailable(EarwitnessError):
    """A peer does not answer at the moment."""

    code = "UNAVAILABLE"


class DeadlineExceeded(EarwitnessError):
    """The caller's deadline passed before the answer was ready."""

    code = "DEADLINE_EXCEEDED"


class EngineFailure(EarwitnessError):
    """A model engine failed while it worked on a valid request."""
