"""`earwitness akb verify`: people accept, edit and reject in the terminal, and rules prove what can be computed."""

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earwitness.errors import InvalidInput

if TYPE_CHECKING:
    from rich.console import Console

    from services.evaluator.akb.question import Question
    from services.evaluator.akb.store import Annotation, Annotations

KEYS = "[a]ccept, [e]dit, [r]eject, [s]kip, [q]uit"
VERDICTS = {"a": "accept", "e": "edit", "r": "reject"}
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def register(steps: Any) -> None:
    """Adds it."""
    verify = steps.add_parser("verify", help="accept, edit or reject questions, two people or more; or prove by rule")
    verify.add_argument("files", type=Path, nargs="*", metavar="FILE", help="JSONL of questions: added to the store")
    verify.add_argument("--by-rule", action="store_true", help="prove the answers that name a rule, without a store")
    verify.add_argument("--store", default="", metavar="FILE|URL", help="SQLite file, or postgresql://...")
    verify.add_argument("--annotator", default="", metavar="NAME", help="who you are")
    verify.add_argument("--blind", action="store_true", help="hide the right choice: answer first, then judge")
    verify.add_argument("--needed", type=int, default=2, metavar="N", help="people a question (default: %(default)s)")
    verify.add_argument("--adjudicate", action="store_true", help="decide where the annotators disagree")
    verify.add_argument("--status", action="store_true", help="show standings, agreement and time")
    verify.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> None:
    """Proves, shows the status, or asks for verdicts until there is nothing left."""
    if options.by_rule:
        _prove(options.files)
        return
    if not options.store:
        raise InvalidInput("there is no store", "--store", "name a file, or prove answers with --by-rule")
    from services.evaluator.akb import question

    questions = [each for file in options.files for each in question.read(file)]
    store = open_store(options.store, options.needed)
    try:
        if questions:
            print(f"{store.add(questions)} of {len(questions)} questions are new to the store")
        if options.status:
            _show_status(store)
        elif options.annotator:
            _converse(store, options)
        elif not questions:
            raise InvalidInput("is not given", "--annotator", "say who you are, or ask for --status")
    finally:
        store.close()


def open_store(place: str, needed: int = 2) -> "Annotations":
    """Opens a store by URL or file; raises InvalidInput."""
    from services.evaluator.akb.store import Annotations

    return Annotations(place, needed) if "://" in place else Annotations.at(Path(place), needed)


def _prove(files: Sequence[Path]) -> None:
    from services.evaluator.akb import question
    from services.evaluator.akb.proof import prove

    if not files:
        raise InvalidInput("there is no file", "FILE", "give JSONL of questions")
    proof = prove(each for file in files for each in question.read(file))
    print(f"{len(proof.proved)} answers proved by rule, {len(proof.refuted)} refuted, {proof.others} claim no rule")
    for place, wrong in proof.refuted.items():
        print(f"  {place}: {wrong}")
    if proof.refuted:
        raise InvalidInput(f"{len(proof.refuted)} answers are refuted", "FILE", "correct them or their evidence")


def _converse(store: "Annotations", options: argparse.Namespace) -> None:
    """Hands out questions and takes verdicts; the end of the input ends it."""
    console, skipped, done = _console(), set[str](), 0
    try:
        while True:
            if options.adjudicate:
                found = next((each for each in store.disputes() if each[0] not in skipped), None)
            else:
                handed = store.next_for(options.annotator, passing=skipped)
                found = (*handed, []) if handed else None
            if found is None:
                console.print("nothing is left for you")
                break
            key, question, said = found
            verdict = _judge(console, key, question, said, options)
            if verdict is None:
                skipped.add(key)
                continue
            store.record(verdict)
            done += 1
    except (EOFError, _Quit):
        console.print()
    console.print(f"{done} verdicts recorded")


class _Quit(Exception):
    """The annotator has had enough."""


