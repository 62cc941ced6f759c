import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import pytest

from earwitness.errors import InvalidInput, NotReady
from services.evaluator.items import Answer
from services.evaluator.ledger import CaptionEntry, Entry, Ledger, Leg

WRITER = """
import sys, time
from services.evaluator.ledger import Ledger
from tests.services.evaluator.ledger.test_store import entry
ledger = Ledger(sys.argv[1])
for number in range(10):
    ledger.record([entry(str(number))])
print("committed", flush=True)
time.sleep(60)
"""


def entry(key: str, text: str = "(A)", error: str = "") -> Entry:
    answer = Answer(
        text=text, finish_reason="error" if error else "stop", error=error, prompt_tokens=3, completion_tokens=1
    )
    return Entry(key=key, benchmark="b", item=f"item {key}", setting="text", backbone="echo", answer=answer)


def caption(key: str, text: str) -> CaptionEntry:
    return CaptionEntry(key=key, captioner="describer", text=text)


def test_what_is_recorded_reads_back_in_the_order_of_the_keys(ledger):
    one, two = entry("1", "(A) naïve ♪"), entry("2", "")
    ledger.record([one, two])
    ledger.record_captions([caption("1", "A bell.")])
    assert ledger.answers(["2", "3", "1"]) == [two.answer, None, one.answer]
    assert ledger.captions(["1", "2"]) == ["A bell.", None]
    assert ledger.count() == (2, 1, 0)


def test_a_key_keeps_its_first_answer_and_its_first_caption(ledger):
    ledger.record([entry("1", "first"), entry("1", "second")])
    ledger.record([entry("1", "third")])
    ledger.record_captions([caption("1", "first"), caption("1", "second")])
    ledger.record_captions([caption("1", "third")])
    assert [answer.text for answer in ledger.answers(["1"])] == ["first"]
    assert ledger.captions(["1"]) == ["first"]
    assert ledger.count() == (1, 1, 0)


def test_a_failure_is_kept_beside_the_answers_and_answers_nothing(ledger, rows):
    ledger.record([entry("1", error="no such file"), entry("2")])
    ledger.record([entry("1", error="again")])
    assert ledger.answers(["1"]) == [None]
    assert ledger.count() == (1, 0, 2)
    failures = rows("SELECT item, error FROM failures ORDER BY id")
    assert failures == [("item 1", "no such file"), ("item 1", "again")]


def test_what_an_answer_cost_and_the_scores_of_its_options_are_kept(ledger, rows):
    scored = replace(entry("1").answer, option_scores=(-0.5, -1.25))
    ledger.record([replace(entry("1"), answer=scored, seconds=1.5, attempts=3)])
    assert ledger.answers(["1"]) == [scored]
    assert rows("SELECT seconds, attempts FROM answers") == [(1.5, 3)]


def test_the_legs_of_a_run_are_kept_and_a_later_note_of_one_takes_its_place(ledger):
    ledger.note_leg(Leg(id="a", run="r", wall_s=1.0, asked=10))
    ledger.note_leg(Leg(id="a", run="r", wall_s=2.0, asked=20))
    ledger.note_leg(Leg(id="b", run="r", wall_s=3.0, asked=5))
    ledger.note_leg(Leg(id="c", run="another"))
    assert sorted((leg.wall_s, leg.asked) for leg in ledger.legs("r")) == [(2.0, 20), (3.0, 5)]


def test_a_ledger_is_there_when_it_is_opened_again(url):
    for _ in range(2):
        opened = Ledger(url)
        opened.record([entry("1")])
        assert opened.count() == (1, 0, 0)
        opened.close()


def test_a_ledger_in_a_file_makes_its_folder(tmp_path):
    Ledger.at(tmp_path / "new" / "folder" / "ledger.sqlite").close()
    assert (tmp_path / "new" / "folder" / "ledger.sqlite").is_file()


def test_threads_that_write_at_once_lose_nothing_and_double_nothing(url):
    ledgers = [Ledger(url) for _ in range(2)]

    def write(thread: int) -> None:
        for number in range(20):
            ledgers[thread % 2].record([entry(f"{thread}-{number}"), entry(f"shared-{number}", f"by {thread}")])

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(write, range(6)))
    assert ledgers[0].count() == (6 * 20 + 20, 0, 0)
    assert ledgers[0].answers(["shared-0"]) == ledgers[1].answers(["shared-0"])
    for ledger in ledgers:
        ledger.close()


@pytest.mark.parametrize("attempt", range(3))
def test_many_may_open_a_new_ledger_at_once(url, attempt):
    with ThreadPoolExecutor(8) as threads:
        ledgers = list(threads.map(lambda _: Ledger(url), range(8)))
    ledgers[0].record([entry("1")])
    assert {ledger.count() for ledger in ledgers} == {(1, 0, 0)}
    for ledger in ledgers:
        ledger.close()


def test_what_is_committed_survives_a_kill(url):
    with subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None and writer.stdout.readline() == "committed\n"
        writer.send_signal(signal.SIGKILL)
    with closing(Ledger(url)) as ledger:
        assert ledger.answers([str(number) for number in range(10)]) == [entry("1").answer] * 10


def refused(open_it) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        open_it()
    assert caught.value.field == "ledger"
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_place_that_cannot_be_written_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_bytes(b"this is no database, though it is as long as the header of one would be" * 20)
    assert "file" in refused(lambda: Ledger.at(tmp_path / "file" / "ledger.sqlite")).message
    assert "not a database" in refused(lambda: Ledger.at(tmp_path / "file")).message
    assert "unable to open" in refused(lambda: Ledger.at(tmp_path)).message
    assert "unable to open" in refused(lambda: Ledger(f"sqlite:///{tmp_path}/missing/ledger.sqlite")).message


@pytest.mark.parametrize("url", ["ledger.sqlite", "nonsense://x", "mysql+nothing://u:secret@h/d"])
def test_a_url_that_is_none_is_a_clear_error_that_keeps_its_password(url):
    assert "secret" not in str(refused(lambda: Ledger(url)))


def test_a_database_that_fails_is_a_clear_error(ledger, rows):
    rows("DROP TABLE answers")
    for use in (lambda: ledger.record([entry("1")]), lambda: ledger.answers(["1"]), ledger.count):
        with pytest.raises(NotReady, match=r"no such table|does not exist") as caught:
            use()
        assert "\n" not in str(caught.value)


def test_a_batch_is_recorded_whole_or_not_at_all(ledger, rows):
    rows("DROP TABLE failures")
    with pytest.raises(NotReady):
        ledger.record([entry("1"), entry("2", error="no")])
    assert ledger.answers(["1"]) == [None]
