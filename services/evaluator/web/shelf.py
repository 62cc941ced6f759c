"""The shelf: the runs in all results folders under names for addresses, read again once a folder has changed."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from earwitness.errors import EarwitnessError, NotFound
from services.evaluator import result as results
from services.evaluator.report.grid import Grid, Run, Section, grid
from services.evaluator.result import Experiment, RunResult, Usage
from services.evaluator.web.index import Index, open_index
from services.evaluator.work import FOLDER

Signature = tuple[tuple[str, int, int], ...]
INDEXES_KEPT = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What the folders hold at one moment."""

    experiment: Experiment
    """Of all of them; answers files by their whole path."""
    table: Grid
    usage: Mapping[str, Usage]
    """By answers file."""
    unreadable: Sequence[str]
    """What is wrong with folders that are left out."""

    @property
    def runs(self) -> list[Run]:
        """Every run."""
        return self.table.runs

    def run(self, key: str) -> Run:
        """Returns the run of a name; raises NotFound."""
        for run in self.runs:
            if key_of(run.result) == key:
                return run
        raise NotFound("there is no such run", "run", "it may have been run again, or its folder is gone")

    def section(self, key: str) -> Section:
        """Returns the runs of the benchmark file of a name; raises NotFound."""
        for section in self.table.sections:
            if set_of(section.first) == key:
                return section
        raise NotFound("there are no answers to such a benchmark", "benchmark", "choose one of the list")


class Shelf:
    """The runs in some results folders. Threads may share it."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)
        self._lock = threading.Lock()
        self._signature: Signature | None = None
        self._known = _gather([])
        self._indexes: dict[str, Index] = {}

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where it looks."""
        return self._folders

    def known(self) -> Known:
        """Returns what the folders hold now. A folder that cannot be read is left out, and said."""
        with self._lock:
            found = list(self._found())
            signature = tuple((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in found)
            if signature != self._signature:
                self._known, self._signature = _gather([path.parent for path in found]), signature
            return self._known

    def index(self, result: RunResult) -> Index:
        """Returns the index of a run's answers, made if need be; raises as `open_index` does."""
        with self._lock:
            known = self._indexes.get(result.answers)
        index = open_index(Path(result.answers), known)
        with self._lock:
            self._indexes[result.answers] = index
            while len(self._indexes) > INDEXES_KEPT:
                del self._indexes[next(iter(self._indexes))]
        return index

    def _found(self) -> Iterator[Path]:
        for folder in self._folders:
            for path in (folder / results.RESULTS, *sorted((folder / FOLDER).glob(f"*/{results.RESULTS}"))):
                if path.is_file():
                    yield path


def key_of(result: RunResult) -> str:
    """Returns a run's name in addresses: that of its answers file, which all that sets it apart is part of."""
    return Path(result.answers).stem


def set_of(result: RunResult) -> str:
    """Returns the name in addresses of the benchmark file that a run was asked."""
    return f"{result.benchmark}-{result.benchmark_sha256[:8]}"


def _gather(folders: Sequence[Path]) -> Known:
    together = Experiment(name="", results=())
    usage: dict[str, Usage] = {}
    unreadable: list[str] = []
    for folder in folders:
        try:
            read = results.load(folder)
        except EarwitnessError as error:
            unreadable.append(f"{folder}: {error}")
            continue
        used = {each.answers: each for each in read.usage}
        for run in read.results:
            placed = replace(run, answers=str(folder / run.answers))
            kept = tuple(old for old in together.results if old.place != run.place)
            lineage = together.lineage | read.lineage
            together = replace(together, name=read.name, results=(*kept, placed), lineage=lineage)
            if run.answers in used:
                usage[placed.answers] = used[run.answers]
    return Known(experiment=together, table=grid(together), usage=usage, unreadable=unreadable)
