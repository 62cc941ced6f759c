import logging

import pytest

from earwitness.errors import InvalidInput
from earwitness.watched import Watched


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def number(file):
    try:
        return int(file.read_text())
    except ValueError:
        raise InvalidInput("is no number", str(file)) from None


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "number"
    file.write_text("1")
    return file


def test_a_changed_file_is_read_again_but_not_for_every_look(file):
    clock, reads = Clock(), []

    def read():
        reads.append(1)
        return number(file)

    watched = Watched([file], read, every_s=1, clock=clock)
    file.write_text("22")
    assert watched.value() == 1
    clock.now = 1
    assert [watched.value() for _ in range(3)] == [22] * 3
    clock.now = 9
    assert watched.value() == 22
    assert len(reads) == 2


def test_a_change_that_cannot_be_read_is_logged_once_and_the_old_stays_in_force(file, caplog):
    watched = Watched([file], lambda: number(file), every_s=0)
    file.write_text("nonsense")
    with caplog.at_level(logging.ERROR):
        assert [watched.value(), watched.value()] == [1, 1]
    assert caplog.text.count("stays in force") == 1


def test_a_secret_that_kubernetes_swaps_is_seen(tmp_path):
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "number").write_text("1" if name == "old" else "2")
    (tmp_path / "data").symlink_to("old")
    file = tmp_path / "data" / "number"
    watched = Watched([file], lambda: number(file), every_s=0)
    (tmp_path / "next").symlink_to("new")
    (tmp_path / "next").rename(tmp_path / "data")
    assert watched.value() == 2


def test_what_cannot_be_read_at_first_is_raised(tmp_path, file):
    file.write_text("nonsense")
    with pytest.raises(InvalidInput):
        Watched([file], lambda: number(file))
