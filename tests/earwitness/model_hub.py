"""A model hub for tests: as much of the Hugging Face hub's HTTP interface as a download uses, over one small model."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_secret"

CONTENT = {
    "config.json": b'{"model_type": "llama"}',
    "generation_config.json": b"{}",
    "model.safetensors": bytes(range(256)),
    "tokenizer.json": b'{"model": {}}',
    "chat_template.jinja": b"{{ messages }}",
}
"""The files of `org/name`, which needs `TOKEN`. `org/gated` is refused to everybody."""


@contextmanager
def serve_hub() -> Iterator[str]:
    """Serves until the block ends; yields the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.answer()

    def do_HEAD(self) -> None:
        self.answer()

    def answer(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/api/models/org/gated") or path.startswith("/org/gated"):
            return self.send(403, b"", {"X-Error-Code": "GatedRepo"})
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.send(401, b"", {"X-Error-Code": "RepoNotFound"})
        if path == "/api/models/org/name/revision/lost":
            return self.send(404, b"", {"X-Error-Code": "RevisionNotFound"})
        if path in {"/api/models/org/name", *(f"/api/models/org/name/revision/{name}" for name in ("main", COMMIT))}:
            siblings = [{"rfilename": name} for name in CONTENT]
            return self.send(200, json.dumps({"id": "org/name", "sha": COMMIT, "siblings": siblings}).encode())
        if path == f"/api/models/org/name/tree/{COMMIT}":
            return self.send(200, json.dumps([self.entry(name) for name in CONTENT]).encode())
        name = path.removeprefix(f"/org/name/resolve/{COMMIT}/")
        if name not in CONTENT:
            return self.send(404, b"", {"X-Error-Code": "EntryNotFound"})
        etag = self.entry(name).get("lfs", self.entry(name))["oid"]
        return self.send(200, CONTENT[name], {"X-Repo-Commit": COMMIT, "ETag": f'"{etag}"'})

    def entry(self, name: str) -> dict:
        content = CONTENT[name]
        found = {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
        if name.endswith(".safetensors"):
            found["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 1}
        return found

    def send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass
