"""Training: the loss and the speed of each training, step by step, and its checkpoints with their scores."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from markupsafe import Markup

from earwitness.errors import InvalidInput
from services.evaluator import result as results
from services.evaluator.report.curves import Series, lines
from services.evaluator.result import RunResult
from services.evaluator.web.page import Asked, Page

CURVE, STATE, CHECKPOINTS, FINAL, EVALUATIONS = (
    "curve.jsonl",
    "state.json",
    "checkpoints",
    "checkpoint",
    "evaluations",
)
"""What a training leaves in its folder: see docs/trainer.md."""
STEP = re.compile(r"step-(\d+)")
POINTS_SHOWN = 1000


class Point(msgspec.Struct, frozen=True):
    """One step of a curve, as far as the page shows it."""

    step: int
    loss: float | None = None
    held_out: float | None = None
    read_tokens: int = 0
    tokens: int = 0
    audio_s: float = 0.0
    seconds: float = 0.0
    skipped: str = ""


class _State(msgspec.Struct):
    step: int
    held_out: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """A checkpoint with what is known of it."""

    name: str
    step: int | None
    held_out: float | None
    scores: Sequence[RunResult]


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """One training."""

    name: str
    points: Sequence[Point]
    loss: Markup
    speed: Markup
    checkpoints: Sequence[Checkpoint]
    others: Sequence[RunResult]
    """Scores of which no checkpoint is known any more."""
    fault: str = ""

    @property
    def last(self) -> Point | None:
        """The newest step."""
        return self.points[-1] if self.points else None

    @property
    def seconds(self) -> float:
        """How long its steps took."""
        return sum(point.seconds for point in self.points)


def training(asked: Asked) -> Page:
    """Returns the page."""
    values = {"trainings": [read(folder) for folder in asked.site.config.train]}
    return Page(template="training.html.jinja", title="Training", section="training", values=values)


def read(folder: Path) -> Training:
    """Returns what a training has left in its folder so far; what cannot be read is said."""
    try:
        points = curve(folder / CURVE)
    except InvalidInput as error:
        return Training(
            name=folder.name, points=(), loss=Markup(), speed=Markup(), checkpoints=(), others=(), fault=str(error)
        )
    evaluated = _evaluated(folder / EVALUATIONS)
    saved = _saved(folder, evaluated)
    known = [score for each in saved for score in each.scores]
    return Training(
        name=folder.name,
        points=points,
        loss=_losses(points),
        speed=_speeds(points),
        checkpoints=saved,
        others=[score for score in evaluated if score not in known],
        fault="" if points else f"there is no {CURVE} in {folder} yet",
    )


def curve(path: Path) -> list[Point]:
    """Returns the whole lines of a curve, none where there is no file; raises InvalidInput for another file."""
    if not path.is_file():
        return []
    whole = path.read_bytes()
    whole = whole[: whole.rfind(b"\n") + 1]
    try:
        return [msgspec.json.decode(line, type=Point) for line in whole.splitlines()]
    except msgspec.DecodeError as error:
        raise InvalidInput(f"this is no curve: {error}", str(path), "name the output folder of a training") from None


def _losses(points: Sequence[Point]) -> Markup:
    trained = [(float(point.step), point.loss) for point in points if point.loss is not None]
    held_out = [(float(point.step), point.held_out) for point in points if point.held_out is not None]
    series = [
        Series(name="training", points=_thinned(trained)),
        Series(name="held out", points=_thinned(held_out), sparse=len(held_out) <= 60),
    ]
    return _drawn([each for each in series if each.points], "Loss", "nats per token")


def _speeds(points: Sequence[Point]) -> Markup:
    timed = [point for point in points if point.seconds > 0]
    tokens = [(float(point.step), (point.read_tokens or point.tokens) / point.seconds) for point in timed]
    return _drawn([Series(name="tokens/s", points=_thinned(tokens))] if tokens else [], "Speed", "tokens a second")


def _drawn(series: Sequence[Series], title: str, unit: str) -> Markup:
    if not series:
        return Markup()
    ends = "; ".join(f"{each.name} from {each.points[0][1]:.2f} to {each.points[-1][1]:.2f}" for each in series)
    return lines(series, f"{title} in {unit}: {ends}.", "optimiser step", unit, title)


def _thinned(points: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """Returns at most about `POINTS_SHOWN` points, each the mean of its neighbours, so that noise hides nothing."""
    wide = -(-len(points) // POINTS_SHOWN)
    parts = [points[at : at + wide] for at in range(0, len(points), wide or 1)]
    return [(part[-1][0], sum(y for _, y in part) / len(part)) for part in parts]


def _evaluated(folder: Path) -> tuple[RunResult, ...]:
    return results.load(folder).results if (folder / results.RESULTS).is_file() else ()


def _saved(folder: Path, evaluated: Sequence[RunResult]) -> list[Checkpoint]:
    """Returns the checkpoints that are there or were evaluated, in the order of their steps."""
    names = {path.name for path in (folder / CHECKPOINTS).glob("step-*") if path.is_dir()}
    names |= {match[0] for score in evaluated if (match := STEP.search(score.checkpoint))}
    names |= {path.name for path in (folder / EVALUATIONS).glob("step-*") if path.is_dir()}
    found = [_checkpoint(folder / CHECKPOINTS / name, evaluated) for name in sorted(names)]
    return [*found, _checkpoint(folder / FINAL, evaluated)] if (folder / FINAL).is_dir() else found


def _checkpoint(place: Path, evaluated: Sequence[RunResult]) -> Checkpoint:
    try:
        state = msgspec.json.decode((place / STATE).read_bytes(), type=_State)
    except (OSError, msgspec.DecodeError):
        state = None
    match = STEP.fullmatch(place.name)
    step = state.step if state else int(match[1]) if match else None
    return Checkpoint(
        name="finished" if place.name == FINAL else place.name,
        step=step,
        held_out=state.held_out if state else None,
        scores=[score for score in evaluated if match and place.name in score.checkpoint],
    )
