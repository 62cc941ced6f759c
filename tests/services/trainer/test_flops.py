import pytest
import torch

from services.trainer.flops import PEAKS_BF16, Flops, peak


def test_parts_count_as_often_as_they_are_used(model, config):
    """The tiny parts by hand: an LLM of 2 layers and width 48, an encoder of 4 and width 32, 2 Q-Former layers."""
    flops = Flops.of(model())
    attention, feed_forward, norms = 48 * 48 * 2 + 48 * 24 * 2, 3 * 48 * 64, 2 * 48
    assert flops.token == 4 * (2 * (attention + feed_forward + norms) + 48)
    assert flops.answer_token == 4 * 400 * 48
    layer = 4 * 32 * 32 + 3 * 32 + 2 * (2 * 32) + 2 * 32 * 48 + 48 + 32
    assert flops.encoded == 2 * 100 * 4 * layer
    queries, positions, taps = 8, 100, 4
    vectors = 2 * ((4 + 2) * 32 * 32 + 2 * 32 * 40) * queries * taps + 2 * 2 * 32 * 32 * positions * taps
    assert flops.clip == 6 * (vectors + 32 * 48 * queries)
    step = flops.step(tokens=10, answer_tokens=2, clips=3, encoded=1)
    assert step == 10 * flops.token + 2 * flops.answer_token + 3 * flops.clip + flops.encoded


def test_a_datasheet_s_peak_is_that_of_the_first_name_that_fits(monkeypatch):
    for name, flops in (
        ("NVIDIA H100 80GB HBM3", 989.5e12),
        ("NVIDIA H100 PCIe", 756.5e12),
        ("NVIDIA A100-SXM4", 312e12),
    ):
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda name=name: name)
        peak.cache_clear()
        assert peak("cuda", "bfloat16")[0] == flops
    peak.cache_clear()
    assert len({name for name, _ in PEAKS_BF16}) == len(PEAKS_BF16)


def test_a_cpu_s_peak_is_measured_and_says_so():
    flops, source = peak("cpu", "float32")
    assert flops > 1e8
    assert source.startswith("measured")
    assert peak("cpu", "float32")[0] == pytest.approx(flops)
