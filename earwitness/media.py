"""Audio that a request brings or names: from bytes or a URI to a clip, off the event loop, each content decoded once.

A URI is read only where the configuration allows it: files under given folders, objects in given S3 buckets, https from
given hosts (`earwitness.web`). Nothing is allowed unless it is stated. The module knows nothing of the wire.
"""

import asyncio
import hashlib
import os
import stat
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from earwitness import audio
from earwitness.audio import Clip
from earwitness.errors import InvalidInput, NotFound, NotReady, Unavailable
from earwitness.web import Web

MAX_BYTES = 32 << 20
MAX_URI_CHARS = 2048


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """Where audio that a request names by URI may come from: nowhere unless stated."""

    folders: tuple[Path, ...] = ()
    """`file:` URIs are read under these."""
    buckets: tuple[str, ...] = ()
    """`s3:` URIs are read in these: `bucket`, or `bucket/prefix/` for what begins so. boto3 finds the credentials."""
    s3_endpoint: str = ""
    """The address of an S3 that is not Amazon's, such as `https://minio.example.org`."""
    hosts: tuple[str, ...] = ()
    """`https:` URIs are read from these: `clips.example.org`, `*.example.org`, or `clips.example.org:8443`."""
    networks: tuple[str, ...] = ()
    """Private networks, such as `10.1.0.0/16`, in which `hosts` may be. Any other private address is refused."""
    timeout_s: float = 30.0
    """The longest that fetching may take."""
    cache_mib: int = 64
    """Memory for clips that were decoded lately, by the hash of their file; 0 keeps none."""


class Media:
    """Turns what requests bring into clips. For one event loop; decoding happens on threads."""

    def __init__(self, sources: Sources, max_seconds: float) -> None:
        """Clips over `max_seconds` are refused. Raises InvalidInput for a network that is none."""
        self._sources = sources
        self._max_seconds = max_seconds
        self._web = Web(
            hosts=sources.hosts, networks=sources.networks, max_bytes=MAX_BYTES, timeout_s=sources.timeout_s
        )
        self._s3: tuple[Any, Any] | None = None
        self.cache = ClipCache(sources.cache_mib << 20)

    async def clip(self, data: bytes | None, uri: str, field: str) -> Clip:
        """Returns the clip in `data` or, where that is None, in the file that `uri` names.

        Raises:
            InvalidInput: the place is not allowed, or the file or clip over a limit; errors name `field` and `.data` or
                `.uri`.
            UnreadableAudio: what is there cannot be decoded.
            NotFound: there is nothing.
            NotReady: boto3 is not installed.
            Unavailable, DeadlineExceeded: the source does not answer, or not in time.
        """
        field = f"{field}.{'uri' if data is None else 'data'}"
        if data is None:
            data = await self.fetch(uri, field)
        if len(data) > MAX_BYTES:
            remedy = f"send at most {MAX_BYTES >> 20} MiB, such as 16 kHz mono FLAC"
            raise InvalidInput(f"{len(data)} bytes", field, remedy)
        return await asyncio.to_thread(self._decode, data, field)

    async def fetch(self, uri: str, field: str) -> bytes:
        """Returns the file that a URI names; raises as `clip` does."""
        if len(uri) > MAX_URI_CHARS:
            raise InvalidInput(f"{len(uri)} characters", field, f"send at most {MAX_URI_CHARS}")
        try:
            parts = urlsplit(uri)
        except ValueError:
            raise InvalidInput("is no URI", field) from None
        if parts.scheme == "https":
            return await self._web.fetch(uri, field)
        if parts.scheme == "file" and parts.netloc in ("", "localhost"):
            return await asyncio.to_thread(self._read, Path(unquote(parts.path)), field)
        if parts.scheme == "s3" and parts.netloc:
            return await asyncio.to_thread(self._get, parts.netloc, unquote(parts.path.lstrip("/")), field)
        raise InvalidInput(
            "is no URI that is read here", field, "send file:///PATH, s3://BUCKET/KEY or https://HOST/PATH"
        )

    def _decode(self, data: bytes, field: str) -> Clip:
        key = hashlib.sha256(data).digest()
        clip = self.cache.get(key)
        if clip is None:
            clip = audio.decode(data, field=field, max_seconds=self._max_seconds)
            self.cache.put(key, clip)
        return clip

    def _read(self, path: Path, field: str) -> bytes:
        try:
            place = path.resolve()
        except (OSError, RuntimeError, ValueError):
            raise InvalidInput("is no path", field) from None
        if not any(place.is_relative_to(folder.resolve()) for folder in self._sources.folders):
            # Said of what exists and of what does not alike.
            raise InvalidInput("is in no folder that this server reads from", field, "add it to sources.folders")
        try:
            # A pipe must not block, and a link put there since must not be followed.
            descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise NotFound(f"cannot be read: {error.strerror}", field, "check the path") from None
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise InvalidInput("is no file", field)
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                return file.read(MAX_BYTES + 1)
        finally:
            os.close(descriptor)

    def _get(self, bucket: str, key: str, field: str) -> bytes:
        if not any(_in_bucket(allowed, bucket, key) for allowed in self._sources.buckets):
            remedy = "add it to sources.buckets"
            raise InvalidInput(f"{bucket[:100]} is no bucket that this server reads there", field, remedy)
        if self._s3 is None:
            self._s3 = _s3_client(self._sources, field)
        client, errors = self._s3
        try:
            body = client.get_object(Bucket=bucket, Key=key)["Body"]
            with body:
                return body.read(MAX_BYTES + 1)
        except errors.ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if status in (401, 403, 404):
                raise NotFound(
                    f"is not to be had: S3 answers {status}", field, "check bucket, key and rights"
                ) from None
            raise Unavailable(f"S3 answers {status}", field) from None
        except errors.BotoCoreError as error:
            raise Unavailable(f"S3 does not answer: {type(error).__name__}", field) from None


