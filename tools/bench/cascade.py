"""What sound costs the evaluator: clips per second from store to wire, and a cascade beside its slower stage.

    python -m tools.bench.cascade [--clips 1000] [--rounds 3] [--out docs/benchmarks/cascade.md]

The captioner and the LLMs are mocks of known speed, so what a stage must take is known, and the rest is ours.
"""

import argparse
import json
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from earwitness.errors import EarwitnessError
from tools.bench import page, process, serving, workload
from tools.bench.fanout import ENVIRONMENT
from tools.bench.figures import Spread
from tools.bench.machine import Machine, versions
from tools.bench.mock import DELAY_S
from tools.bench.workload import Workload

LEAST_CLIPS_PER_S = 300.0
MOST_OVER_SLOWER_STAGE = 1.15
IN_FLIGHT = 256
CASES = {"captioner": (16, 32), "LLM": (32, 8)}
"""By the slower stage: the captioner's places, and each LLM's."""
METHOD = f"""\
Ten-second clips, 16 kHz mono, each another file. *Store to wire*: `earwitness run mmau audio` against an audio language
model that answers after {DELAY_S * 1000:.0f} ms, with {IN_FLIGHT} in flight: first with an empty clip store, then with
another ledger and the store that is there. A clip that is decoded again would be written again: the second run must
leave every file of the store as it was.

*Cascade*: `earwitness run mmau cascade` with one captioner and then two LLMs over one ledger. The mocks work on a
limited number of questions at a time, each {DELAY_S * 1000:.0f} ms, so the slower stage alone must take (questions
x time / places): the floor. The second LLM finds every caption in the ledger, so its floor is its own. Wall is `wall_s`
of `timings.json`. Figures are medians with [least, greatest] over the rounds."""


@dataclass(kw_only=True, slots=True)
class Figures:
    """What was measured, one value per round."""

    cold: list[float] = field(default_factory=list[float])
    """Clips per second, each decoded and stored on its way."""
    warm: list[float] = field(default_factory=list[float])
    decoded_again: int = 0
    over_floor: dict[tuple[str, str], list[float]] = field(default_factory=dict[tuple[str, str], list[float]])
    """By the slower stage and the LLM: the wall as a multiple of the floor."""
    captions_per_clip: list[float] = field(default_factory=list[float])

    @property
    def met(self) -> bool:
        """Whether everything is as it should be."""
        walls = [Spread.of(values).median for values in self.over_floor.values()]
        return (
            Spread.of(self.warm).median >= LEAST_CLIPS_PER_S
            and max(walls) <= MOST_OVER_SLOWER_STAGE
            and set(self.captions_per_clip) == {1.0}
            and not self.decoded_again
        )


def listened(work: Workload, folder: Path, figures: Figures) -> None:
    """Measures the way from store to wire, once with an empty store and once with a full one."""
    store = folder / "home" / "clips"
    for name, rates in (("cold", figures.cold), ("warm", figures.warm)):
        before = _written(store)
        with serving.mock() as mock:
            wall_s = asked(work, "audio", folder, name, {"lalm": mock.grpc})
        rates.append(work.num_items / wall_s)
        figures.decoded_again += name == "warm" and _written(store) != before


def cascaded(work: Workload, folder: Path, slower: str, figures: Figures) -> None:
    """Measures one captioner and two LLMs that follow one another."""
    captioner_places, llm_places = CASES[slower]
    with ExitStack() as stack:
        captioner = stack.enter_context(serving.mock(places=captioner_places, model="mock-captioner"))
        for name in ("first", "second"):
            llm = stack.enter_context(serving.mock(places=llm_places, model=f"mock-llm-{name}"))
            wall_s = asked(work, "cascade", folder, slower, {"captioner": captioner.grpc, "llm": llm.grpc})
            places = min(captioner_places, llm_places) if name == "first" else llm_places
            floor_s = work.num_items * DELAY_S / places
            figures.over_floor.setdefault((slower, name), []).append(wall_s / floor_s)
        figures.captions_per_clip.append(captioner.stats().asked / work.num_items)