def _judge(
    console: "Console", key: str, question: "Question", said: "Sequence[Annotation]", options: argparse.Namespace
) -> "Annotation | None":
    """Shows a question and returns the verdict, None where it is put off."""
    from services.evaluator.akb.store import Annotation

    blind = options.blind and not options.adjudicate
    _show(console, question, said, blind=blind)
    started = time.monotonic()
    choice = _choice(console, question, "your answer") if blind else ""
    while (letter := _ask(console, f"{KEYS}: ").lower()[:1]) not in (*VERDICTS, "s", "q"):
        pass
    if letter == "q":
        raise _Quit
    if letter == "s":
        return None
    return Annotation(
        question=key,
        annotator=options.annotator,
        verdict=VERDICTS[letter],  # pyright: ignore[reportArgumentType]
        edited=_edited(console, question, choice) if letter == "e" else None,
        choice=choice,
        note=_ask(console, "why: ") if letter != "a" else "",
        seconds=round(time.monotonic() - started, 1),
        round="adjudication" if options.adjudicate else "first",
    )


def _show(console: "Console", question: "Question", said: "Sequence[Annotation]", *, blind: bool) -> None:
    from rich.text import Text

    console.rule(f"{question.category} / {question.subcategory}  {question.id}")
    console.print(Text(question.question, style="bold"))
    for letter, choice in zip(LETTERS, question.choices, strict=False):
        right = choice == question.answer and not blind
        console.print(Text(f"  {letter}  {choice}" + ("   <- right" if right else ""), style="green" if right else ""))
    if question.evidence and not blind:
        console.print(Text(f"  {question.evidence}", style="dim"))
    for each in said:
        took = f", took {each.choice!r}" if each.choice else ""
        edit = f", wants {each.edited.question!r} -> {each.edited.answer!r}" if each.edited else ""
        console.print(Text(f"  {each.annotator}: {each.verdict}{took}{edit} {each.note}", style="yellow"))


def _edited(console: "Console", question: "Question", answer: str) -> "Question":
    """Asks for every text, an empty line keeping it; `answer` is what a blind annotator took."""
    text = _ask(console, "question (empty: as it is): ") or question.question
    choices = tuple(
        _ask(console, f"{letter} (empty: {choice}): ") or choice
        for letter, choice in zip(LETTERS, question.choices, strict=False)
    )
    at = question.choices.index(answer or question.answer)
    edited = replace(question, question=text, choices=choices, answer=choices[at])
    return replace(edited, answer=_choice(console, edited, "right is", default=choices[at]))


def _choice(console: "Console", question: "Question", words: str, default: str = "") -> str:
    """Asks for a letter until it is one of the choices; an empty line takes the default."""
    letters = LETTERS[: len(question.choices)]
    while True:
        said = _ask(console, f"{words} ({letters[0]}-{letters[-1]}): ").upper()
        if not said and default:
            return default
        if len(said) == 1 and said in letters:
            return question.choices[letters.index(said)]


def _ask(console: "Console", words: str) -> str:
    return console.input(words, markup=False).strip()


def _show_status(store: "Annotations") -> None:
    from rich.table import Table

    from services.evaluator.akb.store.summary import summarise

    console, found = _console(), summarise(store)
    console.print(", ".join(f"{number} {standing}" for standing, number in found.standings.items()))
    people = Table("annotator", "verdicts", "median s", "found the key", box=None)
    for name, work in found.people.items():
        verdicts = ", ".join(f"{number} {verdict}" for verdict, number in sorted(work.verdicts.items()))
        right, tested = work.found_key
        people.add_row(name, verdicts, f"{work.median_s:.1f}", f"{right} of {tested}" if tested else "-")
    console.print(people)
    for each in found.pairs:
        names = " and ".join(each.raters)
        console.print(f"{names}: {each.items} questions, agree on {each.observed:.0%}, Cohen's {_kappa(each.kappa)}")
    if all_ := found.everybody:
        console.print(f"all: {all_.items} questions, agree on {all_.observed:.0%}, Fleiss's {_kappa(all_.kappa)}")


def _kappa(value: float) -> str:
    return f"kappa {value:.2f}" if value == value else "kappa unknown: all verdicts are the same"


def _console() -> "Console":
    from rich.console import Console

    return Console(soft_wrap=True, highlight=False)
