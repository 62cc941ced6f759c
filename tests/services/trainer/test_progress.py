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
