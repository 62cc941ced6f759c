import pytest

from services.trainer.curve import Curve, Point, read, read_on, said, speed


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


def test_a_curve_that_is_gone_is_taken_from_the_checkpoint(path, tmp_path):
    write(path, 7)
    carried = tmp_path / "carried.jsonl"
    carried.write_bytes(path.read_bytes())
    path.unlink()
    Curve(path, last_step=5, fallback=carried)
    assert read(path) == points(5)


def test_a_curve_is_read_on_from_where_it_was_read_to(path):
    write(path, 3)
    first, place = read_on(path, 0)
    write(path, 6, last_step=3)
    assert (first, read_on(path, place)[0]) == (points(3), points(6)[4:])
    write(path, 1)
    assert read_on(path, place)[0] == points(1)


def test_what_the_machine_and_its_interruptions_change_is_not_learned():
    one = Point(step=1, loss=1.0, seconds=2.0, encoded=4, flops=3.0, mfu=0.5)
    assert one.learned == Point(step=1, loss=1.0)
    assert one.learned != Point(step=1, loss=1.5).learned


def test_the_first_epoch_is_said_apart():
    steps = [
        Point(step=at, loss=1.0, seconds=4.0 if at <= 2 else 1.0, epoch=(at - 1) // 2, examples=4, read_tokens=100,
              audio_s=8.0, encoded=4 if at <= 2 else 0, mfu=0.1)
        for at in range(1, 7)
    ]  # fmt: skip
    cold, warm = said([Point(step=0, held_out=2.0), *steps])
    assert cold.startswith("first epoch, cold: 1.00 examples/s, 25 tokens/s, 2.0 s of audio/s, 10.0% of peak")
    assert warm.startswith("later epochs: 4.00 examples/s") and "0 clips encoded" in warm
    assert speed(steps).seconds == 12.0
