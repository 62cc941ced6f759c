import re

import pytest

from services.evaluator.progress import RunBar
from services.evaluator.run import Progress


@pytest.mark.parametrize(
    ("reused", "failed", "said"),
    [(0, 0, ""), (2, 0, "2 from the ledger"), (0, 1, "1 failed"), (2, 1, "2 from the ledger, 1 failed")],
)
def test_the_bar_says_how_many_are_done_and_what_was_unusual(capsys, monkeypatch, reused, failed, said):
    monkeypatch.setenv("COLUMNS", "160")
    with RunBar("text mini-akb", 8) as bar:
        bar.show(Progress(done=3, total=8, reused=reused, failed=failed))
    line = capsys.readouterr().out
    assert re.search(r"text mini-akb .* 3/8", line)
    assert said in line
    assert ("failed" in line) == bool(failed)
    assert ("ledger" in line) == bool(reused)
