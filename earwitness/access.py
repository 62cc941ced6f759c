"""How a client gets into a service: TLS, a certificate of its own, a bearer token. The counterpart of `gate` and `tls`.

Without arguments a client takes it from the environment: EARWITNESS_TLS=1 trusts gRPC's own roots, EARWITNESS_TLS_CA a
file; EARWITNESS_TLS_CERT and EARWITNESS_TLS_KEY are the client's own; EARWITNESS_TLS_SERVER_NAME is the name in the
server's certificate where it is not the address; EARWITNESS_TOKEN_FILE or EARWITNESS_TOKEN is the token.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from earwitness.callers import TOKEN
from earwitness.errors import InvalidInput, NotFound
from earwitness.tls import require_pair, require_roots
from earwitness.watched import LOOK_EVERY_S, Watched

MAX_TOKEN_FILE_BYTES = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """What a client shows and whom it trusts; nothing of it by default."""

    tls: bool = False
    """Speak TLS; any of the next four means it too."""
    ca: Path | None = None
    """Root certificates; None for those that come with gRPC."""
    cert: Path | None = None
    key: Path | None = None
    server_name: str = ""
    token: str = field(default="", repr=False)
    token_file: Path | None = None
    """Read again when it changes; it goes before `token`."""

    @classmethod
    def from_environment(cls) -> "Access":
        """Reads the variables that the module names; an empty one is none."""
        path = {key: Path(value) if (value := os.environ.get(f"EARWITNESS_{key}")) else None for key in _PATHS}
        return cls(
            tls=os.environ.get("EARWITNESS_TLS", "").lower() in ("1", "true", "yes", "on"),
            ca=path["TLS_CA"],
            cert=path["TLS_CERT"],
            key=path["TLS_KEY"],
            server_name=os.environ.get("EARWITNESS_TLS_SERVER_NAME", ""),
            token=os.environ.get("EARWITNESS_TOKEN", ""),
            token_file=path["TOKEN_FILE"],
        )

    def credentials(self) -> grpc.ChannelCredentials | None:
        """Returns what a TLS channel wants, None for one in clear text; raises NotFound and InvalidInput."""
        if (self.cert is None) != (self.key is None):
            raise InvalidInput("a certificate and its key come together", "tls", "give both or none")
        if not (self.tls or self.ca or self.cert or self.server_name):
            return None
        roots = require_roots(self.ca, "tls_ca") if self.ca else None
        if self.cert is None or self.key is None:
            return grpc.ssl_channel_credentials(roots)
        require_pair(self.cert, self.key, ("tls_cert", "tls_key"))
        return grpc.ssl_channel_credentials(roots, self.key.read_bytes(), self.cert.read_bytes())

    def bearer(self) -> "Bearer":
        """Returns the token's source; raises NotFound and InvalidInput for a file or variable without a token."""
        return Bearer(self)


class Bearer:
    """A token that may change under the client."""

    def __init__(self, access: Access, *, every_s: float = LOOK_EVERY_S) -> None:
        """See Access.bearer; looks at the file at most every `every_s` seconds."""
        self._file = access.token_file
        self._watched = Watched([self._file], lambda: _read(access.token_file), every_s=every_s) if self._file else None
        self._token = _checked(access.token, "EARWITNESS_TOKEN") if access.token and not self._file else ""

    def token(self) -> str:
        """Returns the token of now; "" for none."""
        return self._watched.value() if self._watched else self._token


_PATHS = ("TLS_CA", "TLS_CERT", "TLS_KEY", "TOKEN_FILE")


def _read(file: Path | None) -> str:
    assert file is not None
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_TOKEN_FILE_BYTES)
    except FileNotFoundError:
        raise NotFound("there is no such token file", str(file)) from None
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror}", str(file)) from None
    return _checked(data.decode("ascii", errors="replace").strip(), str(file))


def _checked(token: str, place: str) -> str:
    """Returns the token; what is none is not repeated."""
    if not TOKEN.fullmatch(token):
        raise InvalidInput("holds no token", place, "16 to 512 visible ASCII characters, and nothing else")
    return token
