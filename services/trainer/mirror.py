"""Checkpoints in S3: copies of finished folders, each whole or absent there too.

S3 has no rename, so the list of a checkpoint's files, with their SHA-256, is written last and deleted first: a folder
without it is not there.
"""

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from earwitness.errors import InvalidInput, NotFound, NotReady, Unavailable

LIST = "complete.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Mirror:
    """A prefix of a bucket. boto3 finds the credentials; it tries a call that fails again by itself."""

    client: Any
    bucket: str
    prefix: str
    failures: tuple[type[Exception], ...]
    """What the client raises where S3 refuses or does not answer."""

    @classmethod
    def at(cls, address: str, endpoint: str = "", below: str = "") -> "Mirror":
        """Opens `s3://bucket/prefix`, and what is `below` it.

        Raises NotReady where boto3 is missing, InvalidInput for an address that names no bucket.
        """
        try:
            import boto3  # pyright: ignore[reportMissingImports]
            from boto3.exceptions import Boto3Error  # pyright: ignore[reportMissingImports]
            from botocore.exceptions import BotoCoreError, ClientError  # pyright: ignore[reportMissingImports]
        except ImportError:
            raise NotReady("boto3 is not installed", "mirror", "pip install 'earwitness[s3]'") from None
        bucket, _, prefix = address.removeprefix("s3://").partition("/")
        if not bucket:
            raise InvalidInput(f"{address!r} names no bucket", "mirror", "write s3://bucket/prefix")
        client: Any = boto3.client("s3", endpoint_url=endpoint or None)
        parts = [part for part in (prefix.strip("/"), below) if part]
        failures = (BotoCoreError, ClientError, Boto3Error)
        return cls(client=client, bucket=bucket, prefix="".join(f"{part}/" for part in parts), failures=failures)

    def names(self) -> list[str]:
        """Returns the checkpoints that are whole, oldest step first."""
        found: list[str] = []
        try:
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix)
            for page in pages:
                keys = (entry["Key"].removeprefix(self.prefix) for entry in page.get("Contents", ()))
                found += [key.partition("/")[0] for key in keys if key.endswith(f"/{LIST}")]
        except self.failures as error:
            raise self._lost(error) from None
        return sorted(name for name in found if name.startswith("step-"))

    def put(self, folder: Path) -> None:
        """Copies a folder under its name."""
        digests = {path.name: _digest(path) for path in sorted(folder.iterdir())}
        self.delete(folder.name)
        try:
            for name in digests:
                self.client.upload_file(str(folder / name), self.bucket, self._key(folder.name, name))
            self.client.put_object(
                Bucket=self.bucket, Key=self._key(folder.name, LIST), Body=msgspec.json.encode(digests)
            )
        except self.failures as error:
            raise self._lost(error) from None

    def get(self, name: str, folder: Path) -> None:
        """Copies a checkpoint back to `folder / name`, where it appears whole.

        Raises NotFound for one that is not there, InvalidInput for a file that is not the one that was copied.
        """
        partial = folder / ".fetched"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            listed = self.client.get_object(Bucket=self.bucket, Key=self._key(name, LIST))["Body"].read()
            for file, digest in msgspec.json.decode(listed, type=dict[str, str]).items():
                self.client.download_file(self.bucket, self._key(name, file), str(partial / file))
                if _digest(partial / file) != digest:
                    where = f"s3://{self.bucket}/{self._key(name, file)}"
                    raise InvalidInput("is not the file that was copied there", where, "delete this checkpoint")
        except self.client.exceptions.NoSuchKey:
            raise NotFound(f"there is no whole checkpoint {name}", f"s3://{self.bucket}/{self.prefix}") from None
        except self.failures as error:
            raise self._lost(error) from None
        partial.rename(folder / name)

    def delete(self, name: str) -> None:
        """Deletes a checkpoint, or what is left of one: its list first."""
        try:
            self.client.delete_object(Bucket=self.bucket, Key=self._key(name, LIST))
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=self._key(name, "")
            )
            for page in pages:
                for entry in page.get("Contents", ()):
                    self.client.delete_object(Bucket=self.bucket, Key=entry["Key"])
        except self.failures as error:
            raise self._lost(error) from None

    def _key(self, name: str, file: str) -> str:
        return f"{self.prefix}{name}/{file}"

    def _lost(self, error: Exception) -> Unavailable:
        remedy = "check bucket, credentials and s3_endpoint; the run goes on from what is there"
        return Unavailable(f"S3 does not do as it is asked: {error}", f"s3://{self.bucket}/{self.prefix}", remedy)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
