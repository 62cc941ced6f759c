import pytest

from services.evaluator.report.svg import number, text, ticks


@pytest.mark.parametrize(("low", "high"), [(0, 1), (1.27, 3.41), (1, 400), (0.001, 0.0017), (5, 5), (-3, 8)])
def test_ticks_are_few_and_span_the_values(low, high):
    values = ticks(low, high)
    assert values[0] <= low
    assert values[-1] >= high
    assert 2 <= len(values) <= 8


def test_words_are_escaped_and_lengths_are_short():
    assert text("tick", 1.0, 2.25, "<b>") == '<text class="tick" x="1" y="2.2">&lt;b&gt;</text>'
    assert number(3.04) == "3"
