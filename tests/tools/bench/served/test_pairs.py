from collections.abc import Sequence

import pytest

from tools.bench.served.pairs import Contest, Lap, Pair, lower_bound, upper_bound

RATIOS = (0.93, 0.99, 0.97, 0.98, 1.01)


def contest(ratios: Sequence[float], wanted: float = 0.95) -> Contest:
    pairs = [
        Pair(
            served=Lap(items=10, seconds=1 / ratio, cpu_s=1.0, idle_cpu_s=0.0),
            bare=Lap(items=10, seconds=1.0, cpu_s=1.0, idle_cpu_s=0.0),
            same=10,
        )
        for ratio in ratios
    ]
    return Contest(title="Generate", wanted=wanted, pairs=pairs)


def test_the_ratio_is_of_items_per_second() -> None:
    found = contest(RATIOS).ratio
    assert (found.median, found.low, found.high) == pytest.approx((0.98, 0.93, 1.01))


def test_of_five_pairs_the_bound_is_the_least_ratio() -> None:
    assert lower_bound(RATIOS) == pytest.approx(0.93)
    assert upper_bound(RATIOS) == pytest.approx(1.01)


def test_more_pairs_take_the_bound_off_the_worst_of_them() -> None:
    values = [0.5, *(0.97 + 0.001 * number for number in range(30))]
    assert 0.97 <= lower_bound(values) < 0.985


def test_the_bound_decides_and_not_the_median() -> None:
    assert not contest(RATIOS).met
    assert contest(RATIOS, wanted=0.92).met
