import re
from xml.etree import ElementTree

import pytest

from services.evaluator.report.bars import Band, Bar, Cluster, bars
from services.evaluator.stats import Interval


def bar(value: float, name: str = "model") -> Bar:
    return Bar(key="A", name=name, value=value, interval=Interval(low=value - 0.1, high=value + 0.1), tint=0)


def drawn(*values: float, name: str = "model") -> str:
    cluster = Cluster(name="mini", note="n = 4", bars=[bar(value, name) for value in values], chance=0.25)
    return bars([Band(name="knows", note="text", clusters=[cluster])], "Two bars.")


def heights(svg: str) -> list[float]:
    return [float(height) for height in re.findall(r'<rect class="bar[^>]*height="([\d.]+)"', svg)]


def test_a_bar_is_as_high_as_its_accuracy():
    half, whole = heights(drawn(0.5, 1.0))
    assert whole == pytest.approx(2 * half)


def test_a_bar_says_its_value_and_interval_in_words():
    assert "<title>model: 50.0 %, 95 % interval 40 to 60</title>" in drawn(0.5)


def test_a_drawing_is_well_formed_and_described_whatever_names_it_holds():
    svg = drawn(0.3, name="<script>\"&'")
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img"
    assert "Two bars." in (root.get("aria-label") or "")
    assert "<script" not in svg
