"""What answers made elsewhere are worth, in the terminal and as numbers in JSON.

Both accuracies stand side by side with their denominators, since they differ: the official one leaves rows without a
prediction out, ours has every item in it.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.evaluator.answer_file import AnswerFile, Measured, Worth
from services.evaluator.items import Benchmark, Outcome
from services.evaluator.stats import wilson

_LEGEND = (
    "Official: the benchmark's own string match of the predictions as they stand, over the rows that have one. "
    "Ours: the option that is read from them, over all items. 95 %: Wilson interval of ours. "
    "Bounds: every item that could not be read wrong, and every one right. Failed: no prediction."
)


def show(benchmark: Benchmark, answers: AnswerFile, measured: Mapping[str, Measured], console: Console) -> None:
    """Prints a line for each prediction key, then what has to be known of the file, then each key's groups."""
    items = len(benchmark.items)
    console.print()
    console.print(
        Text(f"{answers.name}: {answers.num_rows} rows for the {items} items of {benchmark.name}", style="bold")
    )
    console.print()
    console.print(_accuracies(measured))
    console.print(_outcomes(answers, measured))
    for note in _notes(benchmark, answers, measured):
        console.print(Text(f"{note}\n"))
    for key, one in measured.items():
        console.print(_groups(key, one))
    console.print(Text(_LEGEND, style="dim"))


def to_tree(benchmark: Benchmark, answers: AnswerFile, measured: Mapping[str, Measured]) -> dict[str, dict[str, Any]]:
    """Returns the numbers as they are written: shares between 0 and 1, null where there is nothing to count."""
    return {
        "benchmark": {
            "name": benchmark.name,
            "version": benchmark.version,
            "sha256": benchmark.sha256,
            "items": len(benchmark.items),
        },
        "answers": {"file": answers.name, "rows": answers.num_rows, "items_without_row": list(answers.absent)},
        "predictions": {
            key: {
                "rows_without_prediction": answers.num_rows - one.num_predictions,
                **_worth_tree(one.total),
                "groups": {
                    breakdown: {label: _worth_tree(worth) for label, worth in groups.items()}
                    for breakdown, groups in one.groups.items()
                },
            }
            for key, one in measured.items()
        },
    }


def _worth_tree(worth: Worth) -> dict[str, dict[str, Any]]:
    official, ours = worth.official, worth.ours
    interval = wilson(ours.correct, ours.n)
    return {
        "official": {"n": official.n, "correct": official.correct, "accuracy": _number(official.accuracy)},
        "ours": {
            "n": ours.n,
            **{outcome.value: getattr(ours, outcome) for outcome in Outcome},
            "withheld": ours.withheld,
            "accuracy": _number(ours.accuracy),
            "interval": [interval.low, interval.high],
            "bounds": [_number(bound) for bound in ours.bounds],
        },
    }


def _accuracies(measured: Mapping[str, Measured]) -> Table:
    table = _table("Accuracy, %", "prediction", "official", "rows", "ours", "items", "95 %", "bounds")
    for key, one in measured.items():
        bounds = "–".join(_percent(bound, 1) for bound in one.total.ours.bounds)
        table.add_row(Text(key), *_shares(one.total, digits=1), bounds)
    return table


def _outcomes(answers: AnswerFile, measured: Mapping[str, Measured]) -> Table:
    table = _table("Outcomes, items", "prediction", *Outcome, "rows without")
    for key, one in measured.items():
        counts = [getattr(one.total.ours, outcome) for outcome in Outcome]
        without = answers.num_rows - one.num_predictions
        table.add_row(Text(key), *(str(count or "·") for count in (*counts, without)))
    return table


def _groups(key: str, one: Measured) -> Table:
    table = _table(f"{key}, %", "", "official", "rows", "ours", "items", "95 %")
    for breakdown, groups in one.groups.items():
        table.add_row(Text(f"by {breakdown}", style="italic cyan"))
        for label, worth in groups.items():
            table.add_row(Text(f"  {label}"), *_shares(worth, digits=0))
        table.add_section()
    return table


def _shares(worth: Worth, digits: int) -> list[Text]:
    """Returns both accuracies with what they are of, and the interval of ours in percent with so many digits."""
    official, ours = worth.official, worth.ours
    interval = wilson(ours.correct, ours.n)
    return [
        Text(_percent(official.accuracy), style="bold"),
        Text(str(official.n), style="dim"),
        Text(_percent(ours.accuracy), style="bold"),
        Text(str(ours.n), style="dim"),
        Text(f"[{_percent(interval.low, digits)}, {_percent(interval.high, digits)}]"),
    ]


def _notes(benchmark: Benchmark, answers: AnswerFile, measured: Mapping[str, Measured]) -> Iterator[str]:
    items = len(benchmark.items)
    if answers.absent:
        first, *others = answers.absent
        more = f" and {len(others)} more" if others else ""
        yield f"{len(answers.absent)} of {items} items have no row in the file: {first}{more}."
    if withheld := sum(item.answer is None for item in benchmark.items):
        yield f"{withheld} of {items} items stand outside all counts: {benchmark.name} withholds their answers."
    for key, one in measured.items():
        whole, bare = one.total.official.correct, one.total.ours.official
        if bare != whole:
            yield (
                f"{key}: the official match passes {whole}, and would pass {bare} without reasoning, "
                '"The correct answer is:" and marks of bold type around the answers.'
            )


def _percent(share: float, digits: int = 2) -> str:
    return "–" if math.isnan(share) else f"{100 * share:.{digits}f}"


def _number(share: float) -> float | None:
    return None if math.isnan(share) else share


def _table(title: str, first: str, *heads: str) -> Table:
    table = Table(title=Text(title, style="bold"), title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(first, overflow="fold", min_width=12)
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    return table
