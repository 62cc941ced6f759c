"""Agreement between annotators beyond chance: Cohen's kappa for two, Fleiss's for more.

Sources: J. Cohen, "A Coefficient of Agreement for Nominal Scales", Educational and Psychological Measurement 20 (1960);
J. L. Fleiss, "Measuring Nominal Scale Agreement Among Many Raters", Psychological Bulletin 76 (1971).
"""

from collections import Counter
from collections.abc import Sequence


def cohen(pairs: Sequence[tuple[str, str]]) -> float:
    """Returns Cohen's kappa over the labels that two annotators gave the same items.

    NaN without an item, or where both give one and the same label throughout: chance alone explains that.
    """
    if not pairs:
        return float("nan")
    number = len(pairs)
    observed = sum(one == other for one, other in pairs) / number
    first, second = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    expected = sum(first[label] * second[label] for label in first) / number**2
    return _beyond(observed, expected)


def fleiss(ratings: Sequence[Sequence[str]]) -> float:
    """Returns Fleiss's kappa over the labels of each item, of which all have equally many, at least two.

    NaN without an item, or where there is only one label. Raises `ValueError` for items with unequal numbers.
    """
    if not ratings:
        return float("nan")
    raters = len(ratings[0])
    if raters < 2 or any(len(labels) != raters for labels in ratings):
        raise ValueError("every item needs the same number of labels, at least two")
    counted = [Counter(labels) for labels in ratings]
    total = sum(counted, Counter[str]())
    agreeing = [sum(n * (n - 1) for n in counts.values()) / (raters * (raters - 1)) for counts in counted]
    expected = sum((n / (len(ratings) * raters)) ** 2 for n in total.values())
    return _beyond(sum(agreeing) / len(agreeing), expected)


def _beyond(observed: float, expected: float) -> float:
    return (observed - expected) / (1 - expected) if expected < 1 else float("nan")
