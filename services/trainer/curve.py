"""The training curve: a JSONL file with a line a step, which the report draws."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One step. Step 0 is before training and has a held-out loss alone."""

    step: int
    loss: float | None = None
    """Nats per answer token, on the batch that was learned from; None where it is not finite."""
    held_out: float | None = None
    """Nats per answer token, on rows that are not trained on."""
    tokens: int = 0
    """Answer tokens in the batch."""
    seconds: float = 0.0
    epoch: int = 0
    """From 0."""
    examples: int = 0
    read_tokens: int = 0
    """Tokens of prompts and answers, without padding."""
    audio_s: float = 0.0
    """Seconds of the batch's clips."""
    encoded: int = 0
    """Clips that the encoder heard anew; the others were kept."""
    learning_rate: float = 0.0
    gradient_norm: float | None = None
    """Before it was clipped."""
    skipped: str = ""
    """Why the step changed no weight."""
    flops: float = 0.0
    """Model FLOPs, see `services.trainer.flops`."""
    mfu: float = 0.0
    """Of the devices' peak, by model FLOPs."""

    @property
    def learned(self) -> "Point":
        """The step without what depends on the machine and on how often the run was interrupted."""
        return replace(self, seconds=0.0, encoded=0, flops=0.0, mfu=0.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed:
    """How fast some steps were."""

    steps: int
    seconds: float
    examples_s: float
    """Examples, tokens and seconds of sound, each a second."""
    tokens_s: float
    audio_s_s: float
    mfu: float
    encoded: int


def speed(points: Iterable[Point]) -> Speed:
    """Returns the mean speed over steps, weighed by their time."""
    steps = [point for point in points if point.seconds > 0]
    seconds = sum(point.seconds for point in steps)
    per_s = 1.0 / seconds if seconds else 0.0
    return Speed(
        steps=len(steps),
        seconds=seconds,
        examples_s=per_s * sum(point.examples for point in steps),
        tokens_s=per_s * sum(point.read_tokens for point in steps),
        audio_s_s=per_s * sum(point.audio_s for point in steps),
        mfu=per_s * sum(point.mfu * point.seconds for point in steps),
        encoded=sum(point.encoded for point in steps),
    )


def said(points: Sequence[Point]) -> Iterator[str]:
    """Yields how fast a run was, in words: the first epoch, in which every clip is encoded, apart from the others."""
    for title, cold in (("first epoch, cold", True), ("later epochs", False)):
        mean = speed(point for point in points if (point.epoch == 0) == cold)
        if mean.steps:
            yield (
                f"{title}: {mean.examples_s:.2f} examples/s, {mean.tokens_s:,.0f} tokens/s, {mean.audio_s_s:.1f} s of "
                f"audio/s, {mean.mfu:.1%} of peak by model FLOPs, {mean.encoded} clips encoded"
            )


class Curve:
    """The file, open for more steps."""

    def __init__(self, path: Path, *, last_step: int, fallback: Path | None = None) -> None:
        """Keeps the lines up to `last_step`, where a run goes on; a line that a killed run left unfinished goes too.

        `fallback` is read where the file is gone, as on a new machine.
        """
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        source = path if path.is_file() or fallback is None else fallback
        self.points = [point for point in read(source) if point.step <= last_step] if last_step else []
        """Those that were kept."""
        partial = path.with_name(f".{path.name}.partial")
        partial.write_bytes(b"".join(_line(point) for point in self.points))
        partial.replace(path)

    def add(self, on_step: Callable[[Point], None], point: Point) -> None:
        """Writes a step and tells of it."""
        with self.path.open("ab") as file:
            file.write(_line(point))
        on_step(point)


def read(path: Path) -> list[Point]:
    """Returns the steps of a curve, none where there is no file."""
    return read_on(path, 0)[0] if path.is_file() else []


def read_on(path: Path, offset: int) -> tuple[list[Point], int]:
    """Returns the whole lines of a curve from a place in its file, and the place after them.

    A file that is shorter than that has been written anew, and is read from its beginning.
    """
    with path.open("rb") as file:
        file.seek(offset if offset <= path.stat().st_size else 0)
        start = file.tell()
        whole = file.read()
    whole = whole[: whole.rfind(b"\n") + 1]
    return [msgspec.json.decode(line, type=Point) for line in whole.splitlines()], start + len(whole)


def _line(point: Point) -> bytes:
    return msgspec.json.encode(point) + b"\n"
