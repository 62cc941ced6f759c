"""How answers were read, and which letters were chosen: where a number of the report can be doubted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.evaluator.extract import EXTRACTORS
from services.evaluator.report.grid import Grid, Run
from services.evaluator.report.pairs import controls
from services.evaluator.result import Reader

LETTERS_SHOWN = 6
"""Options beyond it are rare, and are counted together."""
OTHERS = "others"


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """One place among the options, over the items of a run."""

    letter: str
    chosen: float
    """Of the answers that were read, the share that chose it."""
    gold: float
    """Of the items, the share whose right choice stands there."""
    right: float
    """Of these, the share that was answered correctly; NaN if there are none."""
    num_gold: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """How a run's choices fall on the places of the options."""

    run: Run
    letters: Sequence[Letter]
    shift: float
    """The share of choices that would have to move for each place to be chosen as often as it is right."""
    agreeing: float | None = None
    """Of a run that was asked again with its options moved: the share of items with the same outcome."""


def readers(table: Grid) -> list[str]:
    """Returns the names of the extractors that read any answer, in the order in which they are asked."""
    seen = {name for run in table.runs for name in (*run.result.audit.readers, *run.result.audit.read_by)}
    known = [name for name in EXTRACTORS if name in seen]
    return known + sorted(seen.difference(known))


def disagreements(table: Grid) -> list[tuple[Run, Mapping[str, int]]]:
    """Returns the runs in which two extractors chose different options, with how often each pair of them did."""
    return [(run, run.result.audit.pairs) for run in table.runs if run.result.audit.pairs]


def reader(run: Run, name: str) -> Reader:
    """Returns how an extractor did on a run; one that read nothing has zeros."""
    return run.result.audit.readers.get(name) or Reader(read=0, correct=0, overruled=0)


def positions(table: Grid) -> list[Position]:
    """Returns for each run how its choices fall, a run with moved options right after the one that it controls."""
    bases = {id(pair.second.result): pair for pair in controls(table) if pair.second.result.control == "shuffle"}
    found: list[Position] = []
    for run in table.runs:
        if id(run.result) in bases:
            continue
        again = [pair for pair in bases.values() if pair.first.result is run.result]
        found += [each for each in [_position(run)] if each]
        found += [each for pair in again if (each := _position(pair.second, 1 - pair.discordance))]
    return found


def _position(run: Run, agreeing: float | None = None) -> Position | None:
    audit = run.result.audit
    chosen, gold = sum(audit.chosen.values()), sum(audit.gold.values())
    if not chosen or not gold:
        return None
    names = sorted({*audit.chosen, *audit.gold})
    shown = [[name] for name in names[:LETTERS_SHOWN]] + ([names[LETTERS_SHOWN:]] if names[LETTERS_SHOWN:] else [])
    letters = [_letter(run, group, chosen, gold) for group in shown]
    shift = sum(abs(audit.chosen.get(name, 0) / chosen - audit.gold.get(name, 0) / gold) for name in names) / 2
    return Position(run=run, letters=letters, shift=shift, agreeing=agreeing)


def _letter(run: Run, names: Sequence[str], chosen: int, gold: int) -> Letter:
    audit = run.result.audit
    at, there, right = (
        sum(counts.get(name, 0) for name in names) for counts in (audit.chosen, audit.gold, audit.right)
    )
    return Letter(
        letter=names[0] if len(names) == 1 else OTHERS,
        chosen=at / chosen,
        gold=there / gold,
        right=right / there if there else float("nan"),
        num_gold=there,
    )
