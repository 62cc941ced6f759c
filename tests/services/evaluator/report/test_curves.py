import re
from xml.etree import ElementTree

from services.evaluator.report.curves import POINTS_SHOWN, Series, lines, losses
from services.evaluator.result import Experiment, Point


def test_lines_label_their_ends_apart_from_each_other():
    near = [Series(name=name, points=[(0, 3.0), (10, 1.0 + n / 100)]) for n, name in enumerate(("train", "held out"))]
    svg = lines(near, "Two lines.", "step", "loss")
    heights = [float(y) for y in re.findall(r'class="name c\d" x="[\d.]+" y="([\d.]+)"', svg)]
    assert abs(heights[0] - heights[1]) >= 16
    ElementTree.fromstring(svg)


def test_a_line_of_one_point_or_one_value_is_drawn():
    for points in ([(1, 2.0)], [(1, 2.0), (2, 2.0)]):
        svg = lines([Series(name="train", points=points)], "One.", "step", "loss")
        ElementTree.fromstring(svg)
        assert "train" in svg and "nan" not in svg


def test_a_long_training_is_drawn_with_few_points_and_its_last():
    curve = tuple(Point(step=step, loss=2 - step / 10_000) for step in range(10_000))
    svg = losses(Experiment(name="long", results=(), curve=curve))
    points = re.findall(r'points="([^"]+)"', svg)[0].split()
    assert len(points) <= POINTS_SHOWN + 1
    assert "training 1.00" in svg


def test_without_a_training_there_is_no_curve():
    assert losses(Experiment(name="none", results=())) == ""
