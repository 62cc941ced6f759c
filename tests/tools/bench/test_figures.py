from dataclasses import replace

import pytest

from tools.bench.figures import Lap, Spread, compare

LAP = Lap(
    name="Earwitness",
    wire="http",
    benchmark="akb",
    in_flight=256,
    round=0,
    items=1000,
    own_s=1.0,
    process_s=2.0,
    server_s=1.0,
    cpu_s=1.0,
    peak_rss=1,
    written=1,
    mock_cpu_s=0.25,
    mock_peak=256,
)


def test_a_spread_is_the_median_with_the_extremes() -> None:
    assert Spread.of([3.0, 1.0, 1000.0]).text() == "3 [1, 1,000]"
    assert Spread.of([1.25]).text(1) == "1.2"


def test_ratios_are_taken_round_by_round() -> None:
    ours = [replace(LAP, round=number, own_s=own_s) for number, own_s in enumerate((1.0, 2.0, 4.0))]
    theirs = [replace(lap, name="lm-eval", own_s=lap.own_s * 3) for lap in ours[:2]]
    (found,) = compare([*ours, *theirs])
    assert found.ratios["own"] == Spread(median=3.0, low=3.0, high=3.0, count=2)


@pytest.mark.parametrize(
    ("name", "own_s", "process_s", "met"),
    [
        ("bare client", 0.91, 0.5, True),
        ("bare client", 0.89, 9.0, False),
        ("lm-eval", 3.0, 6.0, True),
        ("lm-eval", 30.0, 5.9, False),
        ("lm-eval, no answer kept", 2.9, 60.0, False),
        ("inspect-ai", 25.0, 50.0, True),
        ("another", 25.0, 50.0, None),
    ],
)
def test_a_target_is_met_by_every_clock_that_judges(
    name: str, own_s: float, process_s: float, met: bool | None
) -> None:
    (found,) = compare([LAP, replace(LAP, name=name, own_s=own_s, process_s=process_s)])
    assert found.met is met


def test_what_is_not_asked_at_256_is_reported_and_not_judged() -> None:
    (found,) = compare([replace(LAP, in_flight=64), replace(LAP, in_flight=64, name="lm-eval", own_s=0.1)])
    assert found.met is None


def test_a_bare_client_is_compared_over_the_same_wire_alone() -> None:
    assert not compare([LAP, replace(LAP, name="bare client", wire="grpc")])
    assert compare([replace(LAP, wire="grpc"), replace(LAP, name="lm-eval")])


def test_the_mock_s_load_is_its_cpu_time_by_the_server_s_clock() -> None:
    assert LAP.mock_load == 0.25
