"""From axes to cells: every combination is one run or a recorded reason why there is none.

The order spares loading: by backbone first, so that each model is loaded once, and within it text, cascade, audio. In
the cascade one captioner ends before the next begins. Captions are shared by all backbones, through the ledger.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from earwitness.errors import InvalidInput
from earwitness.sampling import Sampling
from services.evaluator.items import SETTINGS, Answering, Benchmark, Control, Setting
from services.evaluator.plan import Plan
from services.evaluator.prompts import PLAIN
from services.evaluator.sweep.axes import Backbone, BenchmarkChoice, Captioner, Sweep


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One run to be."""

    backbone: Backbone
    benchmark: str
    setting: Setting
    prompt: str
    answering: Answering
    control: Control = "none"
    rotation: int = 1
    sample: int = 0
    seed: int = 0
    captioner: Captioner | None = None
    """In the cascade alone."""
    caption_prompt: str = PLAIN

    def plan(self, sweep: Sweep) -> Plan:
        """Returns how the run asks. A session moves the seed on by the sample, so that it starts that much lower."""
        decoding = sweep.sampling
        return Plan(
            prompt=self.prompt,
            sampling=Sampling(
                max_tokens=decoding.max_tokens,
                temperature=decoding.temperature,
                top_p=decoding.top_p,
                seed=self.seed - self.sample,
            ),
            answering=self.answering,
            thinking=self.backbone.thinking,
            control=self.control,
            rotation=self.rotation,
            sample=self.sample,
            caption_prompt=self.caption_prompt,
            in_flight=sweep.in_flight,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Skipped:
    """A combination that is no run."""

    backbone: str
    """ "" where it is so for all."""
    setting: Setting
    benchmark: str
    """ "" where it is so for all."""
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Lattice:
    """A sweep, multiplied."""

    sweep: Sweep
    benchmarks: Mapping[str, Benchmark]
    cells: tuple[Cell, ...]
    skipped: tuple[Skipped, ...]

    def title(self, cell: Cell) -> str:
        """Names a cell among those of its backbone: what the axes have one value of is left out."""
        many = {
            axis
            for axis in ("captioner", "caption_prompt", "prompt", "answering", "control", "sample")
            if len({getattr(each, axis) for each in self.cells if each.setting == cell.setting}) > 1
        }
        parts = [cell.setting, cell.benchmark]
        parts += [cell.captioner.name] if cell.captioner and "captioner" in many else []
        parts += [f"by {cell.caption_prompt}"] if "caption_prompt" in many else []
        parts += [cell.prompt] if "prompt" in many else []
        parts += [cell.answering] if "answering" in many else []
        if cell.control == "shuffle":
            parts.append(f"shuffle {cell.rotation}")
        elif cell.control != "none":
            parts.append(cell.control)
        parts += [f"#{cell.sample}"] if "sample" in many else []
        return " ".join(parts)


def multiply(sweep: Sweep, load: Callable[[BenchmarkChoice], Benchmark]) -> Lattice:
    """Returns the cells in the order of their execution, and what is skipped.

    Raises what `load` raises for a benchmark that cannot be read.
    """
    benchmarks = {choice.name: load(choice) for choice in sweep.benchmarks}
    cells: list[Cell] = []
    skipped: dict[Skipped, None] = dict.fromkeys(_deaf_axes(sweep))
    for backbone in sweep.backbones:
        for setting in SETTINGS:
            if setting not in sweep.settings:
                continue
            for (captioner, how), choice, variant in product(
                _heard_by(sweep, setting), sweep.benchmarks, _variants(sweep)
            ):
                prompt, answering, control, rotation, sample = variant
                cell = Cell(
                    backbone=backbone,
                    benchmark=choice.name,
                    setting=setting,
                    prompt=prompt,
                    answering=answering,
                    control=control,
                    rotation=rotation,
                    sample=sample,
                    seed=sweep.seeds[sample] if sweep.seeds else sample,
                    captioner=captioner,
                    caption_prompt=how,
                )
                reason = _obstacle(sweep, cell, choice, benchmarks[choice.name])
                if reason:
                    skipped[Skipped(backbone=backbone.name, setting=setting, benchmark=choice.name, reason=reason)] = (
                        None
                    )
                else:
                    cells.append(cell)
    return Lattice(sweep=sweep, benchmarks=benchmarks, cells=tuple(cells), skipped=tuple(skipped))


def _heard_by(sweep: Sweep, setting: Setting) -> list[tuple[Captioner | None, str]]:
    """The captioner axis, each captioner with each of its prompts."""
    if setting != "cascade":
        return [(None, PLAIN)]
    return [(captioner, prompt) for captioner in sweep.captioners for prompt in captioner.prompts]


def _variants(sweep: Sweep) -> list[tuple[str, Answering, Control, int, int]]:
    controls: list[tuple[Control, int]] = [
        (control, rotation)
        for control in sweep.controls
        for rotation in (sweep.rotations if control == "shuffle" else (1,))
    ]
    return [
        (prompt, answering, control, rotation, sample)
        for prompt, answering, (control, rotation), sample in product(
            sweep.prompts, sweep.answering, controls, range(sweep.samples)
        )
    ]


def _deaf_axes(sweep: Sweep) -> Iterator[Skipped]:
    """The settings that the captioner axis does not multiply."""
    if not sweep.captioners:
        if "cascade" in sweep.settings:
            yield Skipped(backbone="", setting="cascade", benchmark="", reason="the sweep names no captioner")
        return
    for setting in ("text", "audio"):
        if setting in sweep.settings and len(_heard_by(sweep, "cascade")) > 1:
            reason = "no captioner is asked: one run, not one for each captioner"
            yield Skipped(backbone="", setting=setting, benchmark="", reason=reason)


def _obstacle(sweep: Sweep, cell: Cell, choice: BenchmarkChoice, benchmark: Benchmark) -> str:
    """Says why a cell cannot be, "" if it can."""
    backbone, setting = cell.backbone, cell.setting
    if choice.settings is not None and setting not in choice.settings:
        return f"the file asks it in {', '.join(choice.settings) or 'no setting'} alone"
    if setting == "audio" and not backbone.lalm:
        return "the backbone has no `lalm`"
    if setting != "audio" and not backbone.llm:
        return "the backbone has no `llm`"
    if setting != "text" and not benchmark.has_audio:
        return "there are no clips to hear"
    if setting == "text" and benchmark.has_audio and cell.control == "none":
        return "the questions are about clips, and only the control `blind` asks them without"
    try:
        cell.plan(sweep).check(benchmark, setting)
    except InvalidInput as error:
        return f"{error.message}: {error.remedy}"
    if cell.sample and cell.answering != "generate":
        return f"`{cell.answering}` are scored, not sampled: once is enough"
    if cell.captioner is None:
        return ""
    if not cell.captioner.target:
        return f"captioner {cell.captioner.name} is left out"
    if backbone.captioners is not None and cell.captioner.name not in backbone.captioners:
        return f"captioner {cell.captioner.name} is not among the backbone's"
    return ""
