import math

import pytest

from services.trainer.curve import Point
from services.trainer.schedule import FEWEST, Judge, learning_rate
from tests.services.trainer.conftest import settings


def test_the_learning_rate_warms_up_evenly_and_falls_to_zero_along_a_cosine():
    config = settings(steps=110, warmup_steps=10, learning_rate=1.0)
    rates = [learning_rate(config, step) for step in range(1, 111)]
    assert rates[:10] == pytest.approx([step / 10 for step in range(1, 11)])
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert [rates[34], rates[59], rates[84]] == pytest.approx([0.5 + 2**-1.5, 0.5, 0.5 - 2**-1.5])
    assert rates[-1] == pytest.approx(0.0, abs=1e-12)


def test_without_a_warm_up_the_cosine_begins_at_once():
    config = settings(steps=4, warmup_steps=0, learning_rate=1.0)
    assert [learning_rate(config, step) for step in (2, 4)] == pytest.approx([0.5, 0.0])


@pytest.mark.parametrize(
    ("loss", "norm", "said"), [(math.nan, 1.0, "loss is nan"), (math.inf, 1.0, "loss is inf"), (1.0, math.inf, "norm")]
)
def test_what_is_not_finite_is_bad(loss, norm, said):
    assert said in Judge(0.0).fault(loss, norm)


def test_a_spike_is_told_by_the_median_of_the_good_steps_before():
    judge = Judge(3.0)
    assert not judge.fault(100.0, 1.0)
    for _ in range(FEWEST):
        assert not judge.fault(1.0, 1.0)
    assert "spike" in judge.fault(3.1, 1.0)
    assert "spike" in judge.fault(9.0, 1.0)
    assert judge.skipped == 2
    assert not judge.fault(2.9, 1.0)
    assert judge.skipped == 0


def test_without_a_factor_there_are_no_spikes():
    judge = Judge(0.0)
    assert not any(judge.fault(10.0**step, 1.0) for step in range(30))


def test_a_judge_that_recalls_judges_as_one_that_was_there():
    losses = [1.0, 1.1, 5.0, 0.9, 1.0, 1.2, 6.0, 1.0, 1.1, 0.9, 1.0, 0.8, 1.0, 4.0, 7.0]
    there = Judge(3.0)
    faults = [there.fault(loss, 1.0) for loss in losses]
    points = [
        Point(step=at + 1, loss=loss, skipped=fault)
        for at, (loss, fault) in enumerate(zip(losses, faults, strict=True))
    ]
    later = Judge(3.0)
    later.recall([Point(step=0, held_out=9.0), *points])
    assert later.skipped == there.skipped == 2
    assert [later.fault(loss, 1.0) for loss in (3.2, 2.9)] == [there.fault(loss, 1.0) for loss in (3.2, 2.9)]
