"""HTTP/1.1 connections to one address, each kept open for the next call: a POST and its reply, and nothing else.

A sweep makes millions of such calls, and what a general client does for each (sessions, cookies, redirects, streams)
takes as long as all else that the evaluator does for an item. The parser is httptools, which is Node's.
Source: RFC 9112 (HTTP/1.1), RFC 9110, section 9.3.6 (CONNECT).
"""

import asyncio
import base64
import functools
import ssl
import time
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

CONNECT_TIMEOUT_S = 10.0
KEEP_ALIVE_S = 60.0
"""How long a connection may lie idle before the next call opens another."""
MAX_REPLY_BYTES = 64 << 20
_AT_ONCE_BYTES = 1 << 16
"""A body up to here is joined with its head: one segment instead of two."""


class Reply(NamedTuple):
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    """By name in small letters."""
    content: bytes


class Connections:
    """The connections to one URL, as many as there are calls at once. Use it within one event loop."""

    def __init__(self, url: str, headers: Mapping[str, str], *, timeout_s: float) -> None:
        """Connects lazily, by the proxy that the environment names, if any. `timeout_s` is that of a whole call."""
        self._url = urlsplit(url)
        self._timeout_s = timeout_s
        self._proxy = _proxy_of(self._url)
        self._head = self._head_of(headers)
        self._idle: list[_Line] = []
        self._lines: set[_Line] = set()

    async def post(self, body: bytes) -> Reply:
        """Posts a body and returns the reply; raises TimeoutError after `timeout_s`, OSError where there is none."""
        deadline = time.monotonic() + self._timeout_s
        line = self._taken() or await self._opened(min(CONNECT_TIMEOUT_S, self._timeout_s))
        head = b"%sContent-Length: %d\r\n\r\n" % (self._head, len(body))
        reply = await line.ask(head, body, deadline - time.monotonic())
        if line.is_open:
            line.idle_since = time.monotonic()
            self._idle.append(line)
        return reply

    def close(self) -> None:
        """Ends every connection; calls under way raise ConnectionError."""
        for line in tuple(self._lines):
            line.end(ConnectionAbortedError("the client was closed"))

    def _taken(self) -> "_Line | None":
        """Takes the connection that was used last, if it is open and fresh."""
        while self._idle:
            line = self._idle.pop()
            if line.is_open and time.monotonic() - line.idle_since < KEEP_ALIVE_S:
                return line
            line.end(ConnectionAbortedError("idle for too long"))
        return None

    async def _opened(self, within_s: float) -> "_Line":
        try:
            async with asyncio.timeout(within_s):
                line = await self._connected()
        except TimeoutError:
            raise ConnectionError(f"no connection within {within_s:g} s") from None
        self._lines.add(line)
        line.on_end = self._lines.discard
        return line

    async def _connected(self) -> "_Line":
        """Opens a connection: straight, or through the proxy, where TLS goes within a tunnel."""
        loop, url, secure = asyncio.get_running_loop(), self._url, self._url.scheme == "https"
        to = self._proxy or url
        tls = self._tls if secure and self._proxy is None else None
        _, line = await loop.create_connection(_Line, _host(to), _port(to), ssl=tls)
        if self._proxy is None or not secure:
            return line
        target = f"{_bracketed(_host(url))}:{_port(url)}"
        connect = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{_proxy_key(self._proxy)}\r\n"
        answer = await line.ask(connect.encode(), b"", CONNECT_TIMEOUT_S, connect=True)
        if answer.status != 200:
            line.end(ConnectionAbortedError("refused"))
            raise ConnectionError(f"the proxy {_host(self._proxy)} answers HTTP {answer.status}")
        inner = _Line()
        transport = await loop.start_tls(line.transport, inner, self._tls, server_hostname=_host(url))
        assert transport is not None
        inner.connection_made(transport)
        return inner

    @functools.cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    def _head_of(self, headers: Mapping[str, str]) -> bytes:
        """Returns the request's head but for its last lines, the same for every call."""
        url, by_proxy = self._url, self._proxy is not None and self._url.scheme == "http"
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        host = url.netloc.rpartition("@")[2]
        target = f"http://{host}{path}" if by_proxy else path
        lines = [f"POST {target} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers.items())]
        return ("\r\n".join(lines) + "\r\n" + (_proxy_key(self._proxy) if by_proxy else "")).encode("latin-1")


class _Line(asyncio.Protocol):
    """One connection, and the parser's callbacks for the reply that it waits for."""

    def __init__(self) -> None:
        import httptools

        self.transport: Any = None
        self.is_open = True
        self.idle_since = 0.0
        self.on_end: Any = None
        self._new_parser = functools.partial(httptools.HttpResponseParser, self)
        self._failures: tuple[type[Exception], ...] = (httptools.HttpParserError,)
        self._parser: Any = self._new_parser()
        self._waiter: asyncio.Future[Reply] | None = None
        self._connects = False
        self._forget()

    async def ask(self, head: bytes, body: bytes, within_s: float, *, connect: bool = False) -> Reply:
        """Sends a request and returns its reply; where that fails, the connection is at its end."""
        if not self.is_open:
            raise ConnectionResetError("the server closed the connection")
        loop = asyncio.get_running_loop()
        self._waiter, self._connects = loop.create_future(), connect
        if len(body) <= _AT_ONCE_BYTES:
            self.transport.write(head + body)
        else:
            self.transport.write(head)
            self.transport.write(body)
        timer = loop.call_later(max(within_s, 0.0), self.end, TimeoutError())
        try:
            return await self._waiter
        except BaseException as error:
            self.end(error)
            raise
        finally:
            timer.cancel()
            self._waiter = None

    def end(self, error: BaseException) -> None:
        """Ends the connection, and with it the call that waits, if any."""
        self.is_open = False
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)
        if self.transport is not None:
            self.transport.abort()
        if self.on_end is not None:
            self.on_end(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol. A reply of no stated length ends so."""
        if exc is None and self._until_close and self._waiter is not None and not self._waiter.done():
            self._settle(keep=False)
        self.end(exc or ConnectionResetError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._received += len(data)
        if self._waiter is None or self._received > MAX_REPLY_BYTES:
            self.end(ConnectionError(f"a reply of more than {MAX_REPLY_BYTES >> 20} MiB, or one to no question"))
            return
        try:
            self._parser.feed_data(data)
        except self._failures as error:
            self.end(ConnectionError(f"what came is not HTTP: {error}"))

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools."""
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """See httptools. The reply to CONNECT has no body: what follows is the tunnel's."""
        stated = {name.lower() for name, _ in self._headers}
        self._until_close = not stated & {b"content-length", b"transfer-encoding"}
        if self._connects and self._parser.get_status_code() >= 200:
            self._settle(keep=True)

    def on_body(self, body: bytes) -> None:
        """See httptools."""
        self._parts.append(body)

    def on_message_complete(self) -> None:
        """See httptools. A status below 200 says that the reply is still to come (RFC 9110, section 15.2)."""
        if self._connects or self._waiter is None or self._waiter.done():
            return
        if self._parser.get_status_code() >= 200:
            self._settle(keep=self._parser.should_keep_alive())
        else:
            self._forget()

    def _settle(self, *, keep: bool) -> None:
        assert self._waiter is not None
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self._headers}
        reply = Reply(self._parser.get_status_code(), headers, b"".join(self._parts))
        self._forget()
        if not self._waiter.done():
            self._waiter.set_result(reply)
        if not keep:
            self.end(ConnectionAbortedError("the server keeps no connection"))

    def _forget(self) -> None:
        self._headers: list[tuple[bytes, bytes]] = []
        self._parts: list[bytes] = []
        self._received = 0
        self._until_close = False


def _proxy_of(url: SplitResult) -> SplitResult | None:
    """Returns the proxy that the environment names for an address; raises ValueError for a kind that is not spoken."""
    named = None if proxy_bypass(url.netloc.rpartition("@")[2]) else getproxies().get(url.scheme)
    if not named:
        return None
    proxy = urlsplit(named if "://" in named else f"http://{named}")
    if proxy.scheme != "http" or not proxy.hostname:
        raise ValueError(
            f"the proxy of the environment, {proxy.scheme}://{proxy.hostname}, is none that speaks plain HTTP"
        )
    return proxy


def _proxy_key(proxy: SplitResult | None) -> str:
    if proxy is None or proxy.username is None:
        return ""
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return f"Proxy-Authorization: Basic {base64.b64encode(pair.encode()).decode()}\r\n"


def _host(url: SplitResult) -> str:
    return url.hostname or ""


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _port(url: SplitResult) -> int:
    return url.port or (443 if url.scheme == "https" else 80)
