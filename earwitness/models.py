"""Where a model comes from: an embedded model, a folder or a model hub; and what identifies it.

`ModelRef.parse` reads what a user writes, `resolve` turns it into a folder in Hugging Face's layout, `fingerprint` says
which weights, tokenizer and template lie there. It knows nothing of engines: nothing is loaded here.
"""

import hashlib
import json
import os
import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from earwitness import embedded
from earwitness.errors import InvalidInput, NotFound, NotReady
from earwitness.home import digests_folder

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9_][\w.-]*", re.ASCII)
_REVISION = re.compile(r"[\w./-]+", re.ASCII)
_FORMS = f"write org/name, org/name@revision, ./folder, /folder or one of {', '.join(embedded.EMBEDDED)}"

_HUB_TIMEOUT_S = 5.0
_WANTED = ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt", "*.tiktoken"]
_UNWANTED = ["original/*", "consolidated*", "onnx/*", "openvino/*", "metal/*"]  # the same weights in other forms

_IDENTITY = {".json", ".safetensors", ".bin", ".jinja", ".model", ".tiktoken", ".py"}
_VOCABULARIES = {"merges.txt", "vocab.txt"}
_LARGE_BYTES = 16 << 20
_SETTLED_NS = 2_000_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelRef:
    """A model as a user names it. It carries no secret: its text may stand in a report."""

    kind: Literal["embedded", "folder", "hub"]
    name: str
    """An embedded name, a path as it was written, or a hub id."""
    revision: str | None = None
    """A branch, tag or commit; of hub models only. None is the hub's default branch."""
    trust_remote_code: bool = False
    """Whether Python code that comes with the weights may run."""

    @classmethod
    def parse(cls, text: str, *, trust_remote_code: bool = False) -> Self:
        """Reads `org/name`, `org/name@revision`, a path that starts with `.`, `/` or `~`, or an embedded name.

        Raises:
            InvalidInput: `text` is none of these.
        """
        if re.match(r"(\.{0,2}/|\.{1,2}$|~/|~$)", text):
            return cls(kind="folder", name=text, trust_remote_code=trust_remote_code)
        name, at, revision = text.partition("@")
        if name in embedded.EMBEDDED and not at:
            return cls(kind="embedded", name=name)
        if not _HUB_ID.fullmatch(name) or (at and not _REVISION.fullmatch(revision)):
            raise InvalidInput(f"{text!r} names no model", field="model", remedy=_FORMS)
        return cls(kind="hub", name=name, revision=revision or None, trust_remote_code=trust_remote_code)

    def __str__(self) -> str:
        return f"{self.name}@{self.revision}" if self.revision else self.name


def resolve(
    ref: ModelRef, *, hub_token_file: Path | None = None, progress: embedded.Progress = lambda line: None
) -> Path:
    """The folder of the model, fetched or prepared first where that is needed.

    What was downloaded before is used when the hub does not answer within five seconds. `hub_token_file` holds the
    hub's access token; without one the hub library's own rules count (`HF_TOKEN`, a stored login). `progress` receives
    lines for people while an embedded model is prepared.

    Raises:
        NotFound: there is no such folder, hub model, revision or token file, or the token has no access to it.
        NotReady: the hub is not reachable and the model was not downloaded before.
        InvalidInput: what is there is no model, is incomplete, or brings code that is not trusted.
    """
    if ref.kind == "embedded":
        return embedded.prepare(ref.name, progress=progress)
    if ref.kind == "folder":
        folder = Path(ref.name).expanduser()
        if not folder.is_dir():
            raise NotFound(f"{ref} is not a folder", field="model", remedy="name a hub model as org/name")
    else:
        folder = _from_hub(ref, _token(hub_token_file))
    _check(folder, ref)
    return folder


