"""The benchmarks by name: those that the reader brings, and a small one of each format that comes with the package.

The audio of a full benchmark is not ours to ship: its file is given as `path`, or lies in the data folder (see
`folder_of`), where `earwitness data get` puts it. CONTRIBUTING.md shows how to add a benchmark.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from earwitness.errors import InvalidInput, MalformedRow, NotFound
from earwitness.home import home
from services.evaluator import overlay as overlays
from services.evaluator.benchmarks import akb, auditorybench, mmar, mmau
from services.evaluator.benchmarks.source import Reading
from services.evaluator.items import Benchmark

DATA = Path(__file__).parent.parent / "data"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One registered benchmark."""

    read: Callable[[Path], Reading]
    breakdowns: tuple[str, ...] = ()
    version: str = ""
    """As its authors name it; where they do not, the benchmark's version is the beginning of its file's SHA-256."""
    path: Path | None = None
    """The file that comes with the package, if one does."""
    files: tuple[str, ...] = ()
    """What the file of its items is called in a folder, the best first."""
    wanted: str = ""
    """What to pass as `path`, in words."""
    on_hub: bool = False
    """Whether `earwitness data get` knows where it is published."""


BENCHMARKS: dict[str, Entry] = {
    "akb": Entry(
        read=akb.read,
        breakdowns=akb.BREAKDOWNS,
        files=("akb.jsonl",),
        wanted="a JSONL file of questions in the AKB format",
    ),
    "mmau": Entry(
        read=mmau.read,
        breakdowns=mmau.BREAKDOWNS,
        version="v05.15.25",
        files=("mmau-test-mini.json",),
        wanted="mmau-test-mini.json of MMAU v05.15.25, with its audio beside it",
        on_hub=True,
    ),
    "mmau-test": Entry(
        read=mmau.read,
        breakdowns=mmau.BREAKDOWNS,
        version="v05.15.25",
        files=("mmau-test.json",),
        wanted="mmau-test.json of MMAU v05.15.25, with its audio beside it; its answers are withheld",
    ),
    "mmar": Entry(
        read=mmar.read,
        breakdowns=mmar.BREAKDOWNS,
        files=("MMAR-meta.jsonl", "MMAR-meta.json"),
        wanted="MMAR-meta.jsonl, with its audio beside it",
        on_hub=True,
    ),
    "auditorybench-animal": Entry(
        read=auditorybench.read_animal,
        breakdowns=auditorybench.ANIMAL_BREAKDOWNS,
        files=("animal_sound_recognition_test.csv",),
        wanted="animal_sound_recognition_test.csv of AuditoryBench",
    ),
    "auditorybench-pitch": Entry(
        read=auditorybench.read_pitch,
        files=("sound_pitch_comparsion_test.csv",),
        wanted="sound_pitch_comparsion_test.csv of AuditoryBench",
    ),
    "open-akb": Entry(
        read=akb.read, breakdowns=akb.BREAKDOWNS, version="1.0.0", path=DATA / "open-akb" / "open-akb.jsonl"
    ),
    "mini-akb": Entry(read=akb.read, breakdowns=akb.BREAKDOWNS, path=DATA / "mini-akb" / "mini-akb.jsonl"),
    "mini-mmau": Entry(read=mmau.read, breakdowns=mmau.BREAKDOWNS, path=DATA / "mini-mmau" / "mini-mmau.json"),
    "mini-mmar": Entry(read=mmar.read, breakdowns=mmar.BREAKDOWNS, path=DATA / "mini-mmar" / "MMAR-meta.jsonl"),
}


def load(name: str, path: Path | None = None, overlay: Path | None = None) -> Benchmark:
    """Returns the benchmark `name`.

    Args:
        name: one of `BENCHMARKS`.
        path: its file, or a folder that has it; else what comes with the package, or lies in `folder_of(name)`.
        overlay: a file that flags known-bad items (`services.evaluator.overlay`).

    A clip that does not exist stays in: asking about it fails at run time and is counted as such; see `missing_clips`.

    Raises `NotFound` for an unknown name or a file that does not exist, `InvalidInput` if a path is needed and missing
    or the overlay does not fit, and `MalformedRow`, with file, line and field, for a row that breaks the format.
    """
    entry = entry_of(name)
    path = path or entry.path or _kept(name, entry)
    if path.is_dir():
        path = find(name, path)
    reading = entry.read(path)
    if not reading.items:
        raise MalformedRow("there is no row", path.name, "give a file with at least one question")
    flagged = overlays.read(overlay) if overlay else None
    known_bad = flagged.flags(name, reading.sha256, (item.id for item in reading.items)) if flagged else {}
    return Benchmark(
        name=name,
        version=entry.version or reading.sha256[:12],
        sha256=reading.sha256,
        items=reading.items,
        breakdowns=entry.breakdowns,
        has_audio=reading.has_audio,
        known_bad=known_bad,
    )


def entry_of(name: str) -> Entry:
    """Returns what is registered under `name`; raises `NotFound` with the known names."""
    if name not in BENCHMARKS:
        raise NotFound(f"there is no benchmark '{name}'", "benchmark", f"known are {', '.join(BENCHMARKS)}")
    return BENCHMARKS[name]


def folder_of(name: str) -> Path:
    """Returns the folder in which the benchmark is looked for without a path: `data/<name>` in Earwitness's own."""
    return home() / "data" / name


def find(name: str, folder: Path) -> Path:
    """Returns the file of the benchmark's items in `folder`; raises `NotFound` with the names that it may have."""
    entry = entry_of(name)
    names = (entry.path.name,) if entry.path else entry.files
    for candidate in names:
        if (folder / candidate).is_file():
            return folder / candidate
    raise NotFound(f"{folder} has no {' or '.join(names)}", "path", f"give the path of {entry.wanted or 'it'}")


def missing_clips(benchmark: Benchmark) -> int:
    """Returns the number of items whose clip does not exist, each of which will fail when it is asked about."""
    return sum(item.audio is not None and not item.audio.is_file() for item in benchmark.items)


def _kept(name: str, entry: Entry) -> Path:
    try:
        return find(name, folder_of(name))
    except NotFound:
        remedy = f"give the path of {entry.wanted}"
        if entry.on_hub:
            remedy += f", or fetch it: earwitness data get {name}"
        raise InvalidInput(f"'{name}' does not come with Earwitness", "path", remedy) from None
