"""`earwitness akb generate` and `akb check`: drafts from language models, and what can be said of questions."""

import argparse
import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earwitness.errors import InvalidInput

if TYPE_CHECKING:
    from services.evaluator.akb.checks import Finding
    from services.evaluator.akb.generate import LeftOut, Order, Yield
    from services.evaluator.akb.guessing import Trial
    from services.evaluator.akb.question import Question

SHOWN = 10
EXCERPT = 80
"""Letters of a draft that the terminal shows."""


def register(steps: Any) -> None:
    """Adds both."""
    generate = steps.add_parser("generate", help="let language models draft questions, subcategory by subcategory")
    generate.add_argument("out", type=Path, metavar="FILE", help="JSONL of the drafts; the log of calls goes beside it")
    generate.add_argument(
        "--llm", action="append", required=True, metavar="TARGET", help="host:port or openai:NAME; several take turns"
    )
    generate.add_argument("--per-subcategory", type=int, default=20, metavar="N", help="(default: %(default)s)")
    generate.add_argument("--per-call", type=int, default=4, metavar="N", help="of one call (default: %(default)s)")
    generate.add_argument("--only", action="append", default=[], metavar="NAME", help="this subcategory; several times")
    generate.add_argument("--taxonomy", type=Path, metavar="FILE", help="(default: ours of 48 subcategories)")
    generate.add_argument(
        "--existing", type=Path, action="append", default=[], metavar="FILE", help="draft nothing like"
    )
    generate.add_argument("--seed", type=int, default=0)
    generate.add_argument("--temperature", type=float, default=0.8)
    generate.add_argument("--in-flight", type=int, default=16, metavar="N", help="(default: %(default)s)")
    generate.set_defaults(execute=execute_generate)
    check = steps.add_parser("check", help="look for cues, duplicates, imbalance, contamination and easy questions")
    check.add_argument("files", type=Path, nargs="+", metavar="FILE", help="JSONL of questions")
    check.add_argument("--taxonomy", type=Path, metavar="FILE", help="(default: ours of 48 subcategories)")
    check.add_argument(
        "--against", type=Path, action="append", default=[], metavar="FILE", help="another set, JSONL or JSON; several"
    )
    check.add_argument(
        "--llm", action="append", default=[], metavar="TARGET", help="a small model that tries them; several times"
    )
    check.add_argument("--rotations", type=int, default=0, metavar="N", help="each model tries (default: every one)")
    check.add_argument("--json", type=Path, metavar="FILE", help="write the findings to this file")
    check.set_defaults(execute=execute_check)


def execute_generate(options: argparse.Namespace) -> None:
    """Generates until every subcategory is full, or the models have nothing new to say."""
    from services.evaluator.akb import question, taxonomy
    from services.evaluator.akb.generate import Order

    order = Order(
        taxonomy=taxonomy.read(options.taxonomy or taxonomy.BUNDLED),
        per_subcategory=options.per_subcategory,
        per_call=options.per_call,
        seed=options.seed,
        temperature=options.temperature,
        only=frozenset(options.only),
    )
    order.check()
    if options.in_flight < 1:
        raise InvalidInput("must be at least 1", "--in-flight")
    existing = [each for file in options.existing for each in question.read(file)]
    made = asyncio.run(_generate(options, order, existing))
    question.write(options.out, made.questions)
    wanted = order.per_subcategory * len(order.only or order.taxonomy.places)
    print(
        f"{len(made.questions)} of {wanted} drafts in {options.out}: {made.asked} calls made, {made.failed} failed, "
        f"{len(made.malformed)} drafts malformed, {len(made.near)} nearly the same as another"
    )
    _tell_left_out([*made.malformed, *made.near], options.out.with_suffix(".left-out.jsonl"))
    if made.failed:
        print("Start the same command again: it makes the calls that failed, and no other.")
    elif len(made.questions) < wanted:
        print("These models have nothing new to say on what is missing: name another with --llm, or another --seed.")


def _tell_left_out(left_out: "Sequence[LeftOut]", path: Path) -> None:
    """Writes every draft that does not count, with the reason, and prints the first of them."""
    from dataclasses import asdict

    lines = [json.dumps(asdict(each), ensure_ascii=False) + "\n" for each in left_out]
    path.write_text("".join(lines), encoding="utf-8")
    for each in left_out[:SHOWN]:
        draft = each.draft if len(each.draft) <= EXCERPT else f"{each.draft[:EXCERPT]}…"
        print(f"  left out of {each.subcategory}: {each.reason}: {draft!r}")
    if len(left_out) > SHOWN:
        print(f"  and {len(left_out) - SHOWN} more in {path}")


