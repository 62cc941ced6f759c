import pytest

from tools.bench.arithmetic import page, step
from tools.bench.trainer_profile import paper_size


@pytest.fixture(scope="module")
def size():
    return paper_size()


def test_the_weights_are_those_of_the_published_models(size):
    """Qwen3-8B's as its page on the hub has them; the encoder's layers by hand, the connector's as the reference's."""
    assert size.weights["llm"] == 8_190_735_360
    assert size.weights["connector"] == 131_540_224
    assert size.flops.token == 4 * (8_190_735_360 - 2 * 151_936 * 4096)
    assert size.flops.answer_token == 4 * 151_936 * 4096
    layer = 4 * 1280 * 1280 + 3 * 1280 + 2 * (2 * 1280) + 2 * 1280 * 5120 + 5120 + 1280
    assert size.flops.encoded == 2 * 1500 * 32 * layer


def test_a_step_grows_with_its_rows_and_in_a_straight_line_with_its_tokens(size):
    assert step(size, 24, 240) == pytest.approx(2 * step(size, 12, 240))
    short, middle, long = (step(size, 12, tokens) for tokens in (120, 240, 360))
    assert long - middle == pytest.approx(middle - short)
    assert step(size, 12, 240) - step(size, 12, 240, hears=False) == pytest.approx(12 * size.flops.encoded)


def test_the_page_has_the_sums(size):
    text = page(size)
    assert "| 12 | 240 |" in text and f"{step(size, 12, 240) / 1e12:,.1f}" in text
    assert "131,540,224" in text and "15.4 MB" in text
