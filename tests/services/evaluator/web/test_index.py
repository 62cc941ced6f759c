import os
import time

import pytest

from earwitness.errors import InvalidInput, NotFound
from services.evaluator import answers
from services.evaluator.result import load
from services.evaluator.web.index import open_index
from services.evaluator.web.selection import Wanted, select
from services.evaluator.web.shelf import Shelf, key_of, set_of
from tests.services.evaluator.web.shelves import always, items, shelve


@pytest.fixture
def path(results):
    return results / load(results).results[0].answers


def test_an_index_finds_what_the_file_holds(path):
    whole, index = list(answers.read(path)), open_index(path)
    assert len(index) == len(whole) == 60
    assert index.read([59, 0, 31]) == [whole[59], whole[0], whole[31]]
    assert index.place_of("q/31") == 31
    names, codes = index.groups["subcategory"]
    assert [names[code] for code in codes] == [item.groups["subcategory"] for item in whole]
    assert [len(set(item.score.votes.values())) > 1 for item in whole] == index.split.tolist()


def test_failures_are_kinds_whatever_their_numbers(path):
    names, codes = open_index(path).errors
    assert names == ["timed out after N s", "out of memory"]
    assert codes[3] == codes[4] != codes[5]
    assert codes[0] == -1


def test_an_index_is_kept_and_another_file_has_another(path, tmp_path):
    first = open_index(path)
    kept = open_index(path)
    assert kept.stamp == first.stamp
    assert kept.offsets.tolist() == first.offsets.tolist()
    assert kept.groups["category"][0] == first.groups["category"][0]
    path.write_bytes(path.read_bytes().split(b"\n")[0] + b"\n")
    assert len(open_index(path, first)) == 1
    next((tmp_path / "home" / "web" / "indexes").glob("*.npz")).write_bytes(b"cut short")
    assert len(open_index(path)) == 1


def test_a_file_that_is_gone_or_no_answers_is_said(path, tmp_path):
    index = open_index(path)
    path.write_text("{}\n")
    os.utime(path, ns=(1, 1))
    with pytest.raises(InvalidInput, match="no answer"):
        open_index(path)
    path.unlink()
    with pytest.raises(NotFound, match="gone"):
        index.read([0])
    with pytest.raises(NotFound, match="gone"):
        open_index(path)


def chosen(results, **query):
    shelf = Shelf([results])
    section = shelf.known().table.sections[0]
    keys = {run.backbone: key_of(run.result) for run in section.runs}
    query = {name.replace("__", "."): keys.get(value, value) for name, value in query.items()}
    return select(shelf, section, Wanted.of(query)).places.tolist()


def test_items_are_chosen_by_outcome_group_and_disagreement(results):
    assert chosen(results) == list(range(60))
    assert chosen(results, outcome="failed") == [3, 4, 5]
    assert chosen(results, outcome="truncated") == [2]
    assert chosen(results, outcome="correct", run="Beta") == list(range(0, 60, 2))
    assert chosen(results, by__category="music", outcome="failed") == [4]
    assert chosen(results, by__category="nobody") == []
    assert chosen(results, error="timed out after N s") == [3, 4]
    assert chosen(results, right="Alpha", missed="Beta") == list(range(7, 60, 2))
    assert 6 in chosen(results, differ="readings", run="Alpha")
    assert chosen(results, differ="readings", run="Beta") == []
    assert chosen(results, differ="systems") == list(range(60))


def test_results_that_come_later_are_found(results, tmp_path):
    shelf = Shelf([results, tmp_path / "out"])
    assert len(shelf.known().runs) == 3
    shelve(tmp_path / "out" / "runs" / "one", {"Delta": always("C")}, items(4), name="other", sha256="cd" * 32)
    assert [set_of(section.first) for section in shelf.known().table.sections] == ["mine-abababab", "other-cdcdcdcd"]
    (tmp_path / "out" / "results.json").write_text("{}")
    known = shelf.known()
    assert len(known.runs) == 4
    assert "these are no results" in known.unreadable[0]


def test_a_hundred_thousand_answers_are_chosen_from_in_a_moment(tmp_path):
    """Measured at 0.03 s when nothing else runs; the bound leaves room for a busy machine."""
    folder = tmp_path / "many"
    line, *_ = [shelve(folder, {"Alpha": always("A")}, items(200))[0]]
    path = folder / line.answers
    whole = path.read_bytes()
    path.write_bytes(whole * 500)
    index = open_index(path)
    assert len(index) == 100_000
    started = time.process_time()
    again = open_index(path)
    assert again.read([99_999])[0].id == "q/199"
    assert time.process_time() - started < 0.5
