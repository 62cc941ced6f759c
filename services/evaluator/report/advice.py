"""What so many items can tell, and how many it would take: the sizes behind the report's intervals."""

from dataclasses import dataclass

from services.evaluator.report.grid import Grid, Section
from services.evaluator.report.pairs import Comparison
from services.evaluator.stats import half_width, items_for, items_to_tell, tellable

FINE = 0.02
"""To either side: what most would call a precise accuracy."""
_DISCORDANCE = 0.25
"""Of items that just one of two runs gets right, where no two runs say how many there are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Advice:
    """What a benchmark's size is good for."""

    benchmark: str
    n: int
    accuracy: float
    """That the widths are for: of the run that is nearest to one half, where they are widest."""
    half_width: float
    for_fine: int
    """Items that put this accuracy within `FINE` to either side."""
    discordance: float
    is_measured: bool
    """Whether the discordance is that of two runs here, and not assumed."""
    tellable: float
    """The smallest difference between two such runs that is found in 8 of 10 cases; infinity if there is none."""
    gap: float | None
    """Between the two runs of one setting that are nearest to each other, of those not told apart."""
    for_gap: int | None
    """Items that tell these two apart in 8 of 10 cases."""


def advice(table: Grid, compared: list[Comparison]) -> list[Advice]:
    """Returns for each benchmark that was scored what its size can tell."""
    return [_advice(section, compared) for section in table.sections if section.first.total.n]


def _advice(section: Section, compared: list[Comparison]) -> Advice:
    n = section.first.total.n
    shares = [run.result.total.accuracy for run in section.main if run.result.total.n]
    typical = min(shares, key=lambda share: abs(share - 0.5))
    accuracy = min(1 - 0.5 / n, max(0.5 / n, typical))
    mine = [each for each in compared if each.first.column.sha256 == section.first.benchmark_sha256]
    discordances = sorted(each.discordance for each in mine if 0 < each.discordance < 1)
    discordance = discordances[len(discordances) // 2] if discordances else _DISCORDANCE
    close = [
        each
        for each in mine
        if each.value and each.adjusted_p >= 0.05 and each.first.column.setting == each.second.column.setting
    ]
    nearest = min(close, key=lambda each: abs(each.value), default=None)
    return Advice(
        benchmark=section.benchmark,
        n=n,
        accuracy=accuracy,
        half_width=half_width(n, accuracy),
        for_fine=items_for(FINE, accuracy),
        discordance=discordance,
        is_measured=bool(discordances),
        tellable=tellable(n, discordance),
        gap=abs(nearest.value) if nearest else None,
        for_gap=items_to_tell(abs(nearest.value), nearest.discordance) if nearest else None,
    )
