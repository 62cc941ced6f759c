import math
from pathlib import Path

import pytest

from earwitness.errors import EarwitnessError
from tools.bench import fanout, workload
from tools.bench.contestants import Account, Bare, Contestant, Earwitness, Trial, Wire
from tools.bench.mock import DELAY_S
from tools.bench.process import Command

NUM_ITEMS, IN_FLIGHT = 200, 64


@pytest.mark.parametrize("wire", ["http", "grpc"])
def test_a_bare_client_asks_everything_and_no_faster_than_the_mock_answers(tmp_path: Path, wire: Wire) -> None:
    lap = fanout.measure(Bare(wire=wire), workload.write_text(tmp_path, NUM_ITEMS), IN_FLIGHT)
    floor_s = math.ceil(NUM_ITEMS / IN_FLIGHT) * DELAY_S
    assert floor_s * 0.99 <= lap.server_s <= lap.own_s < lap.process_s
    assert (lap.items, lap.mock_peak, lap.written) == (NUM_ITEMS, IN_FLIGHT, 0)
    assert 0 < lap.cpu_s < 2 * lap.process_s
    assert lap.peak_rss > 10 << 20


def test_a_harness_that_leaves_items_out_is_found_out(tmp_path: Path) -> None:
    class Idle(Bare):
        def command(self, trial: Trial) -> Command:
            return Command(arguments=("true",))

        def account(self, trial: Trial) -> Account:
            return Account(seconds=1.0, items=NUM_ITEMS, accuracy=None)

    with pytest.raises(EarwitnessError, match="0 were asked"):
        fanout.measure(Idle(wire="http"), workload.write_text(tmp_path, NUM_ITEMS), IN_FLIGHT)


def test_one_that_fails_costs_no_figures_of_the_others(tmp_path: Path) -> None:
    class Broken(Bare):
        def command(self, trial: Trial) -> Command:
            return Command(arguments=("false",))

    entries = tuple(fanout.Entry(contestant=each, rounds=1) for each in (Broken(wire="http"), Bare(wire="http")))
    race = fanout.Race(workload=workload.write_text(tmp_path, 20), in_flight=20, entries=entries)
    laps, failures = fanout.run([race], lambda line: None)
    assert len(laps) == len(failures) == 1
    assert "exit status 1" in failures[0]


def test_each_round_begins_with_another_and_leaves_out_who_has_had_his(tmp_path: Path) -> None:
    one, two = Bare(wire="http"), Bare(wire="grpc")
    entries = (fanout.Entry(contestant=one, rounds=3), fanout.Entry(contestant=two, rounds=2))
    race = fanout.Race(workload=workload.write_text(tmp_path, 1), in_flight=1, entries=entries)
    turns: list[tuple[int, Contestant]] = list(race.rounds())
    assert turns == [(0, one), (0, two), (1, two), (1, one), (2, one)]


def test_earwitness_is_started_by_its_console_command_with_a_ledger_of_its_own(tmp_path: Path) -> None:
    work = workload.write_text(tmp_path, 4)
    with fanout.serving.mock() as mock:
        trial = Trial(workload=work, in_flight=8, mock=mock, folder=tmp_path)
        by_http, by_grpc = (Earwitness(wire=wire).command(trial) for wire in ("http", "grpc"))
    assert Path(by_http.arguments[0]).name == "earwitness"
    assert "openai:bench-mock" in by_http.arguments
    assert f"127.0.0.1:{mock.grpc}" in by_grpc.arguments
    assert f":{mock.http}/v1" in Path(by_http.env["EARWITNESS_ENDPOINTS"]).read_text()
