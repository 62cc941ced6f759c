"""The story's release, and its diary: it stops at the first step that fails, and writes its page if it was told whole.

PAGE names another file for the page.
"""

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.cluster import release as r
from tests.cluster import scrape
from tests.cluster.diary import DIARY, PAGE, Step, say, tell
from tests.cluster.release import Release

STORY = "test_story.py"
Reported = Generator[None, pytest.TestReport, pytest.TestReport]


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    r.require_cluster()
    return Release(folder=tmp_path_factory.mktemp("access"))


@pytest.fixture(scope="session")
def prometheus(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Generator[scrape.Scraping]:
    """From its first use to the story's end."""
    with scrape.scraping(tmp_path_factory.mktemp("prometheus")) as found:
        yield found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Reported:
    report = yield
    if item.path.name == STORY and (report.when == "call" or report.failed):
        name = item.name.removeprefix("test_").replace("_", " ")
        DIARY.steps.append(Step(name=name, seconds=call.duration, passed=report.passed))
        say(f"{name}: {report.outcome} after {call.duration:.0f} s")
        if report.failed:
            item.session.shouldfail = f"the story ends here: {name}"
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    told = [item for item in session.items if item.path.name == STORY]
    if not DIARY.steps:
        return
    say(tell(DIARY.steps))
    named = os.environ.get("PAGE")
    is_whole = len(told) == len(DIARY.steps) == session.testscollected and all(step.passed for step in DIARY.steps)
    if named or (is_whole and r.BUILD):
        DIARY.write(Path(named) if named else PAGE)
