"""The report in a terminal, after the accuracies: controls, samples, relations, what can be told, and what it took."""

from collections.abc import Iterator, Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from services.evaluator.report import usage
from services.evaluator.report.advice import Advice, advice
from services.evaluator.report.grid import VERBS, Grid, Run
from services.evaluator.report.pairs import Comparison, Samples, comparisons, controls, samples
from services.evaluator.report.relations import Relations, column_name, relations
from services.evaluator.report.terminal_table import fits, plain, table_of
from services.evaluator.report.words import coefficient, coefficients, p_value, percent, points, span
from services.evaluator.result import Experiment


def parts(experiment: Experiment, table: Grid, costs: usage.Costs, console: Console) -> Iterator[RenderableType]:
    """Yields what there is to show."""
    if found := controls(table):
        yield _controls(found)
    if again := samples(table):
        yield _samples(again)
    if related := relations(experiment, table):
        if related.forecasts:
            yield _relations(related)
        else:
            yield plain(related.sentence)
            yield ""
    if advices := advice(table, comparisons(table)):
        yield _advice(advices)
    if spent := usage.totals(usage.used(experiment, table, costs)):
        whole = _usage(spent, everything=True)
        yield whole if fits(whole, console) else _usage(spent, everything=False)


def _controls(found: Sequence[Comparison]) -> Table:
    drawn = table_of("Controls: the same items, asked otherwise")
    drawn.add_column("run", overflow="fold")
    drawn.add_column("control", overflow="fold")
    for head in ("run", "control", "points", "adjusted p"):
        drawn.add_column(head, justify="right", no_wrap=head != "points")
    for pair in found:
        difference = f"{points(pair.value)} {span(pair.interval)}"
        shares = (percent(run.result.total.accuracy) for run in (pair.first, pair.second))
        variant = pair.second.column.variant or pair.second.result.control
        drawn.add_row(_named(pair.first), Text(variant), *shares, Text(difference), p_value(pair.adjusted_p))
    return drawn


def _samples(again: Sequence[Samples]) -> Table:
    drawn = table_of("The same run, asked again")
    drawn.add_column("run", overflow="fold")
    for head in ("samples", "mean", "spread", "low–high", "steady"):
        drawn.add_column(head, justify="right", no_wrap=True)
    for each in again:
        lowest, highest = min(each.accuracies), max(each.accuracies)
        numbers = percent(each.mean), percent(each.sd), f"{percent(lowest)}–{percent(highest)}"
        drawn.add_row(_named(each.run), str(len(each.accuracies)), *numbers, percent(each.steady / each.n))
    return drawn


def _relations(related: Relations) -> Table:
    drawn = table_of("Does text tell what audio will be?")
    drawn.add_column("from", overflow="fold")
    drawn.add_column("to", overflow="fold")
    drawn.add_column("Pearson's r", justify="right", no_wrap=True)
    drawn.add_column("lost by choosing\n(at random)", justify="right", no_wrap=True)
    drawn.add_column("error\n(of the mean)", justify="right", no_wrap=True)
    for each in related.forecasts:
        r = f"{coefficient(each.pearson.r)} {coefficients(each.pearson.fisher)}"
        lost = f"{percent(each.regret.lost)} ({percent(each.regret.lost_blindly)})"
        tested = each.validation
        error = f"{percent(tested.rmse)} ({percent(tested.rmse_of_mean)})" if tested else "–"
        drawn.add_row(Text(column_name(each.x)), Text(column_name(each.y)), Text(r), lost, error)
    return drawn


def _advice(advices: Sequence[Advice]) -> Table:
    drawn = table_of("What so many items can tell, in points")
    drawn.add_column("benchmark", overflow="fold")
    heads = (
        "items",
        "an accuracy\nis known to",
        "a difference\nis seen from",
        "items for\n±2 points",
        "for the\nclosest pair",
    )
    for head in heads:
        drawn.add_column(head, justify="right", no_wrap=True)
    for each in advices:
        seen = "–" if each.tellable > 1 else percent(each.tellable)
        closest = f"{each.for_gap:,}" if each.for_gap else "–"
        known = f"±{percent(each.half_width)}"
        drawn.add_row(Text(each.benchmark), f"{each.n:,}", known, seen, f"{each.for_fine:,}", closest)
    return drawn


def _usage(spent: Sequence[usage.Used], *, everything: bool) -> Table:
    drawn = table_of("What it took")
    drawn.add_column("benchmark", overflow="fold")
    heads = ["seconds", "items/s", "asked", "reused", "retries", "failed"]
    more = ["prompt\ntokens", "answer\ntokens", "audio, s", "captions", "GPU-s", "US $"] if everything else ["US $"]
    for head in heads + more:
        drawn.add_column(head, justify="right", no_wrap=True)
    for row in spent:
        usd = "–" if row.cost is None or row.cost.usd is None else f"{row.cost.usd:,.2f}"
        counts = [f"{count:,}" if count else "·" for count in (row.asked, row.reused, row.retries, row.failed)]
        tokens = [f"{row.prompt_tokens:,}", f"{row.completion_tokens:,}"]
        heard = [f"{row.audio_s:,.0f}" if row.audio_s else "·", f"{row.captions:,}" if row.captions else "·"]
        gpu = f"{row.cost.gpu_s:,.0f}" if row.cost else "–"
        speed = f"{row.items_per_s:,.1f}" if row.items_per_s else "–"
        rest = [*tokens, *heard, gpu] if everything else []
        drawn.add_row(Text(row.name), f"{row.wall_s:,.1f}", speed, *counts, *rest, usd)
    return drawn


def _named(run: Run) -> Text:
    where = f" {run.column.benchmark}"
    return Text.assemble(run.backbone, " ", (VERBS[run.column.setting], "italic cyan"), where)
