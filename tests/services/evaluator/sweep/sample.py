"""Small sweeps, and a session in process that answers at once."""

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from earwitness.errors import EarwitnessError, NotReady
from services.evaluator.cost import Price, Prices
from services.evaluator.items import Answer, Benchmark, Item
from services.evaluator.measurement import Measurement
from services.evaluator.result import Description, Usage
from services.evaluator.run import Progress
from services.evaluator.sweep.axes import Backbone, BenchmarkChoice, Captioner, Sweep
from services.evaluator.sweep.cells import Cell, Lattice, multiply

HEARING = Backbone(name="hearing", family="one", llm="h:1", lalm="h:2", price="tokens")
DEAF = Backbone(name="deaf", family="two", llm="d:1", price="tokens")
DESCRIBER = Captioner(name="describer", target="c:1", price="tokens")
TOKENS = Price(source="a test", date="2026-01-01", prompt_per_million=1000.0, completion_per_million=2000.0)
PRICES = Prices(entries={"tokens": TOKENS})
PER_ITEM = (100, 10)
"""Prompt and completion tokens of an answer of `Swift`."""


def benchmark(name: str, num_items: int = 4, clips: int = 0) -> Benchmark:
    """With `clips`, the items share that many clips."""
    items = tuple(
        Item(
            id=f"{name}-{at}",
            question=f"What is number {at}?",
            choices=("A dog", "A bell"),
            answer="A bell",
            audio=Path(f"/nowhere/{name}-{at % clips}.wav") if clips else None,
        )
        for at in range(num_items)
    )
    return Benchmark(name=name, version="1", sha256=name, items=items, breakdowns=(), has_audio=bool(clips))


BENCHMARKS = {"words": benchmark("words"), "clips": benchmark("clips", 6, 3)}


def sweep(**changes) -> Sweep:
    base = Sweep(
        name="small",
        backbones=(HEARING, DEAF),
        benchmarks=(BenchmarkChoice(name="words"), BenchmarkChoice(name="clips")),
        captioners=(DESCRIBER,),
    )
    return replace(base, **changes)


def lattice(**changes) -> Lattice:
    return multiply(sweep(**changes), lambda choice: BENCHMARKS[choice.name])


def names(cells) -> list[tuple[str, str, str]]:
    return [(cell.backbone.name, cell.setting, cell.benchmark) for cell in cells]


@dataclass
class Swift:
    """Sessions that answer every item right, unless told to fail, to wait or to call back in between."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    failing: dict[str, EarwitnessError] = field(default_factory=dict)
    """By backbone."""
    delay_s: float = 0.0
    deaf_to_stop: bool = False
    between: Callable[[Cell | None, int], None] = lambda backbone, done: None
    opened: list[tuple[str, str]] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    ran: list[tuple[str, str, str]] = field(default_factory=list)
    plans: list = field(default_factory=list)

    @asynccontextmanager
    async def open(self, backbone: Backbone, captioner: Captioner | None):
        self.opened.append((backbone.name, captioner.name if captioner else ""))
        try:
            yield _Session(self, backbone, captioner)
        finally:
            self.closed.append(backbone.name)


@dataclass
class _Session:
    swift: Swift
    backbone: Backbone
    captioner: Captioner | None

    async def run(self, benchmark, setting, plan, on_progress):
        swift, total = self.swift, len(benchmark.items)
        swift.ran.append((self.backbone.name, setting, benchmark.name))
        swift.plans.append(plan)
        if self.backbone.name in swift.failing:
            raise swift.failing[self.backbone.name]
        description = Description(
            backbone=f"{self.backbone.name}-served",
            fingerprint=self.backbone.name,
            setting=setting,
            prompt=plan.prompt,
            parameters={},
            captioner=self.captioner.name if self.captioner else "",
            control=plan.control,
            sample=plan.sample,
        )
        measurement = Measurement(benchmark, total)
        for at, item in enumerate(benchmark.items):
            await asyncio.sleep(swift.delay_s)
            if swift.stop.is_set() and not swift.deaf_to_stop:
                raise NotReady("stopped", "run")
            measurement.add(at, item, Answer(text="A bell", finish_reason="stop"), "", "")
            prompt, completion = ((at + 1) * tokens for tokens in PER_ITEM)
            on_progress(
                Progress(
                    done=at + 1, total=total, reused=0, failed=0, prompt_tokens=prompt, completion_tokens=completion
                )
            )
            swift.between(self.backbone, at + 1)
        name = description.file(benchmark)
        usage = Usage(
            answers=name,
            wall_s=2.0,
            asked=total,
            reused=0,
            retries=0,
            failed=0,
            prompt_tokens=total * PER_ITEM[0],
            completion_tokens=total * PER_ITEM[1],
            audio_s=0.0,
            captions=0,
        )
        return measurement.result(description, name), usage
