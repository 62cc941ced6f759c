"""The trial itself, against a real child: what is counted, and what ends it."""

from collections.abc import Iterator

import pytest

from tools.fuzz import page
from tools.fuzz.trial import MOST_FAULTS, Found, Look, run
from tools.fuzz.verdict import Verdict
from tools.serving.child import Child, child


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    with child("tests.tools.serving.echo", log=tmp_path_factory.mktemp("child") / "log") as started:
        yield started


async def sane() -> str:
    return ""


async def right(number: int) -> tuple[str, str, Verdict]:
    return "odd", f"case {number}", Verdict(ending="OK")


async def wrong(number: int) -> tuple[str, str, Verdict]:
    return "odd", f"case {number}", Verdict(ending="INTERNAL", fault="INTERNAL")


async def test_every_case_is_counted_and_memory_looked_at(servers: Child) -> None:
    found = await run("t", range(500), right, sane, servers, lambda line: None)
    assert (found.done, found.endings, found.faults) == (500, {"OK": 500}, [])
    assert [done for done, _, _ in found.tenths()] == list(range(50, 501, 50))
    assert all(rss > 1 for _, _, rss in found.tenths())
    assert page.held([found])


async def test_faults_name_their_case_and_many_end_the_trial(servers: Child) -> None:
    said: list[str] = []
    found = await run("t", range(10_000), wrong, sane, servers, said.append)
    assert MOST_FAULTS <= len(found.faults) < 100
    assert found.faults[0] == "case 0: INTERNAL"
    assert "FAULT case 0: INTERNAL" in said
    assert not page.held([found])


async def test_a_server_that_is_no_longer_sane_ends_the_trial(servers: Child) -> None:
    async def mad() -> str:
        return "it says nothing"

    found = await run("t", range(100), right, mad, servers, lambda line: None)
    assert "it says nothing" in found.faults[0]


def test_memory_that_grows_after_the_first_fifth_is_a_leak() -> None:
    looks = [Look(seconds=number, done=number, rss_mib=100 + 0.8 * number) for number in range(101)]
    found = Found(title="t", looks=looks)
    found.endings["OK"] = 100
    assert found.growth_mib == pytest.approx(64)
    assert page.held([found])
    looks[-1] = Look(seconds=100, done=100, rss_mib=181)
    assert not page.held([found])


def test_only_tracebacks_through_our_code_are_faults() -> None:
    from tools.bench.machine import ROOT

    theirs = f'{page.TRACE}\n  File "/lib/aiohttp/web.py", line 1\n'
    found = Found(title="t")
    page.unexpected([found], theirs)
    assert not found.faults
    page.unexpected([found], f'{theirs}{page.TRACE}\n  File "{ROOT}/services/llm/servicer.py", line 1\n')
    assert "1 traceback" in found.faults[0]
