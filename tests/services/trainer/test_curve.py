import pytest

from services.trainer.curve import Curve, Point, read


@pytest.fixture
def path(tmp_path):
    return tmp_path / "lalm" / "curve.jsonl"


def points(last: int) -> list[Point]:
    return [Point(step=step, loss=1 / (step + 1), tokens=8, seconds=0.5) for step in range(last + 1)]


def write(path, last: int, last_step: int = 0) -> list[Point]:
    told: list[Point] = []
    curve = Curve(path, last_step=last_step)
    for point in points(last)[last_step and last_step + 1 :]:
        curve.add(told.append, point)
    return told


def test_a_step_is_written_before_it_is_told_of(path):
    seen: list[int] = []
    curve = Curve(path, last_step=0)
    for point in points(2):
        curve.add(lambda _: seen.append(len(read(path))), point)
    assert seen == [1, 2, 3]
    assert read(path) == points(2)


def test_a_run_that_goes_on_keeps_the_steps_up_to_its_state_and_no_later_ones(path):
    write(path, 7)
    write(path, 9, last_step=5)
    assert read(path) == points(9)


def test_a_run_from_the_start_begins_a_new_curve(path):
    write(path, 7)
    write(path, 2)
    assert read(path) == points(2)


def test_a_torn_last_line_is_no_step(path):
    write(path, 3)
    whole = path.read_bytes()
    for end in range(whole[:-1].rfind(b"\n") + 1, len(whole)):
        path.write_bytes(whole[:end])
        assert read(path) == points(2)
    write(path, 3, last_step=2)
    assert path.read_bytes() == whole


def test_no_file_is_no_curve(path):
    assert read(path) == []


def test_the_old_curve_stands_until_the_new_one_is_whole(path, monkeypatch):
    write(path, 5)
    monkeypatch.setattr(type(path), "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        Curve(path, last_step=3)
    assert read(path) == points(5)
