"""How sure a number is: intervals, paired tests, correlations, predictions and sample sizes, on plain sequences.

Every interval is a 95 % one, and every bootstrap is seeded, so that a report is the same each time it is made. Nothing
here knows of benchmarks or backbones.
"""

from services.evaluator.stats.correlation import (
    Correlation,
    coefficients,
    fisher,
    kendall,
    matrix,
    pearson,
    spearman,
)
from services.evaluator.stats.intervals import (
    RESAMPLES,
    Interval,
    bootstrap,
    bootstrap_items,
    percentiles,
    resampled_shares,
    wilson,
)
from services.evaluator.stats.paired import Paired, Ties, exact, holm, mcnemar, newcombe, ties, worse
from services.evaluator.stats.planning import half_width, items_for, items_to_tell, power, smallest_drop, tellable
from services.evaluator.stats.prediction import LeftOut, Line, Prediction, Validation, leave_one_family_out, line

__all__ = [
    "RESAMPLES",
    "Correlation",
    "Interval",
    "LeftOut",
    "Line",
    "Paired",
    "Prediction",
    "Ties",
    "Validation",
    "bootstrap",
    "bootstrap_items",
    "coefficients",
    "exact",
    "fisher",
    "half_width",
    "holm",
    "items_for",
    "items_to_tell",
    "kendall",
    "leave_one_family_out",
    "line",
    "matrix",
    "mcnemar",
    "newcombe",
    "pearson",
    "percentiles",
    "power",
    "resampled_shares",
    "smallest_drop",
    "spearman",
    "tellable",
    "ties",
    "wilson",
    "worse",
]
