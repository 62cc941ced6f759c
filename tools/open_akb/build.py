"""Checks the authored questions and writes the bundled sets: open-akb, all of them, and mini-akb, the first of each.

    python -m tools.open_akb.build [--check] [--categories phonetic,sound]

Every question that is verified by rule is proved again. Both sets are the same, byte for byte, wherever they are built.
A question of mini-akb has its choices in the same order in open-akb, so that an answer to the one is an answer to the
other.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from earwitness.errors import EarwitnessError, MalformedRow
from services.evaluator.akb.arrangement import arrange
from services.evaluator.akb.checks import length_shares
from services.evaluator.akb.proof import prove
from services.evaluator.akb.question import Question, render, repeated
from services.evaluator.akb.release import Release, compose, slug
from tools.open_akb.sources import CATEGORIES, FOLDER, read

DATA = Path(__file__).parents[2] / "services/evaluator/data"
MINI, OPEN = DATA / "mini-akb" / "mini-akb.jsonl", DATA / "open-akb"
VERSION = "1.0.0"
IN_MINI = 5
"""Questions that mini-akb takes of each subcategory, from its beginning."""


def checked(names: Iterable[str] = CATEGORIES, folder: Path = FOLDER) -> list[Question]:
    """Returns the questions of these categories once all are proved and none is asked twice; raises `MalformedRow`."""
    questions = [question for name in names for question in read(name, folder)]
    for first, again in repeated(questions):
        raise MalformedRow(f"it repeats {first.place}", _place(again), "ask something else")
    for question in questions:
        for wrong in prove([question]).refuted.values():
            raise MalformedRow(wrong, _place(question), "correct the question or its evidence")
    return questions


def mini(questions: Sequence[Question]) -> list[Question]:
    """Returns mini-akb."""
    counted: Counter[str] = Counter()
    first: list[Question] = []
    for question in questions:
        counted[question.subcategory] += 1
        if counted[question.subcategory] <= IN_MINI:
            first.append(question)
    arranged = arrange(first, seed="mini-akb 1")
    return [replace(question, id=f"mini-akb-{number:04d}") for number, question in enumerate(arranged, start=1)]


def opened(questions: Sequence[Question]) -> Release:
    """Returns open-akb."""
    counted: Counter[str] = Counter()
    named: list[Question] = []
    for question in questions:
        counted[question.subcategory] += 1
        named.append(replace(question, id=f"{slug(question.subcategory)}-{counted[question.subcategory]:02d}"))
    ids = {question.content: question.id for question in named}
    before = [replace(question, id=ids[question.content]) for question in mini(questions)]
    notes = (FOLDER / "notes.md").read_text(encoding="utf-8")
    return compose(named, name="open-akb", version=VERSION, licence="CC0-1.0", previous=before, notes=notes)


def files(questions: Sequence[Question]) -> dict[Path, bytes]:
    """Returns the content of every file that is built."""
    return {MINI: render(mini(questions))} | {OPEN / name: data for name, data in opened(questions).files().items()}


def summary(questions: Sequence[Question]) -> str:
    """Returns what the builder reports: counts, and how far a choice's length gives the answer away."""
    lines: list[str] = []
    for name in (*dict.fromkeys(question.category for question in questions), "all"):
        group = [question for question in questions if name in (question.category, "all")]
        ways = Counter(question.verified_by for question in group)
        longest, shortest = length_shares(group)
        counts = ", ".join(f"{ways[way]} by {way}" for way in ("rule", "source", "author"))
        lines.append(f"{name}: {len(group)} ({counts}); answer longest {longest:.0%}, shortest {shortest:.0%}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the builder; returns 0, or 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(prog="python -m tools.open_akb.build", description="Check and write open-akb.")
    parser.add_argument("--check", action="store_true", help="verify the questions and the files, write nothing")
    parser.add_argument("--categories", help="verify these only, such as phonetic,sound; write nothing")
    options = parser.parse_args(arguments)
    try:
        questions = checked(str(options.categories).title().split(",") if options.categories else CATEGORIES)
        made = {} if options.categories else files(questions)
    except EarwitnessError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(summary(questions) + "\n")
    if options.check and made:
        stale = [path.name for path, data in made.items() if not path.is_file() or path.read_bytes() != data]
        sys.stdout.write(f"build again: {', '.join(stale)} differ\n" if stale else "the files are up to date\n")
        return 1 if stale else 0
    for path, data in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return 0


def _place(question: Question) -> str:
    return f"{question.category.lower()}.yaml: {question.question!r}"


if __name__ == "__main__":
    sys.exit(main())
