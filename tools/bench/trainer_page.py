"""The trainer's figures as a page."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from scipy.stats import t

from tools.bench.machine import Machine, revision, today, versions
from tools.bench.page import Table
from tools.bench.trainer_plain import OURS, PLAIN
from tools.bench.trainer_profile import ANSWER_TOKENS, BATCH, GPU, PROMPT_TOKENS, Share, reckon

WANTED = 3.0
Clock = Literal["wall_s", "cpu_s"]
METHOD = """\
The *plain loop* follows kehanlu/DeSTA2.5-Audio: encoder at every step, transformers' BertEncoder in eager attention,
rows padded to the longest of the batch, logits of every position. Each row of a table puts an economy on top of the one
before; the last is `DestaModel.loss`, which the trainer calls. All take turns at every batch, each with a connector and
an AdamW of its own; ratios are taken batch by batch, and stand with the 95 % interval of their geometric mean
(Student's t over the logarithms). CPU time is steadier than the clock where a machine does other things too. Encoder
outputs that are kept are those of a second epoch; the first has to hear each clip once, and stands apart."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lap:
    """One step of one loop."""

    name: str
    number: int
    """Of the batch that all took turns at."""
    wall_s: float
    cpu_s: float
    rows: int
    loss: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """Losses step by step, without dropout."""

    name: str
    losses: Sequence[float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """The most that a process had resident."""

    name: str
    peak_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """All that was measured."""

    apart: Sequence[Lap]
    together: Sequence[Lap]
    hearing_s: float
    curves: Sequence[Curve]
    memory: Sequence[Memory]
    profile: Sequence[Share]
    tokens: Sequence[tuple[int, int]]
    """Of each row's prompt and answer."""
    threads: int
    batch: int
    clips: int


def ratio(laps: Sequence[Lap], name: str, clock: Clock) -> tuple[float, float, float]:
    """Returns how many times as fast as the plain loop a loop is, and the ends of the 95 % interval."""
    plain = {lap.number: getattr(lap, clock) for lap in laps if lap.name == PLAIN}
    logs = [math.log(plain[lap.number] / getattr(lap, clock)) for lap in laps if lap.name == name]
    mean = math.fsum(logs) / len(logs)
    if len(logs) < 2:
        return math.exp(mean), 0.0, math.inf
    spread = math.sqrt(math.fsum((each - mean) ** 2 for each in logs) / (len(logs) - 1) / len(logs))
    half = float(t.ppf(0.975, len(logs) - 1)) * spread
    return math.exp(mean), math.exp(mean - half), math.exp(mean + half)


def page(measured: Measured) -> str:
    """Returns the Markdown page."""
    return "\n\n".join(_sections(measured)) + "\n"


def _sections(measured: Measured) -> Iterator[str]:
    yield "# The trainer beside a plain loop"
    yield f"{today()}, commit {revision() or 'unknown'}. Written by `python -m tools.bench.trainer`."
    told = versions("torch", "transformers", "numpy")
    extra = {"threads of torch": str(measured.threads), "dtype": "float32", **told}
    rows = "\n".join(f"| {name} | {value} |" for name, value in extra.items())
    yield f"| | |\n|---|---|\n{Machine.here().markdown()}\n{rows}"
    yield _verdict(measured)
    yield METHOD
    prompts, answers = zip(*measured.tokens, strict=True)
    yield (
        f"Whisper tiny.en, SmolLM2-135M-Instruct, two Q-Former layers, 64 queries, batches of {measured.batch}; "
        f"{len(prompts)} rows about {measured.clips} clips of the bundled corpus, whose answers the LLM wrote itself: "
        f"prompts of {_mean(prompts):.0f} tokens, 64 of them the clip's, answers of {min(answers)} to {max(answers)}, "
        f"{_mean(answers):.0f} on average."
    )
    yield _ladder("Rows in random order", measured.apart, measured)
    yield _ladder("The rows about a clip next to each other", measured.together, measured)
    yield _curves(measured)
    yield Table(
        title="Memory",
        columns=("loop", "peak MiB"),
        rows=[(each.name, f"{each.peak_bytes / 2**20:,.0f}") for each in measured.memory],
        num_names=1,
    ).markdown()
    yield Table(
        title="Where a step's CPU time goes",
        columns=("operators", "share"),
        rows=[(each.kind, f"{each.share:.1%}") for each in measured.profile],
        num_names=1,
    ).markdown()
    yield _reckoned()


def _verdict(measured: Measured) -> str:
    lines: list[str] = []
    for title, laps in (("in random order", measured.apart), ("with a clip's rows together", measured.together)):
        middle, low, high = ratio(laps, OURS, "cpu_s")
        wall = ratio(laps, OURS, "wall_s")[0]
        said = "met" if low >= WANTED else "not met"
        lines.append(
            f"- {title}: {middle:.2f} times the plain loop's samples/s by CPU time [{low:.2f}, {high:.2f}], {wall:.2f} "
            f"by the clock; at least {WANTED:g} is **{said}**"
        )
    return "\n".join(lines)


def _ladder(title: str, laps: Sequence[Lap], measured: Measured) -> str:
    rows: list[tuple[str, ...]] = []
    for name in dict.fromkeys(lap.name for lap in laps):
        own = [lap for lap in laps if lap.name == name]
        wall = sum(lap.wall_s for lap in own)
        count = sum(lap.rows for lap in own)
        cold = count / (wall + measured.hearing_s * measured.clips * count / len(measured.tokens))
        times = [ratio(laps, name, clock) for clock in ("cpu_s", "wall_s")]
        shown = [f"{middle:.2f} [{low:.2f}, {high:.2f}]" if name != PLAIN else "1" for middle, low, high in times]
        first = f"{cold:.2f}" if name != PLAIN else f"{count / wall:.2f}"
        rows.append((name, f"{count / wall:.2f}", first, *shown))
    columns = ("loop", "samples/s", "samples/s, first epoch", "ratio by CPU time", "ratio by the clock")
    return Table(title=title, columns=columns, rows=rows, num_names=1).markdown()


def _curves(measured: Measured) -> str:
    plain = next(curve for curve in measured.curves if curve.name == PLAIN)
    rows: list[tuple[str, ...]] = []
    for curve in measured.curves:
        off = max(abs(one - other) for one, other in zip(curve.losses, plain.losses, strict=True))
        rows.append((curve.name, *(f"{loss:.5f}" for loss in curve.losses), f"{off:.1e}"))
    steps = [f"step {number}" for number in range(1, len(plain.losses) + 1)]
    columns = ("loop", *steps, "greatest distance")
    return Table(title="The same losses, without dropout", columns=columns, rows=rows, num_names=1).markdown()


def _reckoned() -> str:
    found = reckon()
    total = sum(found.parts.values())
    rows = [(name, f"{flops / 1e12:.1f}", f"{flops / total:.1%}") for name, flops in found.parts.items()]
    rows.append(("a step", f"{total / 1e12:.1f}", "100.0%"))
    title = f"Whisper-large-v3 with Qwen3-8B, by arithmetic: {BATCH} rows of {PROMPT_TOKENS} + {ANSWER_TOKENS} tokens"
    work = Table(title=title, columns=("part", "teraFLOP", "share"), rows=rows, num_names=1).markdown()
    lines = [f"- {name}: {size / 2**30:.2f} GiB" for name, size in found.memory.items()]
    least = f"At half of the dense bfloat16 peak of an {GPU} a step would take {found.seconds * 1000:.0f} ms, that is "
    rate = f"{BATCH / found.seconds:.0f} samples/s, of which the encoder's share goes where its outputs are kept."
    known = "Nobody has run this yet.\n\nMemory that is known by its shape, without the activations:"
    return f"{work}\n\n{least}{rate} {known}\n\n" + "\n".join(lines)


def _mean(values: Sequence[int]) -> float:
    return sum(values) / len(values)
