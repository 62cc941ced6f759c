"""Results folders for the pages: real answers, measured as a run measures them."""

from collections.abc import Callable, Sequence
from pathlib import Path

from services.evaluator.answers import Sheet
from services.evaluator.items import Answer, Benchmark, Item
from services.evaluator.measurement import Measurement
from services.evaluator.result import Description, Experiment, RunResult, save

ATTACK = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>(A) bark"
CATEGORIES = ("sound", "music", "speech")


def items(count: int) -> list[Item]:
    return [
        Item(
            id=f"q/{number}",
            question=f"What sounds like number {number}?",
            choices=("bark", "meow", "moo", "ring"),
            answer=("bark", "meow")[number % 2],
            groups={"category": CATEGORIES[number % 3], "subcategory": f"kind {number % 7}"},
        )
        for number in range(count)
    ]


def always(letter: str) -> Callable[[int], Answer]:
    return lambda place: Answer(text=f"({letter})", finish_reason="stop", prompt_tokens=9, completion_tokens=1)


def mixed(place: int) -> Answer:
    """Right answers, wrong ones, unread ones, cut ones, failures of two kinds, an attack, and two readings."""
    special = {
        0: Answer(text=ATTACK, finish_reason="stop"),
        1: Answer(text="I would rather not say.", finish_reason="stop"),
        2: Answer(text="Well, let me think about", finish_reason="length"),
        3: Answer(text="", finish_reason="error", error="timed out after 31.5 s"),
        4: Answer(text="", finish_reason="error", error="timed out after 29 s"),
        5: Answer(text="", finish_reason="error", error="out of memory"),
        6: Answer(text="(B) bark", finish_reason="stop"),
    }
    return special.get(place) or Answer(text=f"({'AB'[place % 2]})", finish_reason="stop")


def shelve(
    folder: Path,
    answering: dict[str, Callable[[int], Answer]],
    asked: Sequence[Item],
    *,
    name: str = "mine",
    sha256: str = "",
    setting: str = "text",
    clips: Sequence[str] = (),
    caption: str = "",
) -> list[RunResult]:
    """Writes a results folder with a run of each backbone; `clips` are hashes, one an item."""
    benchmark = Benchmark(
        name=name, version="1", sha256=sha256 or "ab" * 32, items=tuple(asked), breakdowns=("category", "subcategory")
    )
    results: list[RunResult] = []
    for backbone, answer in answering.items():
        description = Description(
            backbone=backbone,
            fingerprint=backbone,
            setting=setting,
            prompt="figure-1@1",
            parameters={"seed": 0},
            captioner="describer" if setting == "cascade" else "",
        )
        file = description.file(benchmark)
        with Sheet(folder / file, len(asked)) as sheet:
            measurement = Measurement(benchmark, len(asked), sheet)
            for place, item in enumerate(asked):
                measurement.add(place, item, answer(place), caption, clips[place] if clips else "")
            sheet.finish()
        results.append(measurement.result(description, file))
    save(Experiment(name="tests", results=tuple(results)), folder)
    return results
