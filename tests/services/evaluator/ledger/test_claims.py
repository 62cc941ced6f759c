import signal
import subprocess
import sys
import time
from contextlib import closing

from services.evaluator.ledger import BUSY, MINE, CaptionEntry, Ledger, claims
from tests.services.evaluator.ledger.test_store import entry

HOLDER = """
import sys, time
from services.evaluator.ledger import MINE, Ledger
ledger = Ledger(sys.argv[1])
assert ledger.answer_or_claim(["1", "2"]) == [MINE, MINE]
print("claimed", flush=True)
time.sleep(60)
"""


def test_a_key_is_claimed_once_until_its_answer_is_there(url):
    with closing(Ledger(url)) as first, closing(Ledger(url)) as second:
        assert first.answer_or_claim(["1", "2"]) == [MINE, MINE]
        assert second.answer_or_claim(["2", "3", "1"]) == [BUSY, MINE, BUSY]
        first.record([entry("1")])
        assert second.answer_or_claim(["1", "2"]) == [entry("1").answer, BUSY]


def test_one_evaluator_may_claim_a_key_again(ledger):
    assert ledger.answer_or_claim(["1"]) == ledger.answer_or_claim(["1", "1"])[:1] == [MINE]


def test_a_failure_and_a_release_end_a_claim(url):
    with closing(Ledger(url)) as first, closing(Ledger(url)) as second:
        first.answer_or_claim(["1", "2"])
        first.record([entry("1", error="refused")])
        first.release(["2"])
        assert second.answer_or_claim(["1", "2"]) == [MINE, MINE]


def test_captions_are_claimed_alike(url):
    with closing(Ledger(url)) as first, closing(Ledger(url)) as second:
        assert first.caption_or_claim(["1"]) == [MINE]
        assert second.caption_or_claim(["1"]) == [BUSY]
        first.record_captions([CaptionEntry(key="1", captioner="c", text="A bell.")])
        assert second.caption_or_claim(["1"]) == ["A bell."]


def test_no_claim_is_left_when_its_answer_is_there_or_its_owner_has_left(url, rows):
    with closing(Ledger(url)) as ledger:
        ledger.answer_or_claim(["1", "2"])
        ledger.record([entry("1")])
        assert rows("SELECT key FROM claims") == [("2",)]
    assert rows("SELECT * FROM claims") == rows("SELECT * FROM owners") == []


def test_the_claims_of_a_killed_process_of_this_machine_end_at_once(url):
    with subprocess.Popen([sys.executable, "-c", HOLDER, url], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "claimed\n"
        with closing(Ledger(url)) as heir:
            assert heir.answer_or_claim(["1"]) == [BUSY]
            holder.send_signal(signal.SIGKILL)
            holder.wait()
            time.sleep(claims.LOOK_S)
            assert heir.answer_or_claim(["1", "2"]) == [MINE, MINE]


def test_the_claims_of_another_machine_end_when_it_has_been_silent(url, rows, monkeypatch):
    monkeypatch.setattr(claims, "LOOK_S", 0.0)
    with closing(Ledger(url)) as here:
        there = "elsewhere/1/1.00/x"
        rows(f"INSERT INTO claims VALUES ('1', '{there}')")
        here.answer_or_claim(["2"])  # tells the time by the database's clock
        rows(f"INSERT INTO owners SELECT '{there}', MAX(seen_at) FROM owners")
        assert here.answer_or_claim(["1"]) == [BUSY]
        rows(f"UPDATE owners SET seen_at = seen_at - {claims.LEASE_S} - 1 WHERE owner = '{there}'")
        assert here.answer_or_claim(["1"]) == [MINE]


def test_a_heart_keeps_a_busy_owner_alive(url, rows, monkeypatch):
    monkeypatch.setattr(claims, "BEAT_S", 0.05)
    with closing(Ledger(url)) as ledger:
        ledger.answer_or_claim(["1"])
        first = rows("SELECT seen_at FROM owners")
        time.sleep(0.3)
        assert rows("SELECT seen_at FROM owners") > first


def test_evaluators_that_race_for_the_same_keys_share_them_out(url):
    import threading

    keys = [f"{number:03d}" for number in range(200)]
    got: list[list[str]] = [[], [], []]

    def take(who: int, ledger: Ledger) -> None:
        for start in range(0, len(keys), 20):
            part = keys[start : start + 20][:: 1 if who % 2 else -1]
            found = ledger.answer_or_claim(part)
            got[who] += [key for key, state in zip(part, found, strict=True) if state is MINE]

    ledgers = [Ledger(url) for _ in got]
    threads = [threading.Thread(target=take, args=(who, ledger)) for who, ledger in enumerate(ledgers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(key for part in got for key in part) == keys
    for ledger in ledgers:
        ledger.close()