def fingerprint(folder: Path) -> str:
    """The identity of weights, configuration, tokenizer and templates in a model's folder, as 64 hexadecimal digits.

    It is the SHA-256 over the sorted names and SHA-256s of these files, so that it depends neither on the folder's name
    nor on whether the files came from a hub. Digests of large files are remembered by path, size and times.

    Raises:
        NotFound: there is no such folder.
        InvalidInput: the folder holds none of these files.
    """
    if not folder.is_dir():
        raise NotFound(f"{folder} is not a folder", field="model")
    candidates = [*folder.iterdir(), *folder.glob("*chat_templates/*")]
    files = [path for path in candidates if path.is_file() and _identifies(path)]
    if not files:
        raise InvalidInput(f"{folder} holds no file of a model", field="model")
    lines = sorted(f"{path.relative_to(folder).as_posix()} {_digest(path)}\n" for path in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _token(path: Path | None) -> str | None:
    if path is None:
        return None
    if not path.is_file():
        raise NotFound(f"there is no file {path}", field="hub_token_file", remedy="write the hub's access token there")
    if not (token := path.read_text().strip()):
        raise InvalidInput(f"{path} is empty", field="hub_token_file", remedy="write the hub's access token there")
    return token


def _from_hub(ref: ModelRef, token: str | None) -> Path:
    """The snapshot in the hub library's cache, downloaded or completed first."""
    try:
        from huggingface_hub import HfApi, snapshot_download
    except ModuleNotFoundError as error:
        raise NotReady("huggingface-hub is not installed", remedy="pip install 'earwitness[models]'") from error

    patterns = [*_WANTED, "*.py"] if ref.trust_remote_code else _WANTED
    options: dict[str, Any] = {"token": token, "allow_patterns": patterns, "ignore_patterns": _UNWANTED}
    # Connection errors are those of the hub library's transport, and its releases differ in their transport.
    try:
        HfApi(token=token).model_info(ref.name, revision=ref.revision, timeout=_HUB_TIMEOUT_S)
    except Exception as error:
        _raise_refusal(ref, error)
        reason = _first_line(error)
    else:
        try:
            return Path(snapshot_download(ref.name, revision=ref.revision, **options))
        except Exception as error:
            _raise_refusal(ref, error)
            message = f"the download of {ref} broke off: {_first_line(error)}"
            raise NotReady(message, field="model", remedy="try again: what has arrived is kept") from error
    try:
        return Path(snapshot_download(ref.name, revision=ref.revision, local_files_only=True, **options))
    except OSError as error:
        raise NotReady(
            f"{ref} was not downloaded before, and the model hub does not answer: {reason}",
            field="model",
            remedy="check the network and HF_ENDPOINT, or name a folder or an embedded model",
        ) from error


def _raise_refusal(ref: ModelRef, error: Exception) -> None:
    """Raises NotFound if the hub answered that there is no such model, revision or right of access."""
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        remedy = "accept its terms on the hub, and give a token of that account as hub_token_file"
        raise NotFound(f"{ref.name} is gated on the hub", field="model", remedy=remedy) from error
    if isinstance(error, errors.RevisionNotFoundError):
        remedy = "name a branch, a tag or a full commit"
        raise NotFound(f"{ref.name} has no revision {ref.revision!r}", field="model", remedy=remedy) from error
    if getattr(getattr(error, "response", None), "status_code", None) in {401, 403, 404}:
        remedy = "check the spelling; a private model needs hub_token_file"
        raise NotFound(
            f"there is no {ref.name} on the hub, or no access to it", field="model", remedy=remedy
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _check(folder: Path, ref: ModelRef) -> None:
    config_file, index_file = folder / "config.json", folder / "model.safetensors.index.json"
    if not config_file.is_file():
        remedy = "name a folder in Hugging Face's layout"
        raise InvalidInput(f"{ref} has no config.json", field="model", remedy=remedy)
    config = _read_object(config_file)
    brings_code = "auto_map" in config
    if brings_code and not ref.trust_remote_code:
        remedy = "read that code, and set trust_remote_code if you trust it"
        raise InvalidInput(f"{ref} runs Python code that comes with its weights", field="model", remedy=remedy)
    if index_file.is_file():
        named = set(_read_object(index_file).get("weight_map", {}).values())
        if missing := sorted(name for name in named if not (folder / name).is_file()):
            raise InvalidInput(f"{folder} lacks {missing[0]} ({len(missing)} of {len(named)} files)", field="model")
    elif ref.kind == "hub" and not any(folder.glob("*.safetensors")):
        raise InvalidInput(f"{ref} has no weights as safetensors", field="model", remedy="try another revision")


def _read_object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except ValueError as error:
        raise InvalidInput(f"{path} is not JSON: {error}", field="model") from error
    if not isinstance(value, dict):
        raise InvalidInput(f"{path} is not a JSON object", field="model")
    return value


def _identifies(path: Path) -> bool:
    return path.suffix in _IDENTITY or path.name in _VOCABULARIES


def _digest(path: Path) -> str:
    """The SHA-256 of a file's content."""
    target = path.resolve()
    if target.parent.name == "blobs" and re.fullmatch(r"[0-9a-f]{64}", target.name):
        return target.name  # in the hub library's cache a weight file bears its SHA-256 as its name
    size, changed_ns, key = _state(target)
    if size < _LARGE_BYTES:
        return hashlib.sha256(target.read_bytes()).hexdigest()
    remembered = digests_folder() / key
    if remembered.is_file():
        return remembered.read_text()
    with target.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    # A file written a moment ago may change again within one tick of the file system's clock, unseen.
    if time.time_ns() - changed_ns > _SETTLED_NS and _state(target)[2] == key:
        unfinished = remembered.with_suffix(f".{os.getpid()}.{threading.get_ident()}")
        unfinished.write_text(digest)
        unfinished.replace(remembered)
    return digest


def _state(path: Path) -> tuple[int, int, str]:
    """The size, the time of the last change, and a key of these and the path."""
    stat = path.stat()
    # The inode's change time counts too: a modification time can be set back.
    key = f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}\0{stat.st_ctime_ns}"
    return stat.st_size, stat.st_ctime_ns, hashlib.sha256(key.encode()).hexdigest()
