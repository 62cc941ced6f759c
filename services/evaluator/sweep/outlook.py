"""What a sweep will take and what it took, as tables: the dry run, and the account at the end."""

from collections.abc import Iterable, Mapping
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from services.evaluator.cost import HOUR_S, Prices, by_benchmark
from services.evaluator.sweep import words
from services.evaluator.sweep.cells import Cell, Lattice, Skipped
from services.evaluator.sweep.estimate import CAPTION_TOKENS, Estimate, total
from services.evaluator.sweep.execute import Outcome
from services.evaluator.sweep.words import NOTHING

HEADS = ("items", "known", "asks", "cap-\ntions", "tokens\nin", "tokens\nout", "time", "cost")


def show(lattice: Lattice, estimates: Mapping[Cell, Estimate], console: Console) -> None:
    """Prints what each cell takes and all of them together, what is skipped, and what the numbers rest on."""
    drawn = _table()
    everything = total(list(estimates.values()))
    heads = [head for head in HEADS if head != "known" or everything.known]
    drawn.add_column(Text(lattice.sweep.name, style="bold"))
    for head in heads:
        drawn.add_column(head, justify="right", no_wrap=True)
    for name, cells in groupby(lattice.cells, lambda cell: cell.backbone.name):
        drawn.add_row(words.short(name, style="bold"))
        for cell in cells:
            drawn.add_row(words.short(f"  {lattice.title(cell)}"), *_numbers(estimates[cell], heads))
    drawn.add_section()
    drawn.add_row(Text(f"{len(estimates)} runs"), *_numbers(everything, heads), style="bold")
    console.print(drawn)
    _show_skipped(lattice, console)
    _show_grounds(lattice, everything, console)


def show_account(outcome: Outcome, prices: Prices, lattice: Lattice, console: Console) -> None:
    """Prints GPU hours and dollars per backbone and benchmark, over every start of a run, where any are known."""
    costs = by_benchmark(
        (done.cell.backbone.name, done.cell.benchmark, prices.cost(done.usage, done.cell.backbone, done.cell.captioner))
        for done in outcome.finished
    )
    if not any(cost.gpu_s or cost.usd for cost in costs.values()):
        return
    drawn = _table()
    for head in ("backbone", "benchmark"):
        drawn.add_column(head, overflow="fold")
    for head in ("GPU hours", "cost"):
        drawn.add_column(head, justify="right", no_wrap=True)
    for (backbone, benchmark), cost in costs.items():
        gpu_hours = f"{cost.gpu_s / HOUR_S:,.3f}" if cost.gpu_s else NOTHING
        drawn.add_row(Text(backbone), Text(benchmark), gpu_hours, words.dollars(cost))
    console.print(drawn)


def _numbers(estimate: Estimate, heads: Iterable[str]) -> list[str]:
    low, high = words.dollars(estimate.cost), words.dollars(estimate.most_cost)
    cells = (
        words.count(estimate.items),
        words.count(estimate.known) if estimate.known else NOTHING,
        words.count(estimate.asks) if estimate.asks else NOTHING,
        words.count(estimate.captions) if estimate.captions else NOTHING,
        words.count(estimate.prompt_tokens),
        words.count(estimate.completion_tokens),
        f"{'' if estimate.measured else '~'}{words.span(estimate.wall_s)}",
        low if low == high else f"{low}–{high.removeprefix('$')}",
    )
    return [cell for head, cell in zip(HEADS, cells, strict=True) if head in heads]


def _show_skipped(lattice: Lattice, console: Console) -> None:
    """Prints each reason once, with what it holds for."""
    reasons: dict[str, list[Skipped]] = {}
    for each in lattice.skipped:
        reasons.setdefault(each.reason, []).append(each)
    if reasons:
        console.print(Text("Not among the runs", style="bold"))
    for reason, group in reasons.items():
        backbones = dict.fromkeys(each.backbone for each in group if each.backbone)
        parts = [_listed(each.setting for each in group), _listed(each.benchmark for each in group)]
        if backbones and len(backbones) < len(lattice.sweep.backbones):
            parts.append(f"of {_listed(backbones)}")
        where = " ".join(part for part in parts if part)
        console.print(Padding(Text.assemble((where, "cyan"), f": {reason}"), (0, 0, 0, 2)))


def _listed(names: Iterable[str]) -> str:
    distinct = [name for name in dict.fromkeys(names) if name]
    return ", ".join(distinct[:3]) + (f" and {len(distinct) - 3} more" if len(distinct) > 3 else "")


def _show_grounds(lattice: Lattice, everything: Estimate, console: Console) -> None:
    sampling = lattice.sweep.sampling
    grounds = [
        "Estimates. Tokens are characters / 4; out is what short answers take"
        f" (at most {words.count(everything.most_completion_tokens)}, at {sampling.max_tokens} each).",
    ]
    if any(cell.captioner for cell in lattice.cells):
        grounds.append(
            f"A caption counts as {CAPTION_TOKENS} tokens, in the first run that needs it; later ones reuse it."
        )
    if everything.cost.gpu_s:
        grounds.append(f"GPUs are held for {everything.cost.gpu_s / HOUR_S:,.2f} hours in all.")
    if everything.known:
        grounds.append("Known answers are in the ledger, as far as this folder tells.")
    if not everything.measured:
        grounds.append("~ rests on the items/s that the sweep file assumes; a folder with results has measured ones.")
    if everything.cost.usd is None:
        grounds.append("? is not known: no `price` for a backbone or captioner in the sweep file (see --prices).")
    if everything.audio_s is None:
        grounds.append("Clips that do not lie where the benchmark says are not counted in the cost, and will fail.")
    console.print()
    console.print(Text(" ".join(grounds), style="dim"))


def _table() -> Table:
    return Table(box=SIMPLE_HEAD, padding=0, pad_edge=False)
