import re

from earwitness.progress import Bar


def test_a_bar_says_what_is_done_of_how_much(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    with Bar("clips", 8) as bar:
        bar.move(3, "two of them loud")
    assert re.search(r"clips .* 3/8 .*two of them loud", capsys.readouterr().out)


def test_a_bar_fits_a_terminal_of_eighty_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with Bar("training", 40) as bar:
        bar.move(40, "loss 1.672 held out 1.718")
    line = capsys.readouterr().out.splitlines()[-1]
    assert len(line) <= 80
    assert "held out 1.718" in line
    assert "…" not in line
