"""TLS for a plain server, over gRPC and over HTTP, and for its clients, from PEM files.

A server reads changed files again, and what is new counts for new connections. Ciphers are gRPC's and OpenSSL's choice.
"""

import logging
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import grpc

from earwitness.errors import InvalidInput, NotFound
from earwitness.watched import LOOK_EVERY_S, Watched

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerTls:
    """A server's certificate, and whose clients it takes."""

    cert: Path
    """The certificate chain, the server's own first."""
    key: Path
    """Its private key, without a passphrase."""
    client_ca: Path | None = None
    """Where given, a client must show a certificate that one of these signed (mutual TLS)."""

    def credentials(self) -> grpc.ServerCredentials:
        """Returns what gRPC wants. Reads the files, again before a handshake once one of them has changed.

        Raises NotFound and InvalidInput, such as for a key of another certificate.
        """
        watched = Watched(self._files, self._configuration, every_s=LOOK_EVERY_S)
        given = watched.value()

        def fetch() -> grpc.ServerCertificateConfiguration | None:
            """Returns what is new since the handshake before."""
            nonlocal given
            before, given = given, watched.value()
            return None if given is before else given

        return grpc.dynamic_ssl_server_credentials(given, cast(Any, fetch), self.client_ca is not None)

    def context(self) -> ssl.SSLContext:
        """Returns what a server of HTTP wants; reads and raises as `credentials` does."""
        watched = Watched(self._files, self._context, every_s=LOOK_EVERY_S)
        first = watched.value()

        def choose(connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, context: ssl.SSLContext) -> None:
            """Is called in every handshake, whether the client names a server or not."""
            connection.context = watched.value()

        first.sni_callback = choose
        return first

    @property
    def _files(self) -> list[Path]:
        return [self.cert, self.key, *([self.client_ca] if self.client_ca else [])]

    def _context(self) -> ssl.SSLContext:
        context = require_pair(self.cert, self.key, ("--tls-cert", "--tls-key"))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.client_ca:
            context.load_verify_locations(cadata=require_roots(self.client_ca, "--tls-client-ca").decode())
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _configuration(self) -> grpc.ServerCertificateConfiguration:
        require_pair(self.cert, self.key, ("--tls-cert", "--tls-key"))
        roots = require_roots(self.client_ca, "--tls-client-ca") if self.client_ca else None
        return grpc.ssl_server_certificate_configuration([(self.key.read_bytes(), self.cert.read_bytes())], roots)


def require_pair(cert: Path, key: Path, fields: tuple[str, str]) -> ssl.SSLContext:
    """Returns a server's context with a certificate chain and its key.

    Raises NotFound and InvalidInput for what is none, where gRPC would not say why.
    """
    for path, field in zip((cert, key), fields, strict=True):
        _require_readable(path, field)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(cert, key, password=lambda: "")
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or "the key cannot be read"
        remedy = "PEM: the certificate chain in one file, its key without a passphrase in the other"
        raise InvalidInput(f"certificate and key do not go together: {reason}", fields[0], remedy) from None
    return context


def require_roots(file: Path, field: str) -> bytes:
    """Returns a file of certificates in PEM; raises NotFound, and InvalidInput where it holds none."""
    _require_readable(file, field)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except ssl.SSLError:
        raise InvalidInput(f"{file} holds no certificate", field, "PEM, with BEGIN CERTIFICATE") from None
    return file.read_bytes()


def _require_readable(file: Path, field: str) -> None:
    try:
        file.open("rb").close()
    except FileNotFoundError:
        raise NotFound(f"there is no file {file}", field) from None
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}", field) from None