async def _generate(options: argparse.Namespace, order: "Order", existing: "Sequence[Question]") -> "Yield":
    from services.evaluator.akb import drafts
    from services.evaluator.akb.calls import CallLog
    from services.evaluator.akb.generate import generate
    from services.evaluator.akb.writers import open_writers

    writers = await open_writers(options.llm, drafts.schema(order.per_call))

    def show(made: "Yield") -> None:
        print(f"{len(made.questions)} drafts after {made.asked} calls", flush=True)

    try:
        with CallLog(options.out.with_suffix(".calls.jsonl")) as log:
            return await generate(order, writers, log, existing=existing, in_flight=options.in_flight, on_round=show)
    finally:
        for writer in writers:
            await writer.close()


def execute_check(options: argparse.Namespace) -> None:
    """Prints what each check found, and writes it if wished."""
    from services.evaluator.akb import checks, contamination, question, taxonomy

    questions = [each for file in options.files for each in question.read(file)]
    if not questions:
        raise InvalidInput("there is no question", "FILE", "give a file with at least one")
    all_checks = (*checks.ALWAYS, checks.outside(taxonomy.read(options.taxonomy or taxonomy.BUNDLED)))
    found = [finding for check in all_checks for finding in check(questions)]
    for path in options.against:
        found += contamination.contamination(questions, path.name, contamination.texts(path))
    if options.llm:
        found += _solved(questions, asyncio.run(_tried(options, questions)))
    _print(found, questions)
    if options.json:
        _write(options.json, found)


async def _tried(options: argparse.Namespace, questions: "Sequence[Question]") -> "list[Trial]":
    """Puts every question to every model in every rotation, with its words and without them."""
    from earwitness.progress import Bar
    from services.evaluator.akb import guessing
    from services.evaluator.service import open_service

    services: dict[str, Any] = {}
    trials: list[Trial] = []
    try:
        for target in dict.fromkeys(options.llm):
            services[target] = await open_service("llm", target)
        rotations = sum(min(options.rotations or len(each.choices), len(each.choices)) for each in questions)
        with Bar("trials", 2 * rotations * len(services)) as bar:

            def count(trial: "Trial") -> None:
                trials.append(trial)
                bar.move(len(trials))

            for hidden in (False, True):
                await guessing.trials(questions, services, hidden=hidden, rotations=options.rotations, on_trial=count)
    finally:
        for service in services.values():
            await service.client.close()
    return trials


def _solved(questions: "Sequence[Question]", trials: "Sequence[Trial]") -> "list[Finding]":
    """Prints what each model came to, and returns the questions that all of them solve."""
    from services.evaluator.akb import guessing

    for name in dict.fromkeys(trial.model for trial in trials):
        for hidden, what in ((False, "with the question"), (True, "from the choices alone")):
            own = [trial for trial in trials if (trial.model, trial.hidden) == (name, hidden)]
            right, errors = sum(trial.right for trial in own), [trial.error for trial in own if trial.error]
            failed = f"; {len(errors)} failed, the first: {errors[0]}" if errors else ""
            print(f"{name} {what}: right in {right} of {len(own)} trials{failed}")
    by_lot = guessing.by_chance(questions, [trial for trial in trials if not trial.hidden])
    print(f"a lot would be right in every trial of about {by_lot:.1f} of {len(questions)} questions")
    return guessing.solved(questions, trials)


def _print(found: "Sequence[Finding]", questions: "Sequence[Question]") -> None:
    from rich.console import Console

    from services.evaluator.akb.checks import length_shares

    console = Console(soft_wrap=True, highlight=False, markup=False)
    longest, shortest = length_shares(questions)
    console.print(f"{len(questions)} questions, {len(found)} findings")
    console.print(f"the answer is the longest choice {longest:.0%} of the time, the shortest {shortest:.0%}")
    for check in dict.fromkeys(finding.check for finding in found):
        group = [finding for finding in found if finding.check == check]
        console.print(f"{check}: {len(group)}")
        for finding in group[:SHOWN]:
            console.print(f"  {finding.place}: {finding.text}")
        if len(group) > SHOWN:
            console.print(f"  and {len(group) - SHOWN} more (--json has all)")


def _write(path: Path, found: "Sequence[Finding]") -> None:
    from dataclasses import asdict

    try:
        path.write_text(json.dumps([asdict(each) for each in found], indent=1, ensure_ascii=False) + "\n")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}", "--json", "give another path") from None
