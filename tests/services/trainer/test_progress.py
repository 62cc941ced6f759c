import re

from services.trainer.curve import Point
from services.trainer.progress import CountBar, StepBar


def test_a_bar_counts(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    with CountBar("clips", 8) as bar:
        bar.show(3, 6)
    assert re.search(r"clips .* 3/6", capsys.readouterr().out)


def test_a_training_bar_shows_the_losses_and_remembers_the_held_out_one(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    with StepBar("training", 8) as bar:
        bar.show(Point(step=0, held_out=3.25))
        bar.show(Point(step=2, loss=1.5))
    last = capsys.readouterr().out.splitlines()[-1]
    assert "2/8" in last
    assert "loss 1.500 held out 3.250" in last


def test_a_wide_terminal_shows_speed_and_skipped_steps_and_a_narrow_one_has_room_for_what_counts(capsys, monkeypatch):
    point = Point(step=4, loss=1.5, seconds=2.0, read_tokens=9000, audio_s=30.0, mfu=0.425)
    shown = {}
    for columns in ("160", "80"):
        monkeypatch.setenv("COLUMNS", columns)
        with StepBar("training", 8) as bar:
            bar.show(Point(step=2, held_out=1.25, skipped="the loss is nan"))
            bar.show(point)
        shown[columns] = capsys.readouterr().out.splitlines()[-1]
    assert "loss 1.500 held out 1.250 1 skipped 4,500 tok/s 15.0 s/s 42% MFU" in shown["160"]
    assert "4/8" in shown["80"] and "loss 1.500" in shown["80"]
