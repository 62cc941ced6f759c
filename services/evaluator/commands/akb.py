"""`earwitness akb`: builds a text benchmark, from its taxonomy to a release and what the answers say of its items."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earwitness.errors import InvalidInput
from services.evaluator.commands import akb_generate, akb_verify

if TYPE_CHECKING:
    from rich.console import Console

    from services.evaluator.akb.discrimination import ItemStatistics
    from services.evaluator.akb.question import Question
    from services.evaluator.akb.versions import Difference

SHOWN = 20


def register(commands: Any) -> None:
    """Adds the command."""
    akb = commands.add_parser("akb", help="build a text benchmark: taxonomy, drafts, checks, verification, release")
    steps = akb.add_subparsers(title="steps", metavar="STEP", required=True)
    taxonomy = steps.add_parser("taxonomy", help="show a taxonomy, and say whether it is one")
    taxonomy.add_argument("file", type=Path, nargs="?", help="YAML (default: ours of 48 subcategories)")
    taxonomy.set_defaults(execute=execute_taxonomy)
    akb_generate.register(steps)
    akb_verify.register(steps)
    _add_release(steps)
    diff = steps.add_parser("diff", help="say what changed from one version to the next")
    diff.add_argument("old", type=Path)
    diff.add_argument("new", type=Path)
    diff.add_argument("--json", type=Path, metavar="FILE", help="write the ids of what changed to this file")
    diff.set_defaults(execute=execute_diff)
    items = steps.add_parser("items", help="say how well each question tells models apart, from their runs")
    items.add_argument("folders", type=Path, nargs="+", metavar="RESULTS", help="folders of `earwitness run`")
    items.add_argument("--benchmark", default="open-akb", help="(default: %(default)s)")
    items.add_argument("--csv", type=Path, metavar="FILE", help="write the figures of every question to this file")
    items.set_defaults(execute=execute_items)


def _add_release(steps: Any) -> None:
    release = steps.add_parser("release", help="write a version: questions, data card, licence, checksums")
    release.add_argument("files", type=Path, nargs="*", metavar="FILE", help="JSONL of verified questions")
    release.add_argument("--store", default="", metavar="FILE|URL", help="add what annotators accepted in this store")
    release.add_argument("--name", required=True)
    release.add_argument("--version", required=True, help="such as 1.0.0")
    release.add_argument("--licence", default="CC0-1.0", help="(default: %(default)s)")
    release.add_argument("--notes", type=Path, metavar="FILE", help="Markdown that the data card begins with")
    release.add_argument(
        "--previous", type=Path, metavar="FILE", help="JSONL of the version before: ids and order stay"
    )
    release.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    release.set_defaults(execute=execute_release)


def execute_taxonomy(options: argparse.Namespace) -> None:
    """Prints a taxonomy that is one."""
    from rich.table import Table

    from services.evaluator.akb import taxonomy

    found = taxonomy.read(options.file or taxonomy.BUNDLED)
    table = Table("category", "subcategory", "about", box=None)
    for category, subcategory in found.places:
        table.add_row(category.name, subcategory.name, subcategory.about)
    console = _console()
    console.print(table)
    console.print(f"{len(found.categories)} categories, {len(found.places)} subcategories")


def execute_release(options: argparse.Namespace) -> None:
    """Writes a release, and says what is in it."""
    from services.evaluator.akb import question, release

    questions = [each for file in options.files for each in question.read(file)]
    if options.store:
        store = akb_verify.open_store(options.store)
        try:
            questions += release.accepted(store)
        finally:
            store.close()
    made = release.compose(
        questions,
        name=options.name,
        version=options.version,
        licence=options.licence,
        previous=question.read(options.previous) if options.previous else (),
        notes=_text(options.notes) if options.notes else "",
    )
    release.write(made, options.out)
    _console().print(f"{made.name} {made.version}: {len(made.questions)} questions in {options.out / made.file}")


def execute_diff(options: argparse.Namespace) -> None:
    """Prints what changed, and how much of it has to be asked again."""
    from services.evaluator.akb import question
    from services.evaluator.akb.versions import difference

    found = difference(question.read(options.old), question.read(options.new))
    console = _console()
    console.print(
        f"{found.same} the same, {len(found.added)} added, {len(found.removed)} removed, {len(found.changed)} changed"
    )
    for sign, questions in (("+", found.added), ("-", found.removed)):
        _list(console, sign, questions)
    for change in found.changed[:SHOWN]:
        again = " (to be asked again)" if change.asks_anew else ""
        console.print(f"~ {change.new.place}: {', '.join(change.fields)}{again}", highlight=False, markup=False)
    if len(found.changed) > SHOWN:
        console.print(f"~ and {len(found.changed) - SHOWN} more")
    console.print(f"to be asked of a model that has answered the old version: {found.to_ask}")
    if options.json:
        _write_difference(options.json, found)


def _list(console: "Console", sign: str, questions: "tuple[Question, ...]") -> None:
    for each in questions[:SHOWN]:
        console.print(f"{sign} {each.place}: {each.question}", highlight=False, markup=False)
    if len(questions) > SHOWN:
        console.print(f"{sign} and {len(questions) - SHOWN} more")


def _write_difference(path: Path, found: "Difference") -> None:
    import json

    tree = {
        "added": [each.place for each in found.added],
        "removed": [each.place for each in found.removed],
        "changed": {change.new.place: list(change.fields) for change in found.changed},
        "to_ask": found.to_ask,
    }
    _write(path, json.dumps(tree, indent=1, ensure_ascii=False) + "\n", "--json")


def execute_items(options: argparse.Namespace) -> None:
    """Prints the discrimination of the questions, by subcategory and for those that need a look."""
    from services.evaluator.akb import discrimination

    asked, respondents = discrimination.read(options.folders, options.benchmark)
    found = discrimination.statistics(asked, list(respondents.values()))
    console = _console()
    console.print(f"{len(found)} questions, {len(respondents)} respondents: {', '.join(respondents)}")
    if len(respondents) < discrimination.FEWEST:
        console.print(
            f"These are too few respondents: with fewer than {discrimination.FEWEST}, an item's correlation says next"
            " to nothing about the item."
        )
    _print_subcategories(console, found)
    _print_doubtful(console, found)
    if options.csv:
        _write_items(options.csv, found)


def _print_subcategories(console: "Console", found: "list[ItemStatistics]") -> None:
    from statistics import fmean

    from rich.table import Table

    table = Table("subcategory", box=None)
    for column in ("questions", "right", "item-total r", "unused distractors"):
        table.add_column(column, justify="right")
    for name in (*dict.fromkeys(each.asked.subcategory for each in found), "all"):
        group = [each for each in found if name in (each.asked.subcategory, "all")]
        known = [each.discrimination for each in group if each.discrimination == each.discrimination]
        unused = sum(len(each.unused) for each in group) / sum(len(each.asked.distractors) for each in group)
        correlation = f"{fmean(known):.2f} ({len(known)})" if known else "-"
        right = fmean(each.right for each in group)
        table.add_row(name or "(none)", str(len(group)), f"{right:.0%}", correlation, f"{unused:.0%}")
    console.print(table)
    console.print("item-total r: the mean over the questions that some, not all, get right, and their number")


def _print_doubtful(console: "Console", found: "list[ItemStatistics]") -> None:
    doubtful = sorted((each for each in found if each.discrimination < 0), key=lambda each: each.discrimination)
    if doubtful:
        console.print(f"{len(doubtful)} questions that the better models miss more often; the worst:")
    for each in doubtful[:SHOWN]:
        console.print(f"  {each.asked.item}  r {each.discrimination:.2f}, right {each.right:.0%}", highlight=False)


def _write_items(path: Path, found: "list[ItemStatistics]") -> None:
    import csv
    import io

    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("item", "subcategory", "right", "item_total_r", "answer_chosen", "unused_distractors"))
    for each in found:
        correlation = "" if each.discrimination != each.discrimination else f"{each.discrimination:.4f}"
        taken = each.chosen.get(each.asked.answer, 0)
        unused = " | ".join(each.unused)
        rows.writerow((each.asked.item, each.asked.subcategory, f"{each.right:.4f}", correlation, taken, unused))
    _write(path, text.getvalue(), "--csv")


def _write(path: Path, text: str, option: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}", option, "give another path") from None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}", "--notes", "check the path") from None


def _console() -> "Console":
    from rich.console import Console

    return Console(soft_wrap=True)
