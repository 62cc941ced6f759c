"""Who may see and change what: sessions, sign-in, and the checks that every request passes.

A session is a random name in a cookie that no script reads and no other site sends; a form carries the session's own
token back. Where nobody has to sign in, a request has to name this machine as its host, so that a foreign page cannot
reach the site under a name of its own that leads here (DNS rebinding).
"""

import hashlib
import hmac
import ipaddress
import time
from collections.abc import Mapping
from pathlib import Path

from earwitness.callers import TOKEN, Caller, Callers, read_callers
from earwitness.errors import InvalidInput, PermissionDenied, Unauthenticated
from earwitness.watched import Watched
from services.evaluator.web.limits import Limits
from services.evaluator.web.page import Session

COOKIE = "earwitness"
RIGHT = "evaluator"
"""What a caller of a callers file needs."""
SESSION_S = 12 * 3600.0
"""A session that is not used for so long is over."""
MAX_SESSIONS = 10_000
READER = "reader"
"""Who has the one token of a token file."""
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class Guard:
    """The sessions of a site, and who may sign in. For one event loop."""

    def __init__(self, token_file: Path | None = None) -> None:
        """Raises NotFound and InvalidInput for a token file that cannot be used; it is read again when it changes."""
        self._callers: Watched[Callers] | None = None
        if token_file is not None:
            self._callers = Watched([token_file], lambda: _read(token_file))
        self._sessions: dict[str, Session] = {}
        self.limits = Limits()

    @property
    def asks_token(self) -> bool:
        """Whether one has to sign in."""
        return self._callers is not None

    def session(self, cookie: str) -> Session:
        """Returns the session of a cookie, or a new one."""
        now = time.monotonic()
        session = self._sessions.get(cookie)
        if session is None or now - session.seen_at > SESSION_S:
            self._sessions.pop(cookie, None)
            session = Session()
        session.seen_at = now
        return session

    def keep(self, session: Session) -> None:
        """Remembers a session; of too many, the one that was used least lately is forgotten."""
        self._sessions.pop(session.id, None)
        self._sessions[session.id] = session
        while len(self._sessions) > MAX_SESSIONS:
            del self._sessions[next(iter(self._sessions))]

    def sign_in(self, session: Session, token: str, address: str) -> Session:
        """Returns a new session, signed in; the old one is forgotten.

        Raises Unauthenticated and PermissionDenied, and Overloaded where too many wrong tokens came from the address.
        """
        caller = self._caller(token, address)
        self._sessions.pop(session.id, None)
        return Session(name=caller.name)

    def sign_out(self, session: Session) -> None:
        """Forgets a session."""
        self._sessions.pop(session.id, None)

    def bearer(self, token: str, address: str) -> str:
        """Returns the name of a program that shows its token with each request; raises as `sign_in` does."""
        return self._caller(token, address).name

    def check_form(self, session: Session, sent: str, site: str) -> None:
        """Raises PermissionDenied for a form that this site did not make for this session.

        `site` is the header `Sec-Fetch-Site`, "" from browsers that send none.
        """
        if site not in ("", "same-origin") or not hmac.compare_digest(sent.encode(), session.csrf.encode()):
            raise PermissionDenied("the form is not of this session", "form", "load the page anew and send it again")

    def check_host(self, host: str, bound: str) -> None:
        """Raises PermissionDenied where anybody is let in and the request's host is not this machine's own name."""
        if self.asks_token or not _is_loopback(bound):
            return
        if not _is_loopback(_name(host)):
            raise PermissionDenied("the request names another host", "Host", "open the address that was printed")

    def _caller(self, token: str, address: str) -> Caller:
        if self._callers is None:
            raise Unauthenticated("nobody has to sign in here", "token")
        self.limits.check_attempts(address)
        caller = self._callers.value().find(token)
        if caller is None:
            self.limits.note_wrong(address)
            raise Unauthenticated("the token is nobody's", "token", "ask the operator for one")
        if RIGHT not in caller.rights:
            raise PermissionDenied(
                f"{caller.name} may not see the evaluator", "token", "ask the operator for the right"
            )
        return caller


def _read(file: Path) -> Callers:
    """Reads a file with one token, or a callers file."""
    try:
        with file.open("rb") as opened:
            alone = opened.read(1024).strip()
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror}", str(file), "name a file with a token") from None
    if not TOKEN.fullmatch(alone.decode("ascii", errors="replace")):
        return read_callers(file)
    return Callers(entries=((hashlib.sha256(alone).digest(), Caller(name=READER)),))


def _name(host: str) -> str:
    """Returns the name in a Host header, without the port."""
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def _is_loopback(name: str) -> bool:
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