class ClipCache:
    """The clips decoded last, by the hash of their file, within a budget of bytes. Threads may share it."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.num_bytes = 0
        self.num_hits = 0
        self._clips: OrderedDict[bytes, Clip] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: bytes) -> Clip | None:
        """Returns the clip of a file, if it is still there."""
        with self._lock:
            if (clip := self._clips.get(key)) is None:
                return None
            self._clips.move_to_end(key)
            self.num_hits += 1
            return clip

    def put(self, key: bytes, clip: Clip) -> None:
        """Keeps a clip, in place of those that were not asked for the longest; one over the budget is not kept."""
        with self._lock:
            if clip.samples.nbytes > self.max_bytes or key in self._clips:
                return
            self._clips[key] = clip
            self.num_bytes += clip.samples.nbytes
            while self.num_bytes > self.max_bytes:
                _, oldest = self._clips.popitem(last=False)
                self.num_bytes -= oldest.samples.nbytes


def _in_bucket(allowed: str, bucket: str, key: str) -> bool:
    name, _, prefix = allowed.partition("/")
    return bucket == name and key.startswith(prefix) and bool(key)


def _s3_client(sources: Sources, field: str) -> tuple[Any, Any]:
    """Returns a client, and the module of its errors."""
    try:
        import boto3  # pyright: ignore[reportMissingImports]
        from botocore import exceptions  # pyright: ignore[reportMissingImports]
        from botocore.config import Config  # pyright: ignore[reportMissingImports]
    except ModuleNotFoundError:
        raise NotReady("boto3 is not installed", field, "pip install 'earwitness[s3]' on the server") from None
    limits = Config(connect_timeout=sources.timeout_s / 2, read_timeout=sources.timeout_s, retries={"max_attempts": 2})
    return boto3.client("s3", endpoint_url=sources.s3_endpoint or None, config=limits), exceptions
