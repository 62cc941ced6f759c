"""Files of a dataset on the Hugging Face hub: listed, fetched with what was fetched before kept, and checked.

Plain HTTP, as huggingface.co/docs/hub/api and the huggingface_hub client (2.4) have it:
`/api/datasets/REPO/tree/REVISION` lists files page by page (the next page stands in the `Link` header), and
`/datasets/REPO/resolve/REVISION/FILE` gives one, from any byte on. It knows nothing of benchmarks.
"""

import hashlib
import http.client
import json
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from earwitness.errors import InvalidInput, NotFound, NotReady, Unavailable

CHUNK = 1 << 18
ATTEMPTS = 5
"""Tries in a row that bring nothing before a download is given up; one that brings something starts the count anew."""
TIMEOUT_S = 60.0
_BUSY = frozenset((408, 425, 429, 500, 502, 503, 504))
_NEXT = re.compile(r'<([^>]+)>\s*;\s*rel="next"')
OnProgress = Callable[[str, int, int], None]
"""Gets a file's path, the bytes that are here and the bytes that it has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteFile:
    """A file as the hub lists it."""

    path: str
    size: int
    sha256: str
    """Hex; "" for a file that the hub keeps in git itself, which is checked by its blob id."""
    blob: str
    """The git object id (SHA-1, hex) of the file, or of its pointer where there is a `sha256`."""

    @property
    def digest(self) -> str:
        """What its content is checked against."""
        return self.sha256 or self.blob


def token() -> str:
    """Returns the user's hub token, or "": `HF_TOKEN`, or the file `HF_TOKEN_PATH`, by default `token` in `HF_HOME`."""
    if given := os.environ.get("HF_TOKEN", "").strip():
        return given
    home = Path(os.environ.get("HF_HOME") or "~/.cache/huggingface").expanduser()
    path = Path(os.environ.get("HF_TOKEN_PATH") or home / "token").expanduser()
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def endpoint() -> str:
    """Returns the hub's address: `HF_ENDPOINT`, for a mirror, or the public one."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


@dataclass(frozen=True, kw_only=True, slots=True)
class Hub:
    """A dataset repository at a revision; the token is only ever sent to the hub's own host."""

    repo: str
    revision: str = "main"
    endpoint: str = field(default_factory=endpoint)
    token: str = field(default_factory=token, repr=False)
    first_wait_s: float = 0.5
    """Before the second try; it doubles from try to try."""

    def files(self) -> dict[str, RemoteFile]:
        """Returns the repository's files by path; raises `NotFound`, `NotReady` (no access) and `Unavailable`."""
        url = f"{self.endpoint}/api/datasets/{self.repo}/tree/{_quoted(self.revision)}?recursive=true"
        found: dict[str, RemoteFile] = {}
        while url:
            rows, url = self._page(url)
            for row in rows:
                if row["type"] == "file":
                    sha256 = row["lfs"]["oid"] if row.get("lfs") else ""
                    found[row["path"]] = RemoteFile(
                        path=row["path"], size=row["size"], sha256=sha256, blob=row.get("oid", "")
                    )
        return found

    def fetch(self, file: RemoteFile, to: Path, on_progress: OnProgress) -> None:
        """Brings the file to `to`: whole and with the content that the hub states, or not at all.

        Bytes wait in a `.partial` beside it, named by their digest too, and a later call goes on from there.

        Raises `NotFound`, `NotReady` (no access, disk full) and `Unavailable` (no answer, or other content than
        stated).
        """
        partial = to.with_name(f"{to.name}.{file.digest[:12]}.partial")
        tries = 0
        try:
            partial.parent.mkdir(parents=True, exist_ok=True)
            partial.touch()
            while (have := partial.stat().st_size) < file.size:
                on_progress(file.path, have, file.size)
                problem = self._append(file, partial, have, on_progress)
                tries = tries + 1 if partial.stat().st_size <= have else 0
                if tries >= ATTEMPTS:
                    raise Unavailable(problem, file.path, "start the same command again: what is here is kept")
                if tries:
                    time.sleep(self.first_wait_s * 2 ** (tries - 1))
            on_progress(file.path, file.size, file.size)
            _check(partial, file)
            partial.replace(to)
        except OSError as error:
            raise NotReady(
                f"{partial} cannot be written: {error.strerror}", "to", "make room, or choose a folder"
            ) from error

    def _append(self, file: RemoteFile, partial: Path, have: int, on_progress: OnProgress) -> str:
        """Adds what one request brings, and returns why it ended early ("" if it did not)."""
        url = f"{self.endpoint}/datasets/{self.repo}/resolve/{_quoted(self.revision)}/{urllib.parse.quote(file.path)}"
        try:
            response = self._open(url, {"Range": f"bytes={have}-"} if have else {})
        except Unavailable as error:
            return error.message
        with response, partial.open("ab") as out:
            if response.status != http.HTTPStatus.PARTIAL_CONTENT:
                out.truncate(0)
            have = out.seek(0, os.SEEK_END)
            while True:
                try:
                    chunk = response.read(CHUNK)
                except (OSError, http.client.HTTPException) as error:
                    return f"the connection broke: {error}"
                if not chunk:
                    return "the connection ended early"
                out.write(chunk)
                have += len(chunk)
                on_progress(file.path, have, file.size)

    def _page(self, url: str) -> tuple[list[dict[str, Any]], str]:
        problem = ""
        for tries in range(ATTEMPTS):
            try:
                with self._open(url, {}) as response:
                    following = _NEXT.search(response.headers.get("Link", ""))
                    return json.load(response), following[1] if following else ""
            except (Unavailable, OSError, http.client.HTTPException) as error:
                problem = str(error)
                time.sleep(self.first_wait_s * 2**tries)
            except ValueError as error:
                raise Unavailable("its answer is no JSON", url, "check HF_ENDPOINT") from error
        raise Unavailable(problem, self.repo, "check the network, or HF_ENDPOINT for a mirror")

    def _open(self, url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
        request = urllib.request.Request(url, headers={"User-Agent": "earwitness", **headers})
        if self.token and _host(url) == _host(self.endpoint):
            request.add_unredirected_header("Authorization", f"Bearer {self.token}")
        try:
            return urllib.request.build_opener(_Redirects).open(request, timeout=TIMEOUT_S)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in _BUSY:
                raise Unavailable(f"the hub answers {error.code} {error.reason}") from None
            if error.code in (401, 403):
                remedy = "accept its terms on its page, and set HF_TOKEN to a token that may read it"
                raise NotReady(f"the hub refuses access ({error.code})", self.repo, remedy) from None
            if error.code == http.HTTPStatus.NOT_FOUND:
                raise NotFound(
                    f"the hub has no such file at revision {self.revision}: {url}", self.repo, "check --revision"
                ) from None
            raise InvalidInput(f"the hub answers {error.code} {error.reason} to {url}", self.repo) from None
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(
                f"{urllib.parse.urlsplit(url).netloc} does not answer: {getattr(error, 'reason', error)}"
            ) from None


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows to other hosts without the token: large files lie on a content network whose address is signed."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        kept = req.unredirected_hdrs.get("Authorization")
        if request and kept and _host(newurl) == _host(req.full_url):
            request.add_unredirected_header("Authorization", kept)
        return request


def _check(path: Path, file: RemoteFile) -> None:
    """Compares with the stated SHA-256, or with git's id: the SHA-1 of `blob SIZE`, a NUL and the content."""
    digest = hashlib.sha256() if file.sha256 else hashlib.sha1(f"blob {file.size}\0".encode(), usedforsecurity=False)
    for chunk in _chunks(path):
        digest.update(chunk)
    if digest.hexdigest() != file.digest:
        path.unlink()
        message = f"what came is not what the hub states: {digest.hexdigest()[:12]}… instead of {file.digest[:12]}…"
        raise Unavailable(message, file.path, "start the same command again")


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _host(url: str) -> tuple[str, str]:
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.netloc


def _quoted(revision: str) -> str:
    return urllib.parse.quote(revision, safe="")
