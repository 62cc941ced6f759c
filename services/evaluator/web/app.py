"""The site over HTTP: addresses, sessions, errors as pages, and files. Heavy: imports aiohttp."""

import asyncio
import logging
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from inspect import iscoroutinefunction
from typing import cast
from urllib.parse import urlsplit

from aiohttp import web

from earwitness import edge
from earwitness.errors import EarwitnessError, NotReady, Overloaded, PermissionDenied, Unauthenticated
from services.evaluator.web.guard import COOKIE, HEADERS, SESSION_S, Guard
from services.evaluator.web.page import (
    Asked,
    AsyncView,
    File,
    LiveView,
    Page,
    Redirect,
    Reply,
    Session,
    Site,
    View,
    address,
)
from services.evaluator.web.pages import ROUTES
from services.evaluator.web.render import REPORT_CSS, STATIC, render

MAX_FORM_BYTES = 1 << 18
STATUSES: Mapping[str, int] = {
    "INVALID_ARGUMENT": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 503,
    "UNAVAILABLE": 503,
}
"""By an error's code; 500 for all others."""
BEARER = "bearer "
SIGN_IN = "/sign-in"
FOR_ALL = (SIGN_IN, "/static/")
SESSION: web.RequestKey[Session] = web.RequestKey("session", Session)
GOODBYE_S = 1.0
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
log = logging.getLogger(__name__)


class Front:
    """The HTTP around a site. For one event loop."""

    def __init__(self, site: Site, guard: Guard, host: str) -> None:
        """`host` is the address that is listened at."""
        self._site, self._guard, self._host = site, guard, host
        site.asks_token = guard.asks_token

    def application(self) -> web.Application:
        """Returns the application."""
        made = web.Application(middlewares=[self._checked], client_max_size=MAX_FORM_BYTES)
        for method, path, view in ROUTES:
            made.router.add_route(method, path, self._live(view) if isinstance(view, LiveView) else self._page(view))
        made.router.add_get(SIGN_IN, self._show_sign_in)
        made.router.add_post(SIGN_IN, self._sign_in)
        made.router.add_post("/sign-out", self._sign_out)
        made.router.add_get("/static/report.css", self._report_css)
        made.router.add_static("/static/", STATIC)
        return made

    @web.middleware
    async def _checked(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Lets a request in or not, and makes pages of errors."""
        session = self._guard.session(cookie := request.cookies.get(COOKIE, ""))
        is_new = session.id != cookie
        try:
            self._guard.check_host(request.host, self._host)
            if program := self._program(request, session):
                session, is_new = program, False
            request[SESSION] = session
            if self._guard.asks_token and not session.name and not request.path.startswith(FOR_ALL):
                raise Unauthenticated("the page is for those who have signed in", "token")
            response = await handler(request)
        except web.HTTPException as error:
            response = self._failed(session, error.status, error.reason)
        except Exception as error:
            response = self._told(request, session, error)
        if isinstance(response, _Signed):
            session, is_new = response.session, True
        if is_new and not request.path.startswith("/static/") and not response.prepared:
            self._guard.keep(session)
            secure = self._site.config.secure
            response.set_cookie(
                COOKIE, session.id, httponly=True, samesite="Strict", secure=secure, max_age=int(SESSION_S), path="/"
            )
        if not response.prepared:
            response.headers.update(HEADERS)
            response.headers.setdefault("Cache-Control", "no-store" if self._guard.asks_token else "no-cache")
        return response

    def _program(self, request: web.Request, session: Session) -> Session | None:
        """Returns the session of a program that shows its token each time; raises Overloaded after too many wrong."""
        sent = request.headers.get("Authorization", "")
        if session.name or request.method != "GET" or not sent.lower().startswith(BEARER):
            return None
        try:
            return Session(name=self._guard.bearer(sent[len(BEARER) :].strip(), self._peer(request)))
        except (Unauthenticated, PermissionDenied):
            return None

    def _peer(self, request: web.Request) -> str:
        """Returns whose request it is: behind a proxy, the address that the proxy added last."""
        told = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
        return (told if self._site.config.secure else "") or request.remote or ""

    def _told(self, request: web.Request, session: Session, error: Exception) -> web.StreamResponse:
        known = edge.as_known(error)
        status = STATUSES.get(known.code, 500)
        if isinstance(known, Unauthenticated) and request.method == "GET" and request.path != SIGN_IN:
            to = request.path_qs if request.headers.get("Sec-Fetch-Dest", "document") == "document" else "/"
            return web.Response(status=303, headers={"Location": address(SIGN_IN, to=to if to != "/" else "")})
        if status == 500:
            log.exception("%s %s", request.method, request.path, exc_info=error)
        response = self._failed(session, status, known.message, known.field, known.remedy)
        response.headers.update(_again(known))
        return response

    def _failed(self, session: Session, status: int, message: str, field: str = "", remedy: str = "") -> web.Response:
        values = {"status": status, "message": message, "field": field, "remedy": remedy}
        title = "Not found" if status == 404 else "That did not work"
        return self._drawn(Page(template="error.html.jinja", title=title, values=values, status=status), session)

    def _page(self, view: View | AsyncView) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            asked = await self._asked(request)
            if iscoroutinefunction(view):
                reply = await cast(AsyncView, view)(asked)
            else:
                reply = await asyncio.to_thread(cast(View, view), asked)
            return await self._replied(reply, request[SESSION])

        return handle

    def _live(self, view: LiveView) -> Handler:
        """Sends what a view yields as server-sent events, until the browser goes away or the site ends."""

        async def handle(request: web.Request) -> web.StreamResponse:
            asked = await self._asked(request)
            response = web.StreamResponse(headers={**HEADERS, "Cache-Control": "no-store", "X-Accel-Buffering": "no"})
            response.content_type = "text/event-stream"
            with self._guard.limits.watching(self._peer(request)):
                async with aclosing(view.stream(asked)) as events:
                    async for event in events:
                        if request.transport is None or request.transport.is_closing():
                            break
                        try:
                            if not response.prepared:
                                await response.prepare(request)
                            await response.write(event)
                        except ConnectionError:
                            break
            return response

        return handle

    async def _asked(self, request: web.Request) -> Asked:
        form: dict[str, str] = {}
        lists: dict[str, list[str]] = {}
        if request.method == "POST":
            for name, value in (await request.post()).items():
                if isinstance(value, str):
                    form[name] = value
                    lists.setdefault(name, []).append(value)
            sent = form.pop("csrf", "") or request.headers.get("X-CSRF-Token", "")
            self._guard.check_form(request[SESSION], sent, request.headers.get("Sec-Fetch-Site", ""))
        return Asked(
            site=self._site,
            session=request[SESSION],
            parts=dict(request.match_info),
            query=dict(request.query),
            form=form,
            lists=lists,
        )

    async def _replied(self, reply: Reply, session: Session) -> web.StreamResponse:
        if isinstance(reply, Redirect):
            return web.Response(status=303, headers={"Location": reply.to})
        if isinstance(reply, File):
            headers = {"Content-Type": reply.kind, "Cache-Control": "private, max-age=86400, immutable"}
            return web.FileResponse(reply.path, headers=headers)
        return await asyncio.to_thread(self._drawn, reply, session)

    def _drawn(self, page: Page, session: Session) -> web.Response:
        text = render(page, self._site, session)
        return web.Response(text=text, status=page.status, content_type="text/html")

    async def _show_sign_in(self, request: web.Request) -> web.StreamResponse:
        if request[SESSION].name or not self._guard.asks_token:
            return web.Response(status=303, headers={"Location": "/"})
        return self._sign_in_page(request[SESSION], request.query.get("to", ""))

    def _sign_in_page(self, session: Session, to: str, wrong: EarwitnessError | None = None) -> web.Response:
        status = STATUSES.get(wrong.code, 401) if wrong else 200
        values = {"to": to, "wrong": wrong}
        page = Page(template="sign_in.html.jinja", title="Sign in", values=values, status=status)
        response = self._drawn(page, session)
        response.headers.update(_again(wrong))
        return response

    async def _sign_in(self, request: web.Request) -> web.StreamResponse:
        asked = await self._asked(request)
        to = asked.form.get("to", "")
        try:
            token, peer = asked.form.get("token", "").strip(), self._peer(request)
            session = self._guard.sign_in(request[SESSION], token, peer)
        except EarwitnessError as error:
            return self._sign_in_page(request[SESSION], to, error)
        return _Signed(session, to if _is_here(to) else "/")

    async def _sign_out(self, request: web.Request) -> web.StreamResponse:
        await self._asked(request)
        self._guard.sign_out(request[SESSION])
        return _Signed(Session(), "/")

    async def _report_css(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(REPORT_CSS)


class _Signed(web.Response):
    """Goes on elsewhere under another session."""

    def __init__(self, session: Session, to: str) -> None:
        super().__init__(status=303, headers={"Location": to})
        self.session = session


def _again(error: EarwitnessError | None) -> dict[str, str]:
    """Returns the header that says when to try again, where that may help."""
    return {"Retry-After": str(math.ceil(error.retry_after_s))} if isinstance(error, Overloaded) else {}


def _is_here(to: str) -> bool:
    """Returns whether an address is a path of this site: one with two slashes of either kind leads elsewhere."""
    parts = urlsplit(to)
    return to.startswith("/") and not (parts.scheme or parts.netloc or "\\" in to)


@asynccontextmanager
async def serving(site: Site, guard: Guard, *, host: str = "127.0.0.1", port: int = 0) -> AsyncGenerator[int]:
    """Serves a site for as long as the block lasts, on a free port for 0; yields the port.

    Raises NotReady where the port is taken.
    """
    runner = web.AppRunner(Front(site, guard, host).application(), access_log=None, shutdown_timeout=GOODBYE_S)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError:
            raise NotReady("the port is taken, or the address is not this machine's", f"{host}:{port}") from None
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