def asked(work: Workload, setting: str, folder: Path, out: str, ports: dict[str, int]) -> float:
    """Runs the command and returns the seconds that it says; raises EarwitnessError where it did not ask everything."""
    targets = [word for service, port in ports.items() for word in (f"--{service}", f"127.0.0.1:{port}")]
    console = str(Path(sys.executable).with_name("earwitness"))
    options = ["--data", str(work.path), "--out", out, "--in-flight", str(IN_FLIGHT), *targets]
    command = process.Command(
        arguments=[console, "run", work.benchmark, setting, *options], env={"EARWITNESS_HOME": str(folder / "home")}
    )
    process.run(command, folder)
    usage = json.loads((folder / out / "timings.json").read_bytes())["usage"][-1]
    if usage["asked"] != work.num_items or usage["failed"]:
        raise EarwitnessError(f"{usage['asked']} asked, {usage['failed']} failed", f"{out}: {setting}")
    return usage["wall_s"]


def tables(figures: Figures) -> list[page.Table]:
    """Returns the figures, each with what it should be."""
    at_least, at_most = f">= {LEAST_CLIPS_PER_S:g}", f"<= {MOST_OVER_SLOWER_STAGE:g}"
    rows = [
        ("clips/s from file to wire", "decoded on the way", Spread.of(figures.cold).text(), "", ""),
        _row("clips/s from store to wire", "in the store", figures.warm, at_least, LEAST_CLIPS_PER_S, 0),
    ]
    for (slower, name), values in figures.over_floor.items():
        case = f"{slower} slower, {name} LLM"
        rows.append(_row("wall / slower stage", case, values, at_most, -MOST_OVER_SLOWER_STAGE, 2))
    captions = Spread.of(figures.captions_per_clip)
    rows.append(
        ("captions asked per clip", "two LLMs", captions.text(2), "1", _verdict(captions.low == captions.high == 1))
    )
    again = figures.decoded_again
    rows.append(("rounds that decoded a clip again", "in the store", str(again), "0", _verdict(not again)))
    return [page.Table(title="Sound", columns=("figure", "case", "measured", "wanted", "verdict"), rows=rows)]


def _row(figure: str, case: str, values: Sequence[float], wanted: str, bound: float, decimals: int) -> tuple[str, ...]:
    """Returns a line; `bound` is negative where it is the most."""
    spread = Spread.of(values)
    met = spread.median >= bound if bound > 0 else spread.median <= -bound
    return (figure, case, spread.text(decimals), wanted, _verdict(met))


def _verdict(met: bool) -> str:
    return "pass" if met else "FAIL"


def _written(store: Path) -> dict[str, int]:
    """Returns when each file of the store was written last."""
    return {str(path): path.stat().st_mtime_ns for path in store.rglob("*") if path.is_file()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns 1 where something is not as it should be."""
    parser = argparse.ArgumentParser(prog="tools.bench.cascade", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--clips", type=int, default=1000, help="of ten seconds (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="(default: %(default)s)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the Markdown file to write")
    options = parser.parse_args(arguments)
    os.environ.update(ENVIRONMENT)
    console, machine, started, figures = Console(), Machine.here(), time.monotonic(), Figures()
    with tempfile.TemporaryDirectory(prefix="earwitness-bench-") as clips:
        work = workload.write_audio(Path(clips), options.clips)
        for number in range(options.rounds):
            with tempfile.TemporaryDirectory(prefix="earwitness-bench-") as folder:
                listened(work, Path(folder), figures)
                for slower in CASES:
                    cascaded(work, Path(folder), slower, figures)
            console.print(f"round {number + 1}: {figures.cold[-1]:.0f} clips/s cold, {figures.warm[-1]:.0f} warm")
    found = tables(figures)
    console.print(found[0].rich())
    if options.out:
        command = shlex.join(["python", "-m", "tools.bench.cascade", *(arguments or sys.argv[1:])])
        page.write(
            options.out,
            found,
            title="Sound: from store to wire, and through a cascade",
            method=METHOD,
            machine=machine,
            command=command,
            versions=versions("grpcio", "soundfile", "soxr", "uvloop"),
            minutes=(time.monotonic() - started) / 60,
        )
    return 0 if figures.met else 1


if __name__ == "__main__":
    sys.exit(main())
