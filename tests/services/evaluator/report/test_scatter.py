import re
from xml.etree import ElementTree

from services.evaluator.report.scatter import Spot, scatter
from services.evaluator.stats import line

XS, YS = (0.5, 0.6, 0.7, 0.8), (0.4, 0.5, 0.55, 0.7)


def spots(xs=XS, ys=YS) -> list[Spot]:
    return [Spot(name=f"m{n}", title=f"Model {n}", x=x, y=y) for n, (x, y) in enumerate(zip(xs, ys, strict=True))]


def centres(svg: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r'class="spot" cx="([\d.]+)" cy="([\d.]+)"', svg)]


def test_points_stand_in_the_order_of_their_numbers_upwards_and_to_the_right():
    placed = centres(scatter(spots(), "text", "audio", "Four."))
    assert [x for x, _ in placed] == sorted(x for x, _ in placed)
    assert [y for _, y in placed] == sorted((y for _, y in placed), reverse=True)


def test_a_point_says_its_name_and_numbers():
    svg = scatter(spots(), "text", "audio", "Four.")
    assert "<title>Model 1: 60.0, 50.0</title>" in svg
    assert ">m1</text>" in svg
    ElementTree.fromstring(svg)


def test_a_line_and_its_band_are_drawn_only_where_something_was_fitted():
    assert "fit" not in scatter(spots(), "x", "y", "")
    svg = scatter(spots(), "x", "y", "", line(XS, YS))
    assert svg.count('class="fit"') == svg.count('class="band"') == 1


def test_the_band_stays_within_the_frame():
    svg = scatter(spots(), "x", "y", "", line(XS, (0.4, 0.7, 0.2, 0.6)), (320, 300))
    (band,) = re.findall(r'class="band" points="([^"]+)"', svg)
    heights = [float(point.split(",")[1]) for point in band.split()]
    assert min(heights) >= 14
    assert max(heights) <= 300 - 46


def test_names_of_near_points_do_not_lie_on_each_other():
    near = [Spot(name=f"Backbone-{n}", title="", x=0.5 + n / 2000, y=0.5 + n / 2000) for n in range(6)]
    svg = scatter(near, "x", "y", "", size=(640, 400))
    found = re.findall(r'class="point ?(\w*)" x="([\d.]+)" y="([\d.]+)">(?=B)', svg)
    boxes = []
    for kind, x, y in found:
        wide = 7 * len("Backbone-0")
        left = float(x) - (wide if kind == "end" else wide / 2 if kind == "mid" else 0)
        boxes.append((left, float(y), left + wide))
    assert len(boxes) == 6
    for at, (left, y, right) in enumerate(boxes):
        for other_left, other_y, other_right in boxes[at + 1 :]:
            assert abs(y - other_y) > 9 or right <= other_left or other_right <= left


def test_one_s_own_point_has_another_shape():
    svg = scatter([*spots(), Spot(name="mine", title="mine", x=0.6, y=0.6, is_own=True)], "x", "y", "")
    assert svg.count('class="own"') == 1
    assert svg.count('class="spot"') == 4


def test_points_on_one_spot_are_drawn():
    svg = scatter(spots((0.5, 0.5), (1.0, 1.0)), "x", "y", "")
    ElementTree.fromstring(svg)
    assert svg.count('class="spot"') >= 2 and "nan" not in svg
