"""How fast the trainer learns beside a plain loop that trains as the reference does, economy by economy.

    python -m tools.bench.trainer [--clips 24] [--per-sample 4] [--batch 12] [--rounds 2] [--out FILE]

The shape is the reference's debug configuration: Whisper tiny, a small LLM, two Q-Former layers, 64 queries; dtype,
threads, batches, rows and optimiser are the same for all, and the loops take turns at every batch. Rows are in random
order, and, in a second table, with the rows about a clip next to each other.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from earwitness import audio
from services.trainer import rows
from services.trainer.examples import Example, examples_from
from tools.bench import process
from tools.bench.trainer_data import DEBUG, Parts, corpus, distilled, open_parts
from tools.bench.trainer_page import Curve, Lap, Measured, Memory, page
from tools.bench.trainer_plain import OURS, PLAIN, Loop, loops
from tools.bench.trainer_profile import profile

MAX_TOKENS = 96
MEMORY_STEPS = 2
ROWS = "rows"
"""What makes the rows, and no step."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What is measured."""

    clips: int
    per_sample: int
    batch: int
    rounds: int
    threads: int
    work: Path
    only: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """What every loop is given."""

    parts: Parts
    examples: Sequence[Example]
    taps: dict[Path, Tensor]
    hearing_s: float
    """A clip's features and encoder outputs, on average."""


def main() -> None:
    """Measures, and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--per-sample", type=int, default=4)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--work", type=Path, help="keeps the rows for the next time")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", default="", help=argparse.SUPPRESS)
    given = vars(parser.parse_args())
    out: Path | None = given.pop("out")
    with tempfile.TemporaryDirectory() as folder:
        given["work"] = given["work"] or Path(folder)
        options = Options(**given)
        torch.set_num_threads(options.threads)
        if options.only:
            _alone(options)
            return
        text = page(measure(options))
    print(text)
    if out:
        out.write_text(text, encoding="utf-8")


def measure(options: Options) -> Measured:
    """Runs everything."""
    # First: what a process has resident counts for those that it starts, until they run a program of their own.
    resident = memory(options)
    stage = prepare(options)
    apart = batches(stage.examples, options.batch, together=False)
    together = batches(stage.examples, options.batch, together=True)
    same = curves(stage, apart[:4])
    laps = race(loops(stage.parts.model, DEBUG, stage.taps), apart, options.rounds)
    pair = [loop for loop in loops(stage.parts.model, DEBUG, stage.taps) if loop.name in (PLAIN, OURS)]
    return Measured(
        apart=laps,
        together=race(pair, together, options.rounds),
        hearing_s=stage.hearing_s,
        curves=same,
        memory=resident,
        profile=profile(pair[-1], together[0]),
        tokens=[(len(example.prompt.ids), len(example.target)) for example in stage.examples],
        threads=options.threads,
        batch=options.batch,
        clips=options.clips,
    )


def prepare(options: Options, *, hears: bool = True) -> Stage:
    """Builds corpus, rows and model, and, unless told otherwise, hears every clip once."""
    parts = open_parts()
    folder = options.work / "corpus"
    samples = corpus(folder, options.clips)
    made = options.work / "rows.jsonl"
    if not made.is_file():
        rows.append(made, distilled(parts, samples, per_sample=options.per_sample, max_tokens=MAX_TOKENS))
    examples = examples_from(rows.read(made), folder, parts.splicer)
    clips = sorted({clip for example in examples for clip in example.clips}) if hears else []
    started = time.perf_counter()
    taps = {clip: parts.model.perception.hear([audio.read(clip).samples])[0] for clip in clips}
    return Stage(
        parts=parts, examples=examples, taps=taps, hearing_s=(time.perf_counter() - started) / max(1, len(clips))
    )


def batches(examples: Sequence[Example], size: int, *, together: bool) -> list[list[Example]]:
    """Returns the rows in full batches: drawn at random, or the rows about a clip next to each other."""
    rng = np.random.default_rng(0)
    order: list[int] = rng.permutation(len(examples)).tolist()
    if together:
        rank = {clip: place for place, clip in enumerate(dict.fromkeys(examples[at].clips for at in order))}
        order.sort(key=lambda at: rank[examples[at].clips])
    return [[examples[at] for at in order[start : start + size]] for start in range(0, len(order) - size + 1, size)]


def race(contestants: Sequence[Loop], taken: Sequence[Sequence[Example]], rounds: int) -> list[Lap]:
    """Lets the loops take turns at every batch, another one first each time; the first batch warms them up."""
    laps: list[Lap] = []
    for loop in contestants:
        loop.step(taken[0])
    for number in range(rounds * len(taken)):
        batch, first = taken[number % len(taken)], number % len(contestants)
        for loop in (*contestants[first:], *contestants[:first]):
            wall, cpu = time.perf_counter(), time.process_time()
            loss = loop.step(batch)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            laps.append(Lap(name=loop.name, number=number, wall_s=wall, cpu_s=cpu, rows=len(batch), loss=loss))
    return laps


def curves(stage: Stage, taken: Sequence[Sequence[Example]]) -> list[Curve]:
    """Returns each loop's losses without dropout, where all must agree."""
    config = replace(DEBUG, dropout=0.0)
    quiet = loops(open_parts(config).model, config, stage.taps)
    return [Curve(name=loop.name, losses=[loop.step(batch) for batch in taken]) for loop in quiet]


def memory(options: Options) -> list[Memory]:
    """Returns the greatest resident memory of both loops, each in a process of its own, the rows being there."""
    found: list[Memory] = []
    for name in (ROWS, PLAIN, OURS):
        with tempfile.TemporaryDirectory() as folder:
            arguments = [sys.executable, "-m", "tools.bench.trainer", "--only", name]
            arguments += ["--work", str(options.work.absolute())]
            for key in ("clips", "per_sample", "batch", "threads"):
                arguments += [f"--{key.replace('_', '-')}", str(getattr(options, key))]
            path = {"PYTHONPATH": str(Path.cwd())}
            cost = process.run(process.Command(arguments=arguments, env=path), Path(folder))
        found.append(Memory(name=name, peak_bytes=cost.peak_rss))
    return found[1:]


def _alone(options: Options) -> None:
    """Makes two steps of one loop, or the rows alone."""
    stage = prepare(options, hears=options.only == OURS)
    if options.only == ROWS:
        return
    (loop,) = [loop for loop in loops(stage.parts.model, DEBUG, stage.taps) if loop.name == options.only]
    for batch in batches(stage.examples, options.batch, together=True)[:MEMORY_STEPS]:
        loop.step(batch)


if __name__ == "__main__":
    main()
