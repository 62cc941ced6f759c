"""The benchmarks by name: three that the reader brings, and a small one of each format that comes with the package.

A full benchmark has no default path, since its audio is not ours to ship; `path` names the file that holds its items.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from earwitness.errors import InvalidInput, MalformedRow, NotFound
from services.evaluator.benchmarks import akb, mmar, mmau
from services.evaluator.benchmarks.rows import Source
from services.evaluator.items import Benchmark, Item

DATA = Path(__file__).parent.parent / "data"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One registered benchmark."""

    read: Callable[[Source], tuple[Item, ...]]
    breakdowns: tuple[str, ...]
    version: str = ""
    """As its authors name it; where they do not, the benchmark's version is the beginning of its file's SHA-256."""
    path: Path | None = None
    """The file that comes with the package, if one does."""
    wanted: str = ""
    """What to pass as `path`, in words."""


BENCHMARKS: dict[str, Entry] = {
    "akb": Entry(read=akb.read, breakdowns=akb.BREAKDOWNS, wanted="a JSONL file of questions in the AKB format"),
    "mmau": Entry(
        read=mmau.read,
        breakdowns=mmau.BREAKDOWNS,
        version="v05.15.25",
        wanted="mmau-test-mini.json of MMAU v05.15.25, with its audio beside it",
    ),
    "mmar": Entry(read=mmar.read, breakdowns=mmar.BREAKDOWNS, wanted="MMAR-meta.jsonl, with its audio beside it"),
    "mini-akb": Entry(read=akb.read, breakdowns=akb.BREAKDOWNS, path=DATA / "mini-akb" / "mini-akb.jsonl"),
    "mini-mmau": Entry(read=mmau.read, breakdowns=mmau.BREAKDOWNS, path=DATA / "mini-mmau" / "mini-mmau.json"),
    "mini-mmar": Entry(read=mmar.read, breakdowns=mmar.BREAKDOWNS, path=DATA / "mini-mmar" / "MMAR-meta.jsonl"),
}


def load(name: str, path: Path | None = None) -> Benchmark:
    """Returns the benchmark `name`, read from `path` or else from the file that comes with the package.

    A clip that does not exist stays in: asking about it fails at run time and is counted as such.

    Raises `NotFound` for an unknown name or a file that does not exist, `InvalidInput` if a path is needed and missing,
    and `MalformedRow`, with file, line and field, for a row that breaks the format.
    """
    entry = BENCHMARKS.get(name)
    if entry is None:
        raise NotFound(f"there is no benchmark '{name}'", "benchmark", f"known are {', '.join(BENCHMARKS)}")
    path = path or entry.path
    if path is None:
        raise InvalidInput(f"'{name}' does not come with Earwitness", "path", f"give the path of {entry.wanted}")
    source = Source.open(path)
    items = entry.read(source)
    if not items:
        raise MalformedRow("there is no row", path.name, "give a file with at least one question")
    return Benchmark(
        name=name,
        version=entry.version or source.sha256[:12],
        sha256=source.sha256,
        items=items,
        breakdowns=entry.breakdowns,
    )
