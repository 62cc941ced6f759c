"""A real HTTP server that speaks the hub's endpoints for datasets, and fails in the ways that networks do."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(kw_only=True)
class HubServer:
    """What it serves, how it fails, and what it was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    in_git: set[str] = field(default_factory=set)
    """Paths without an LFS object."""
    sent_instead: dict[str, bytes] = field(default_factory=dict)
    """Other bytes than the listing promises."""
    breaks: list[int] = field(default_factory=list)
    """After how many bytes each of the next answers breaks off."""
    statuses: list[int] = field(default_factory=list)
    """With which the next requests are refused."""
    knows_ranges: bool = True
    page_size: int = 1000
    token: str = ""
    """Wanted of every request."""
    elsewhere: str = ""
    """The address to which files are redirected."""
    revision: str = "main"
    address: str = ""
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Path, `Range` and `Authorization` of each request."""

    def row(self, path: str) -> dict:
        content = self.files[path]
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        row = {"type": "file", "path": path, "size": len(content), "oid": blob}
        if path not in self.in_git:
            digest = hashlib.sha256(content).hexdigest()
            row |= {"oid": "0" * 40, "lfs": {"oid": digest, "size": len(content), "pointerSize": 130}}
        return row

    def ranges(self) -> list[str]:
        return [asked for _, asked, _ in self.asked if asked]


def handler(hub: HubServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self.close_connection = True
            authorization = self.headers.get("Authorization", "")
            hub.asked.append((self.path, self.headers.get("Range", ""), authorization))
            if hub.statuses:
                return self.answer(hub.statuses.pop(0), b"")
            if hub.token and authorization != f"Bearer {hub.token}":
                return self.answer(401, b"")
            parts = urlsplit(self.path)
            route, _, rest = parts.path.partition("/tree/" if parts.path.startswith("/api") else "/resolve/")
            revision, _, path = rest.partition("/")
            if unquote(revision) != hub.revision:
                return self.answer(404, b"")
            if route.startswith("/api/datasets/"):
                return self.tree(int(parse_qs(parts.query).get("cursor", ["0"])[0]))
            return self.file(unquote(path))

        def tree(self, start: int) -> None:
            rows = [{"type": "directory", "path": "data", "oid": ""}, *(hub.row(path) for path in hub.files)]
            end = start + hub.page_size
            here = f"{hub.address}{urlsplit(self.path).path}"
            link = f'<{here}?recursive=true&cursor={end}>; rel="next"'
            self.answer(200, json.dumps(rows[start:end]).encode(), {"Link": link} if end < len(rows) else {})

        def file(self, path: str) -> None:
            if path not in hub.files:
                return self.answer(404, b"")
            if hub.elsewhere:
                return self.answer(302, b"", {"Location": f"{hub.elsewhere}{self.path}"})
            content = hub.sent_instead.get(path, hub.files[path])
            start = self.headers.get("Range", "")
            if start and hub.knows_ranges:
                first = int(start.removeprefix("bytes=").removesuffix("-"))
                span = f"bytes {first}-{len(content) - 1}/{len(content)}"
                return self.answer(206, content[first:], {"Content-Range": span})
            return self.answer(200, content)

        def answer(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            cut = hub.breaks.pop(0) if content and hub.breaks and "/resolve/" in self.path else len(content)
            self.wfile.write(content[:cut])

    return Handler


@contextmanager
def serving(hub: HubServer) -> Iterator[HubServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(hub))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    hub.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
