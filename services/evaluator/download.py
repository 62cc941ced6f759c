"""The data of a benchmark in a folder: fetched from where its authors publish it, and checked however it came there.

A whole folder has the file of the items and, beside it, the clips that its rows name. What the repositories hold is
known from public code that reads them, not from their authors: `gamma-lab-umd/MMAU-test-mini` one Parquet file with the
clips in it and every choice lettered ("(A) Man"); `BoJack/MMAR` the rows and one archive of clips. The repository is
listed first: one that holds the official files is taken as it is, and one of any other layout is refused.
"""

import fnmatch
import json
import re
import shutil
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, cast

from earwitness.errors import InvalidInput, MalformedRow, NotFound, NotReady
from services.evaluator import benchmarks
from services.evaluator.hub import Hub, OnProgress, RemoteFile

ORIGIN = "origin.json"
"""Beside the data: repository, revision and digests of what was fetched."""
SHOWN = 5
_STAGE = ".fetching"
_LETTERED = re.compile(r"^\(([A-Z])\) ?")
_FILE_NAME = re.compile(r"\w[\w.-]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Publication:
    """Where a benchmark is published, and in which layouts."""

    repo: str
    layouts: tuple[tuple[str, ...], ...]
    """Alternatives, the best first: patterns of the files that are needed together."""
    clips: str
    """The folder of the clips that the items' file names."""


PUBLICATIONS: dict[str, Publication] = {
    "mmau": Publication(
        repo="gamma-lab-umd/MMAU-test-mini",
        layouts=(("mmau-test-mini.json", "test-mini-audios.tar.gz"), ("*mini*.parquet",), ("*.parquet",)),
        clips="test-mini-audios",
    ),
    "mmar": Publication(
        repo="BoJack/MMAR",
        layouts=(("MMAR-meta.jsonl", "mmar-audio.tar.gz"), ("MMAR-meta.json", "mmar-audio.tar.gz")),
        clips="audio",
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """What a folder of data holds."""

    path: Path
    """The file of the items."""
    sha256: str
    num_items: int
    num_withheld: int
    """Items without an answer in the file."""
    num_missing: int
    """Items whose clip is not there."""
    missing: tuple[Path, ...]
    """The first of the missing clips."""


def check(name: str, folder: Path) -> Findings:
    """Returns what the folder holds; raises `NotFound` without the items' file, and `MalformedRow`."""
    benchmark = benchmarks.load(name, benchmarks.find(name, folder))
    withheld = num_missing = 0
    missing: list[Path] = []
    for item in benchmark.items:
        withheld += item.answer is None
        if item.audio is not None and not item.audio.is_file():
            num_missing += 1
            missing.extend([item.audio] if len(missing) < SHOWN else [])
    return Findings(
        path=benchmarks.find(name, folder),
        sha256=benchmark.sha256,
        num_items=len(benchmark.items),
        num_withheld=withheld,
        num_missing=num_missing,
        missing=tuple(missing),
    )


def get(name: str, folder: Path, on_progress: OnProgress, revision: str = "main") -> Findings:
    """Fetches the benchmark's data into `folder`, unless it is whole there already, and returns what is there.

    Killed at any moment, the same call goes on where it was; the items' file appears last.

    Raises `InvalidInput` for a benchmark that is not published on the hub, `NotFound` if the repository has another
    layout, `NotReady` without access or room, and `Unavailable`.
    """
    publication = PUBLICATIONS.get(name)
    if publication is None:
        raise InvalidInput(f"'{name}' is not on the hub", "benchmark", f"those that are: {', '.join(PUBLICATIONS)}")
    if _is_whole(name, folder, publication, revision):
        return check(name, folder)
    hub = Hub(repo=publication.repo, revision=revision)
    files = _chosen(publication, hub.files())
    stage = folder / _STAGE
    try:
        stage.mkdir(parents=True, exist_ok=True)
        _require_room(folder, sum(file.size for file in files))
        for file in files:
            if not _staged(stage, file).is_file():
                hub.fetch(file, _staged(stage, file), on_progress)
        _lay_out(name, {_staged(stage, file): PurePosixPath(file.path).name for file in files}, folder)
        origin = {"repo": publication.repo, "revision": revision, "digests": {file.path: file.digest for file in files}}
        _write(folder / ORIGIN, json.dumps(origin, indent=2) + "\n")
        shutil.rmtree(stage)
    except OSError as error:
        raise NotReady(
            f"{folder} cannot be written: {error.strerror}", "--to", "make room, or choose another"
        ) from error
    return check(name, folder)


def _staged(stage: Path, file: RemoteFile) -> Path:
    """Named by content, so that what another revision left behind is not taken for it."""
    return stage / f"{file.digest[:12]}-{PurePosixPath(file.path).name}"


def _is_whole(name: str, folder: Path, publication: Publication, revision: str) -> bool:
    """Data without an origin was brought by hand: if nothing is missing, it is left as it is."""
    asked = publication.repo, revision
    try:
        origin = folder / ORIGIN
        kept: dict[str, Any] = json.loads(origin.read_text()) if origin.exists() else {}
        same = not kept or (kept.get("repo"), kept.get("revision")) == asked
        return same and check(name, folder).num_missing == 0
    except (OSError, ValueError, NotFound, MalformedRow):
        return False


def _chosen(publication: Publication, files: Mapping[str, RemoteFile]) -> list[RemoteFile]:
    for layout in publication.layouts:
        matching = [[file for path, file in files.items() if _matches(path, pattern)] for pattern in layout]
        if all(matching):
            return [file for group in matching for file in group]
    held = ", ".join(list(files)[:SHOWN]) or "nothing"
    wanted = " or ".join(" with ".join(layout) for layout in publication.layouts)
    raise NotFound(
        f"the repository holds {held}; known is {wanted}",
        publication.repo,
        "bring the data by hand: earwitness data check",
    )


def _matches(path: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(PurePosixPath(path).name, pattern)


def _require_room(folder: Path, size: int) -> None:
    """An archive and what comes out of it lie side by side for a while."""
    free = shutil.disk_usage(folder).free
    if free < 2 * size:
        raise NotReady(f"{2 * size / 1e9:.1f} GB are needed, {free / 1e9:.1f} are free", "--to", "make room")


def _lay_out(name: str, fetched: Mapping[Path, str], folder: Path) -> None:
    clips, files = PUBLICATIONS[name].clips, benchmarks.entry_of(name).files
    for path in fetched:
        if path.name.endswith(".tar.gz"):
            _extract(path, folder, clips)
    if parquets := [path for path in fetched if path.suffix == ".parquet"]:
        rows = list(_unpacked(parquets, folder, clips))
        _write(folder / files[0], json.dumps(rows, ensure_ascii=False, indent=2) + "\n")
    for path, called in fetched.items():
        if called in files:
            path.replace(folder / called)


def _extract(archive: Path, folder: Path, clips: str) -> None:
    """Moves the archive's clips to `folder/clips`: those under a folder of that name, wherever it is, or else all."""
    unpacked = archive.with_name(f"{archive.name}.unpacked")
    shutil.rmtree(unpacked, ignore_errors=True)
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(unpacked, filter="data")
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise InvalidInput(
            f"it is no archive that can be trusted: {error}", archive.name, "report it to its authors"
        ) from error
    source = next((path for path in sorted(unpacked.rglob(clips)) if path.is_dir()), unpacked)
    for path in source.rglob("*"):
        if path.is_file():
            to = folder / clips / path.relative_to(source)
            to.parent.mkdir(parents=True, exist_ok=True)
            path.replace(to)
    shutil.rmtree(unpacked)


def _unpacked(parquets: Iterable[Path], folder: Path, clips: str) -> Iterator[dict[str, Any]]:
    """Writes the clips and yields the rows in the official format.

    Columns, by public code that reads the file: `context` with the clip's `bytes` (WAV, some MP3), `instruction`,
    `choices`, `answer`, and `other_attributes`, a JSON text of the row's other official keys, its id among them.
    """
    import pyarrow.parquet as pq

    (folder / clips).mkdir(parents=True, exist_ok=True)
    for path in parquets:
        with pq.ParquetFile(path) as table:
            for batch in table.iter_batches(batch_size=16):
                for row in batch.to_pylist():
                    yield _official(row, path.name, folder, clips)


def _official(row: dict[str, Any], place: str, folder: Path, clips: str) -> dict[str, Any]:
    try:
        attributes = cast("dict[str, Any]", json.loads(row["other_attributes"]))
        id, clip, question = str(attributes.pop("id")), row["context"]["bytes"], row["instruction"]
        choices, answer = _unlettered([str(choice) for choice in row["choices"]], str(row["answer"] or ""))
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedRow(f"a row lacks {error}", place, "bring the data by hand: earwitness data check") from error
    if not _FILE_NAME.fullmatch(id):
        raise MalformedRow(f"the id '{id}' is no name of a file", place, "bring the data by hand")
    (folder / clips / f"{id}.wav").write_bytes(clip)
    attributes.pop("audio_id", None)
    return {
        "id": id,
        "audio_id": f"./{clips}/{id}.wav",
        "question": question,
        "choices": choices,
        "answer": answer,
        **attributes,
    }


def _unlettered(choices: list[str], answer: str) -> tuple[list[str], str]:
    """Takes "(A) " off choices that are lettered in order, and off the answer: prompts letter them anew.

    Only one blank goes with the letter: some official choices begin with another.
    """
    letters = [match[1] if (match := _LETTERED.match(choice)) else "" for choice in choices]
    if letters != [chr(ord("A") + index) for index in range(len(choices))]:
        return choices, answer
    return [_LETTERED.sub("", choice) for choice in choices], _LETTERED.sub("", answer)


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
