import pytest

from earwitness.errors import InvalidInput, NotFound, UnknownKey
from services.evaluator.cost import Cost, Price, Prices, Spent, by_benchmark
from services.evaluator.sweep.axes import Backbone, Captioner

VENDOR = Price(source="s", date="d", prompt_per_million=2.0, completion_per_million=8.0, audio_per_second=0.5)
OWN = Price(source="s", date="d", gpu_hour=3.0)
PRICES = Prices(entries={"vendor": VENDOR, "own": OWN})
USED = Spent(prompt_tokens=1_000_000, completion_tokens=500_000, audio_s=10.0, wall_s=1800.0, captions=2)


def backbone(price: str, gpus: float = 0) -> Backbone:
    return Backbone(name="b", price=price, gpus=gpus)


def test_tokens_and_audio_are_charged_by_the_piece():
    assert PRICES.cost(USED, backbone("vendor")) == Cost(usd=2.0 + 4.0 + 5.0, gpu_s=0.0)


def test_gpus_are_charged_for_as_long_as_they_are_held():
    assert PRICES.cost(USED, backbone("own", gpus=4)) == Cost(usd=6.0, gpu_s=7200.0)


def test_in_the_cascade_the_captioner_is_charged_for_the_audio():
    captioner = Captioner(name="c", price="vendor")
    assert PRICES.cost(USED, backbone("own", gpus=1), captioner).usd == pytest.approx(1.5 + 5.0)


def test_captions_from_the_ledger_cost_nothing():
    reused = Spent(prompt_tokens=1_000_000, wall_s=1800.0, audio_s=10.0)
    captioner = Captioner(name="c", price="vendor", gpus=8)
    assert PRICES.cost(reused, backbone("vendor"), captioner) == Cost(usd=2.0, gpu_s=0.0)


def test_without_a_price_the_dollars_are_unknown_and_the_gpu_seconds_are_not():
    cost = PRICES.cost(USED, backbone("", gpus=2))
    assert cost == Cost(usd=None, gpu_s=3600.0)
    assert (cost + Cost(usd=1.0, gpu_s=1.0)) == Cost(usd=None, gpu_s=3601.0)


def test_a_price_that_is_not_there_is_named():
    with pytest.raises(NotFound, match=r"'nobody' .of b.*vendor, own"):
        PRICES.of(backbone("nobody"))


def test_costs_add_up_by_backbone_and_benchmark():
    costs = [("a", "x", Cost(usd=1.0, gpu_s=5.0)), ("a", "y", Cost(usd=2.0)), ("a", "x", Cost(usd=0.5, gpu_s=1.0))]
    assert by_benchmark(costs) == {("a", "x"): Cost(usd=1.5, gpu_s=6.0), ("a", "y"): Cost(usd=2.0)}


def test_a_file_adds_to_the_bundled_prices(tmp_path):
    file = tmp_path / "prices.yaml"
    file.write_text("prices: {mine: {source: a contract, date: 2026-01-31, gpu_hour: 2}}\n")
    assert Prices.load(file).entries["mine"] == Price(source="a contract", date="2026-01-31", gpu_hour=2.0)


def test_every_bundled_price_says_where_and_when_it_stood():
    assert all(price.source and price.date for price in Prices.load().entries.values())


@pytest.mark.parametrize(
    ("text", "error", "field"),
    [
        ("price: {}", InvalidInput, "price"),
        ("prices: {a: 3}", InvalidInput, "prices.a"),
        ("prices: {a: {date: x, gpu_hour: 2}}", InvalidInput, "prices.a.source"),
        ("prices: {a: {source: x, gpu_hour: 2}}", InvalidInput, "prices.a.date"),
        ("prices: {a: {source: x, date: y, gpu_hours: 2}}", UnknownKey, "prices.a.gpu_hours"),
        ("prices: {a: {source: x, date: y, gpu_hour: -2}}", InvalidInput, "prices.a.gpu_hour"),
        ("prices: {a: {source: x, date: y, gpu_hour: much}}", InvalidInput, "prices.a.gpu_hour"),
    ],
)
def test_what_is_no_price_is_named(tmp_path, text, error, field):
    file = tmp_path / "prices.yaml"
    file.write_text(text)
    with pytest.raises(error) as raised:
        Prices.load(file)
    assert raised.value.field == field
