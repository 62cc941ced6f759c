"""What the story did and said, as it goes and as docs/benchmarks/cluster.md."""

import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.graph import draw
from tools.bench.machine import Machine
from tools.bench.page import Table, write

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "benchmarks" / "cluster.md"
GRAPH = "autoscaling.png"
COMMAND = "make test-cluster"
SECRET = re.compile(r"\b[0-9a-f]{64}\b")
METHOD = """\
One release of the chart with the CPU profile, from the Dockerfile to an empty namespace: the embedded SmolLM2-135M as
LLM, the acoustic captioner, and an audio language model that the story trains on the way. Each step is a test of
`tests/cluster/test_story.py`, and the story stops at the first that fails. The machine had other work at the time where
the load says so: times are what was waited, no measure of speed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A test of the story, and what became of it."""

    name: str
    seconds: float
    passed: bool


@dataclass(kw_only=True, slots=True)
class Diary:
    """The steps and the lines of one story."""

    began: float = field(default_factory=time.monotonic)
    machine: Machine = field(default_factory=Machine.here)
    steps: list[Step] = field(default_factory=list[Step])
    lines: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])
    tables: list[Table] = field(default_factory=list[Table])
    """What a step found, beside its lines."""
    watched: dict[str, list[dict[str, float]]] = field(default_factory=dict[str, list[dict[str, float]]])
    """Workers over time, by the title of their panel in GRAPH."""
    versions: dict[str, str] = field(default_factory=dict[str, str])

    def say(self, text: str) -> None:
        """A line for who watches (`-s` shows it), and for the page."""
        at = time.monotonic() - self.began
        sys.stderr.write(f"{clock(at)} {text}\n")
        self.lines.append((at, SECRET.sub("...", text)))

    def write(self, path: Path = PAGE) -> None:
        """Writes the page, and its graph beside it."""
        if self.watched:
            draw(self.watched, path.with_name(GRAPH))
        done = [(step.name, f"{step.seconds:.0f}", "passed" if step.passed else "FAILED") for step in self.steps]
        tables = [
            Table(title="The story", columns=("step", "outcome", "s"), rows=[(a, c, b) for a, b, c in done]),
            *self.tables,
            Table(
                title="What it said", columns=("at", "line"), rows=[(clock(at), cell(text)) for at, text in self.lines]
            ),
        ]
        write(
            path,
            tables,
            title="A release on a cluster, from nothing to nothing",
            method=f"{METHOD}\n\n![Workers over time]({GRAPH})" if self.watched else METHOD,
            machine=self.machine,
            command=COMMAND,
            versions=self.versions,
            minutes=(time.monotonic() - self.began) / 60,
        )


DIARY = Diary()
say = DIARY.say


def clock(seconds: float) -> str:
    """Returns minutes and seconds."""
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"


def cell(text: str) -> str:
    """Returns a line as a table's cell takes it."""
    return text.replace("|", "\\|").replace("<", "&lt;")


def said(printed: str, *words: str) -> None:
    """Notes the lines of a command's output that hold one of the words, or all."""
    for line in printed.splitlines():
        if line.strip() and (not words or any(word in line for word in words)):
            say(f"  {line.strip()}")


def tell(steps: Sequence[Step]) -> str:
    """Returns the last line: how many steps passed, in what time."""
    return f"{sum(step.passed for step in steps)} of {len(steps)} steps passed in {sum(s.seconds for s in steps):.0f} s"
