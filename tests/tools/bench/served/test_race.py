import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from tools.bench.served.questions import Asked
from tools.bench.served.race import Side, Task, run, stopped
from tools.serving.child import Answer, Child, child

ASKED = [Asked(turns=(), choices=())] * 4


@pytest.fixture
def children(tmp_path: Path) -> Iterator[tuple[Child, Child]]:
    with (
        child("tests.tools.serving.echo", log=tmp_path / "one") as one,
        child("tests.tools.serving.echo", log=tmp_path / "other") as other,
    ):
        yield one, other


def test_a_stopped_child_goes_on_when_the_block_ends(children: tuple[Child, Child]) -> None:
    with stopped(children[0]):
        time.sleep(0.05)
        assert psutil.Process(children[0].pid).status() == psutil.STATUS_STOPPED
    assert children[0].ask(within_s=10, say=1) == {"say": 1}


async def test_both_sides_are_asked_alike_in_turn_and_the_first_round_does_not_count(
    children: tuple[Child, Child], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.bench.served.race.SETTLE_S", 0.0)
    begun: list[str] = []

    def side(name: str, seconds: float, others: Child, own: Child) -> Side:
        async def work(asked: Sequence[Asked]) -> Answer:
            begun.append(name)
            assert psutil.Process(others.pid).status() == psutil.STATUS_STOPPED
            await asyncio.sleep(0)
            return {"seconds": seconds, "results": [name[0]] * len(asked)}

        return Side(child=own, work=work)

    task = Task(title="t", wanted=0.9, questions=lambda number: ASKED, equal=lambda one, other: one == other)
    served, bare = side("served", 2.0, children[1], children[0]), side("bare", 1.0, children[0], children[1])
    contest = await run(task, served, bare, 2, lambda line: None)
    assert begun == ["bare", "served", "served", "bare", "bare", "served"]
    assert [pair.ratio for pair in contest.pairs] == [0.5, 0.5]
    assert [pair.same for pair in contest.pairs] == [0, 0]
    assert sys.platform != "linux" or all(pair.bare.idle_cpu_s == 0 for pair in contest.pairs)
