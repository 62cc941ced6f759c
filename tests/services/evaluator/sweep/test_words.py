import pytest

from services.evaluator.cost import Cost
from services.evaluator.sweep import words


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (950, "950"),
        (9_500, "9,500"),
        (13_800, "13.8k"),
        (88_000, "88.0k"),
        (143_000, "143k"),
        (999_499, "999k"),
        (999_500, "1.00M"),
        (1_250_000, "1.25M"),
        (2_000_000_000, "2.00G"),
    ],
)
def test_counts_take_at_most_five_characters(number, text):
    assert words.count(number) == text
    assert len(text) <= 5


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (41.6, "0:42"), (725, "12:05"), (3599.7, "1 h 00"), (12_000, "3 h 20"), (187_200, "2 d 4 h")],
)
def test_times_are_told_as_one_would_say_them(seconds, text):
    assert words.span(seconds) == text


@pytest.mark.parametrize(
    ("usd", "text"), [(None, "?"), (0.0, "$0.00"), (0.0042, "$0.004"), (4.2, "$4.20"), (4200.4, "$4,200")]
)
def test_dollars_are_never_rounded_to_nothing_nor_invented(usd, text):
    assert words.dollars(Cost(usd=usd)) == text


@pytest.mark.parametrize(("items", "text"), [(0, "·"), (1, "0.50"), (30, "15.0"), (3000, "1,500")])
def test_rates_have_two_or_three_figures(items, text):
    assert words.rate(items, 2.0) == text
