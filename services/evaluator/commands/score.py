"""`earwitness score`: what answers made elsewhere are worth, by the benchmark's own scorer and by ours."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earwitness.errors import InvalidInput
from services.evaluator.items import SETTINGS

if TYPE_CHECKING:
    from services.evaluator.answer_file import AnswerFile
    from services.evaluator.items import Benchmark


def register(commands: Any) -> None:
    """Adds the command."""
    command = commands.add_parser("score", help="score a file of answers that were made elsewhere")
    command.add_argument("answers", type=Path, metavar="ANSWERS", help="JSON or JSONL: rows with id and prediction")
    command.add_argument("--benchmark", required=True, metavar="NAME", help="what was asked, such as mmau or mmar")
    command.add_argument(
        "--data", type=Path, metavar="FILE", help="the benchmark's file, where none comes with Earwitness"
    )
    command.add_argument("--json", type=Path, metavar="FILE", help="write the numbers to this file")
    bring = command.add_argument_group("bringing the answers into the ledger")
    bring.add_argument("--import", dest="bring", action="store_true", help="as a run beside those made here")
    bring.add_argument("--key", default="", help="which prediction key, if the file has several")
    bring.add_argument("--backbone", default="", metavar="NAME", help="whose answers they are")
    bring.add_argument("--setting", choices=SETTINGS, default="audio", help="(default: %(default)s)")
    bring.add_argument("--out", type=Path, default=Path("results"), metavar="FOLDER", help="(default: %(default)s)")
    bring.add_argument("--ledger", default="", metavar="URL", help="(default: sqlite in the folder)")
    command.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> None:
    """Scores every prediction key of the file, prints the tables, and writes the numbers if they are wanted."""
    from rich.console import Console

    from services.evaluator import answer_file, benchmarks, score_report

    benchmark = benchmarks.load(options.benchmark, options.data)
    if all(item.answer is None for item in benchmark.items):
        raise InvalidInput(f"{benchmark.name} withholds its answers", "--benchmark", "only its authors can score it")
    answers = answer_file.read(options.answers, benchmark)
    measured = {key: answer_file.measure(benchmark, found) for key, found in answers.predictions.items()}
    if options.json:
        _write(options.json, score_report.to_tree(benchmark, answers, measured))
    score_report.show(benchmark, answers, measured, Console())
    if options.bring:
        _bring(options, benchmark, answers)


def _bring(options: argparse.Namespace, benchmark: "Benchmark", answers: "AnswerFile") -> None:
    """Adds the predictions of one key to the ledger and to the results in a folder."""
    from services.evaluator import result
    from services.evaluator.foreign import bring
    from services.evaluator.ledger import Ledger

    if not options.backbone:
        raise InvalidInput("it is not said whose answers they are", "--backbone", "give the model's name")
    keys = list(answers.predictions)
    key = options.key or keys[0]
    if key not in keys or (len(keys) > 1 and not options.key):
        raise InvalidInput(f"the file has {', '.join(keys)}", "--key", "say which one to import")
    ledger = Ledger(options.ledger) if options.ledger else Ledger.at(options.out / "ledger.sqlite")
    try:
        new, usage = bring(
            answers.predictions[key],
            benchmark,
            backbone=options.backbone,
            setting=options.setting,
            source=f"{answers.name}: {key}",
            ledger=ledger,
            folder=options.out,
        )
    finally:
        ledger.close()
    result.add(options.out, new, usage)
    print(f"{options.backbone}: {len(answers.predictions[key])} answers in {options.out}")


def _write(path: Path, tree: dict[str, Any]) -> None:
    try:
        path.write_text(json.dumps(tree, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}", "--json", "give another path") from None
