from pathlib import Path

import psutil
import pytest

from earwitness.errors import DeadlineExceeded, EarwitnessError
from tools.serving.child import child


def test_a_child_answers_line_by_line_whatever_it_prints_and_ends_with_the_block(tmp_path: Path) -> None:
    with child("tests.tools.serving.echo", log=tmp_path / "log") as echo:
        assert echo.ready == {"ready": True}
        assert [echo.ask(number=number) for number in range(3)] == [{"number": number} for number in range(3)]
        assert echo.cpu_s() > 0
        process = psutil.Process(echo.pid)
    assert not process.is_running()
    assert "nor is this" in (tmp_path / "log").read_text()


def test_a_child_that_ends_is_an_error_with_what_it_said(tmp_path: Path) -> None:
    ended = pytest.raises(EarwitnessError, match="this is no answer")
    with child("tests.tools.serving.echo", log=tmp_path / "log") as echo, ended:
        echo.ask(end=3)


def test_a_child_that_says_nothing_in_time_is_killed(tmp_path: Path) -> None:
    with child("tests.tools.serving.echo", log=tmp_path / "log") as echo:
        psutil.Process(echo.pid).suspend()
        with pytest.raises(DeadlineExceeded):
            echo.ask(within_s=0.3, number=1)


def test_a_module_that_cannot_start_is_an_error_with_its_reason(tmp_path: Path) -> None:
    ended = pytest.raises(EarwitnessError, match="No module named")
    with ended, child("tests.tools.serving.none_such", log=tmp_path / "log"):
        raise AssertionError
