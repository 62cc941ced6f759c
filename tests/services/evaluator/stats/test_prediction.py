import numpy as np
import pytest
from scipy import stats as scipy_stats

from earwitness.errors import InvalidInput
from services.evaluator.stats import leave_one_family_out, line

XS = [61.4, 64.3, 61.0, 62.0, 62.6, 54.4, 53.2, 51.6]
YS = [66.6, 66.2, 62.9, 61.7, 61.1, 61.0, 56.9, 56.4]
FAMILIES = ["Qwen2.5", "Qwen3", "Qwen3", "Qwen3", "Phi", "Phi", "OLMo", "Llama"]


def test_the_line_is_scipys():
    theirs = scipy_stats.linregress(XS, YS)
    ours = line(XS, YS)
    assert (ours.slope, ours.intercept) == pytest.approx((theirs.slope, theirs.intercept))
    # The slope's standard error is the residual deviation over the root of x's spread.
    assert ours.residual_sd / ours.x_spread**0.5 == pytest.approx(theirs.stderr)


def test_the_prediction_interval_is_that_of_the_matrix_formula():
    design = np.column_stack([np.ones(len(XS)), XS])
    beta = np.linalg.lstsq(design, np.array(YS), rcond=None)[0]
    variance = ((np.array(YS) - design @ beta) ** 2).sum() / (len(XS) - 2)
    new = np.array([1, 58.0])
    leverage = new @ np.linalg.inv(design.T @ design) @ new
    reach = scipy_stats.t.ppf(0.975, len(XS) - 2) * np.sqrt(variance * (1 + leverage))
    predicted = line(XS, YS).predict(58.0)
    assert predicted.value == pytest.approx(new @ beta)
    assert (predicted.interval.low, predicted.interval.high) == pytest.approx((new @ beta - reach, new @ beta + reach))


def test_a_prediction_interval_holds_an_unseen_point_19_times_in_20():
    generator = np.random.default_rng(8)
    held = 0
    for _ in range(4000):
        xs = generator.normal(size=9)
        ys = 2 + 3 * xs + generator.normal(size=9)
        held += float(ys[-1]) in line(xs[:-1].tolist(), ys[:-1].tolist()).predict(float(xs[-1])).interval
    assert 0.94 < held / 4000 < 0.96


def test_a_prediction_is_least_sure_far_from_what_was_seen():
    fitted = line(XS, YS)
    widths = [(each := fitted.predict(x).interval).high - each.low for x in (fitted.x_mean, 70, 90)]
    assert widths == sorted(widths)


def test_each_family_is_predicted_without_its_own_points():
    validation = leave_one_family_out(XS, YS, FAMILIES)
    assert [point.family for point in validation.points] == FAMILIES
    for point in validation.points:
        others = [place for place, family in enumerate(FAMILIES) if family != point.family]
        fitted = line([XS[place] for place in others], [YS[place] for place in others])
        assert point.predicted == fitted.predict(XS[point.index])
        assert point.mean == pytest.approx(np.mean([YS[place] for place in others]))
        assert point.error == pytest.approx(fitted.at(XS[point.index]) - YS[point.index])
    assert validation.rmse == pytest.approx(np.sqrt(np.mean([point.error**2 for point in validation.points])))


def test_a_line_beats_the_mean_only_where_x_tells_something():
    generator = np.random.default_rng(1)
    xs, families = generator.normal(size=40).tolist(), [str(place // 4) for place in range(40)]
    noise = generator.normal(size=40).tolist()
    told = leave_one_family_out(xs, [x + 0.1 * each for x, each in zip(xs, noise, strict=True)], families)
    untold = leave_one_family_out(xs, noise, families)
    assert told.rmse < 0.2 * told.rmse_of_mean
    assert untold.rmse > 0.95 * untold.rmse_of_mean
    assert told.covered >= 35


def test_a_family_without_which_no_line_is_left_is_passed_over():
    assert leave_one_family_out([1, 2, 3, 4], [1, 2, 3, 5], ["a", "a", "b", "b"]) is None
    some = leave_one_family_out([1, 2, 3, 4, 5], [1, 2, 3, 5, 4], ["a", "a", "a", "b", "c"])
    assert [point.family for point in some.points] == ["b", "c"]


@pytest.mark.parametrize(("xs", "ys"), [([1, 2], [1, 2]), ([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [1, 2])])
def test_no_line_is_made_up(xs, ys):
    with pytest.raises(InvalidInput):
        line(xs, ys)
