import signal
import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest

from earwitness.errors import InvalidInput, NotFound, Overloaded
from earwitness.runs import RunState
from services.evaluator.ledger import Ledger, claims

WORKER = """
import sys, time
from services.evaluator.ledger import Ledger
ledger = Ledger(sys.argv[1])
print(*[row.id for row in ledger.runs.claim(5, [])], flush=True)
time.sleep(60)
"""


def create(ledger, id, spec="", *, chosen=True, most_waiting=100):
    return ledger.runs.create(id, spec or id, chosen=chosen, most_waiting=most_waiting)


def claimed(ledger, most=5, own=()):
    return [row.id for row in ledger.runs.claim(most, own)]


def test_a_run_waits_until_it_is_claimed_the_oldest_first(ledger):
    for name in "abc":
        assert create(ledger, name).state == RunState.QUEUED
    assert claimed(ledger, 2) == ["a", "b"]
    assert [ledger.runs.find(name).state for name in "abc"] == [RunState.RUNNING, RunState.RUNNING, RunState.QUEUED]
    assert ledger.runs.counts()[RunState.RUNNING] == 2
    assert claimed(ledger, 0) == []
    assert claimed(ledger, 2, ["a", "b"]) == ["c"]


def test_a_spec_has_one_unfinished_run(ledger):
    assert create(ledger, "a", "spec", chosen=False).id == create(ledger, "b", "spec", chosen=False).id == "a"
    claimed(ledger)
    ledger.runs.end("a", RunState.FAILED, "", "no")
    assert create(ledger, "b", "spec", chosen=False).id == "b"


def test_a_chosen_name_belongs_to_one_spec_for_ever(ledger):
    create(ledger, "a", "spec")
    assert create(ledger, "a", "spec").id == "a"
    ledger.runs.cancel("a")
    assert create(ledger, "a", "spec").state == RunState.CANCELLED
    with pytest.raises(InvalidInput, match="another spec"):
        create(ledger, "a", "other")


def test_only_what_waits_counts_against_the_queue(ledger):
    create(ledger, "a")
    claimed(ledger)
    create(ledger, "b", most_waiting=1)
    with pytest.raises(Overloaded, match="1 runs wait already"):
        create(ledger, "c", most_waiting=1)


def test_clients_at_once_create_one_run(url):
    with closing(Ledger(url)) as first, closing(Ledger(url)) as second:
        found: list[str] = []

        def ask(ledger, name):
            found.append(create(ledger, name, "spec", chosen=False).id)

        threads = [threading.Thread(target=ask, args=((first, second)[n % 2], f"run-{n}")) for n in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(found), len(set(found)), len(first.runs.page(9))) == (12, 1, 1)


def test_two_evaluators_never_claim_the_same_run(url):
    with closing(Ledger(url)) as first, closing(Ledger(url)) as second:
        names = [f"run-{number:02d}" for number in range(20)]
        for name in names:
            create(first, name)
        taken: dict[int, list[str]] = {0: [], 1: []}

        def take(at, ledger):
            while new := claimed(ledger, 1, taken[at]):
                taken[at] += new

        threads = [threading.Thread(target=take, args=each) for each in enumerate((first, second))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(taken[0] + taken[1]) == names


def test_an_interrupted_run_goes_to_whoever_comes_first(url):
    with closing(Ledger(url)) as first, closing(Ledger(url)) as second:
        create(first, "a")
        assert claimed(first) == ["a"]
        assert claimed(second) == []
        first.runs.end("a", RunState.INTERRUPTED, "half")
        assert (second.runs.find("a").state, second.runs.find("a").account) == (RunState.INTERRUPTED, "half")
        assert claimed(second) == ["a"]


def test_the_run_of_a_killed_evaluator_is_claimed_anew(url, monkeypatch):
    monkeypatch.setattr(claims, "LOOK_S", 0.0)
    with closing(Ledger(url)) as heir:
        create(heir, "a")
        with subprocess.Popen([sys.executable, "-c", WORKER, url], stdout=subprocess.PIPE, text=True) as worker:
            assert worker.stdout.readline() == "a\n"
            assert claimed(heir) == []
            worker.send_signal(signal.SIGKILL)
            worker.wait()
        assert claimed(heir) == ["a"]


def test_a_wish_to_cancel_reaches_the_evaluator_that_works_on_the_run(url):
    with closing(Ledger(url)) as worker, closing(Ledger(url)) as other:
        create(worker, "a")
        claimed(worker)
        assert worker.runs.note({"a": "half"}) == {"a": RunState.RUNNING}
        assert other.runs.cancel("a").state == RunState.CANCELLING
        assert worker.runs.note({"a": "more"}) == {"a": RunState.CANCELLING}
        worker.runs.end("a", RunState.INTERRUPTED, "more")
        assert (other.runs.find("a").state, other.runs.find("a").account) == (RunState.CANCELLED, "more")


def test_a_run_whose_evaluator_died_while_it_was_cancelled_is_cancelled(url):
    with closing(Ledger(url)) as heir:
        with closing(Ledger(url)) as worker:
            create(worker, "a")
            claimed(worker)
            worker.runs.cancel("a")
        assert claimed(heir) == []
        assert heir.runs.find("a").state == RunState.CANCELLED


def test_an_evaluator_that_was_taken_for_dead_changes_nothing(url, rows):
    with closing(Ledger(url)) as worker, closing(Ledger(url)) as heir:
        create(worker, "a")
        claimed(worker)
        rows("DELETE FROM claims")
        assert claimed(heir) == ["a"]
        assert worker.runs.note({"a": "stale"}) == {}
        worker.runs.end("a", RunState.DONE, "stale")
        assert (heir.runs.find("a").state, heir.runs.find("a").account) == (RunState.RUNNING, "")
        heir.runs.end("a", RunState.DONE, "fresh")
        worker.runs.end("a", RunState.FAILED, "stale")
        assert (heir.runs.find("a").state, heir.runs.find("a").account) == (RunState.DONE, "fresh")
        assert rows("SELECT * FROM claims") == []


def test_a_note_that_comes_after_the_end_changes_nothing(ledger, rows):
    create(ledger, "a")
    claimed(ledger)
    ledger.runs.end("a", RunState.DONE, "whole")
    assert ledger.runs.note({"a": "half"}) == {"a": RunState.DONE}
    assert ledger.runs.find("a").account == "whole"
    assert rows("SELECT * FROM claims") == []


def test_pages_hold_every_run_once_while_others_are_created(ledger):
    for number in range(7):
        create(ledger, f"run-{number}")
        time.sleep(0.002)
    first = ledger.runs.page(3)
    create(ledger, "late")
    second = ledger.runs.page(9, after=(first[-1].created_at, first[-1].id))
    assert [row.id for row in (*first, *second)] == [f"run-{number}" for number in range(6, -1, -1)]


def test_what_is_not_found_is_said_beside_what_there_is(ledger):
    create(ledger, "a")
    for call in (ledger.runs.find, ledger.runs.cancel):
        with pytest.raises(NotFound, match="the newest are a"):
            call("b")
