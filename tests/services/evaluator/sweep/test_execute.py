import asyncio
from dataclasses import replace

import pytest

from earwitness.errors import InvalidInput, Unavailable
from services.evaluator.cost import Cost, Prices
from services.evaluator.sweep import execute
from services.evaluator.sweep.estimate import CAPTION_TOKENS, estimate
from services.evaluator.sweep.execute import run_sweep
from services.evaluator.sweep.meter import Brake, Limits, Meter
from tests.services.evaluator.sweep.sample import DEAF, HEARING, PER_ITEM, PRICES, Swift, lattice, names

ITEM_USD = (PER_ITEM[0] * 1000 + PER_ITEM[1] * 2000) / 1e6


async def run(swift: Swift, found=None, limits=None, prices=PRICES, **estimated):
    """Returns the outcome, the events and what was kept."""
    found, events, kept = found or lattice(), [], []
    estimates = {cell: replace(each, **estimated) for cell, each in estimate(found, prices).items()}
    brake = Brake()
    brake.event = swift.stop
    meter = Meter(lattice=found, limits=limits or Limits(), estimates=estimates, prices=prices, brake=brake)
    outcome = await run_sweep(found, swift.open, events.append, meter, lambda *done: kept.append(done))
    return outcome, events, kept


async def test_the_cells_run_in_their_order_and_each_result_is_kept_before_the_next_begins():
    swift = Swift()
    kept_by = []
    swift.between = lambda backbone, done: kept_by.append(len(swift.ran))
    outcome, events, kept = await run(swift)
    assert swift.ran == names(lattice().cells)
    assert [cell for cell, _, _ in kept] == list(lattice().cells)
    assert [done.cell for done in outcome.finished] == list(lattice().cells)
    assert (outcome.failed, outcome.left, outcome.stopped) == ([], (), "")
    assert [event.state for event in events].count("done") == 5


async def test_a_backbone_s_sessions_are_opened_once_and_closed_before_the_next_one_s():
    swift = Swift()
    await run(swift)
    assert swift.opened == [("hearing", ""), ("hearing", "describer"), ("deaf", ""), ("deaf", "describer")]
    assert swift.closed == ["hearing", "hearing", "deaf", "deaf"]


async def test_a_cell_that_fails_does_not_stop_the_others():
    swift = Swift(failing={"hearing": Unavailable("nobody answers")})
    outcome, events, kept = await run(swift)
    assert [cell.setting for cell, _ in outcome.failed] == ["text", "cascade", "audio"]
    assert [cell.backbone.name for cell, _, _ in kept] == ["deaf", "deaf"]
    assert [event.error for event in events if event.state == "failed"] == ["nobody answers"] * 3


async def test_a_fault_of_our_own_is_not_taken_for_a_failed_cell():
    def fail(backbone, done):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await run(Swift(between=fail))


async def test_another_model_than_the_wanted_one_is_a_failure_and_leaves_no_result():
    wanted = replace(DEAF, model="something-else")
    outcome, _, kept = await run(Swift(), lattice(backbones=(wanted,)))
    assert len(outcome.failed) == 2
    assert "serves deaf-served, not something-else" in str(outcome.failed[0][1])
    assert kept == []


async def test_events_tell_the_progress_and_what_it_costs():
    _, events, _ = await run(Swift())
    first = [event for event in events if event.cell == lattice().cells[0] and event.progress]
    assert [event.progress.done for event in first] == [1, 2, 3, 4, 4]
    assert [event.cost.usd for event in first[:2]] == [pytest.approx(ITEM_USD), pytest.approx(2 * ITEM_USD)]


async def test_money_that_is_spent_stops_the_sweep_in_the_middle_of_a_cell():
    swift = Swift()
    limits = Limits(max_usd=6.5 * ITEM_USD)
    heard = lattice(settings=("text", "audio"))
    outcome, events, kept = await run(swift, heard, limits=limits, cost=Cost())
    assert [cell.setting for cell, _, _ in kept] == ["text"]
    assert events[-1].state == "stopped"
    assert events[-1].progress.done == 7 - 4
    assert outcome.left == heard.cells[1:]
    assert "--max-cost" in outcome.stopped


async def test_captions_are_in_the_cost_as_it_grows():
    _, events, _ = await run(Swift(), lattice(settings=("cascade",)))
    costs = [event.cost.usd for event in events if event.cell.backbone == HEARING and event.state == "done"]
    assert costs == [pytest.approx(6 * ITEM_USD + 3 * CAPTION_TOKENS * 2000 / 1e6)]


async def test_a_cell_that_will_cost_more_than_is_left_does_not_begin():
    swift = Swift()
    outcome, _, kept = await run(swift, limits=Limits(max_usd=1.0), cost=Cost(usd=0.9))
    assert len(kept) == len(swift.ran) == 1
    assert "will cost about $0.90" in outcome.stopped
    assert outcome.left == lattice().cells[1:]


async def test_a_cell_that_will_take_longer_than_is_left_does_not_begin_where_its_time_was_measured():
    swift = Swift()
    outcome, _, _ = await run(swift, limits=Limits(max_hours=1.0), wall_s=4000.0, measured=True)
    assert (swift.ran, "will take about 1.11 h" in outcome.stopped) == ([], True)
    outcome, _, _ = await run(Swift(), limits=Limits(max_hours=1.0), wall_s=4000.0, measured=False)
    assert outcome.stopped == ""


async def test_time_that_is_over_stops_the_sweep_in_the_middle_of_a_cell():
    outcome, _, kept = await run(Swift(delay_s=0.02), limits=Limits(max_hours=0.11 / 3600))
    assert (len(kept), outcome.left) == (1, lattice().cells[1:])
    assert "--max-hours" in outcome.stopped


async def test_a_session_that_does_not_heed_the_brake_is_cancelled(monkeypatch):
    monkeypatch.setattr(execute, "GRACE_S", 0.05)
    outcome, _, _ = await run(Swift(delay_s=30.0, deaf_to_stop=True), limits=Limits(max_hours=0.05 / 3600))
    assert outcome.left == lattice().cells


async def test_a_cell_that_ends_as_the_brake_is_pulled_is_kept():
    outcome, _, kept = await run(Swift(), limits=Limits(max_usd=4 * ITEM_USD), cost=Cost())
    assert (len(kept), outcome.left) == (1, lattice().cells[1:])


async def test_a_limit_in_dollars_wants_every_price():
    unpriced = lattice(backbones=(HEARING, replace(DEAF, price="")))
    with pytest.raises(InvalidInput, match="without the price of deaf") as raised:
        await run(Swift(), unpriced, limits=Limits(max_usd=1.0))
    assert raised.value.field == "--max-cost"
    outcome, _, _ = await run(Swift(), unpriced, prices=Prices(entries=PRICES.entries))
    assert len(outcome.finished) == 5


async def test_cancelled_from_outside_nothing_runs_on():
    swift = Swift(delay_s=0.01)
    task = asyncio.create_task(run(swift))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    ran = len(swift.ran)
    await asyncio.sleep(0.05)
    assert (len(swift.ran), swift.closed) == (ran, ["hearing"])
