import sys
from pathlib import Path

import pytest

from earwitness.errors import DeadlineExceeded, EarwitnessError
from tools.bench import process


def python(code: str) -> process.Command:
    return process.Command(arguments=(sys.executable, "-c", code), env={"BENCH": "set"})


def test_children_are_counted_with_their_parent(tmp_path: Path) -> None:
    spin = "import time\nwhile time.process_time() < 0.3: pass"
    cost = process.run(python(f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {spin!r}])"), tmp_path)
    assert 0.3 <= cost.cpu_s <= 2 * cost.wall_s
    assert cost.peak_rss > 5 << 20


def test_the_command_runs_in_the_folder_with_what_is_set(tmp_path: Path) -> None:
    process.run(python("import os; open('made', 'w').write(os.environ['BENCH'] * 3)"), tmp_path)
    assert (tmp_path / "made").read_text() == "setsetset"
    assert process.bytes_under(tmp_path) == 9


def test_a_failure_says_how_it_ended(tmp_path: Path) -> None:
    with pytest.raises(EarwitnessError, match="exit status 3: no clip"):
        process.run(python("import sys; print('no clip', file=sys.stderr); sys.exit(3)"), tmp_path)


def test_what_takes_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(DeadlineExceeded):
        process.run(python("import time; time.sleep(60)"), tmp_path, limit_s=0.1)
