import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from earwitness.errors import MalformedRow, NotReady
from services.evaluator.benchmarks import load
from services.evaluator.benchmarks.rows import make_item
from services.evaluator.benchmarks.source import read_json
from services.evaluator.items import Item

MEASURE = """
import resource, sys
from pathlib import Path
import numpy
from services.evaluator.benchmarks import load

def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

before = peak()
items = load("akb", Path(sys.argv[1])).items
assert sum(1 for _ in items) == len(items)
print((peak() - before) * 1024 // len(items))
"""


class Row(msgspec.Struct):
    id: str
    answer: str = "yes"


def item(folder: Path, place: str, row: Row) -> Item:
    return make_item(place, id=row.id, question="?", choices=["yes", "no"], answer=row.answer, groups={})


def lines(folder: Path, *ids: str, ending: str = "\n") -> Path:
    path = folder / "rows.jsonl"
    path.write_bytes("".join(json.dumps({"id": id}) + ending for id in ids).encode())
    return path


def ids(items) -> list[str]:
    return [item.id for item in items]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\n\n  \n"])
def test_items_are_decoded_as_they_are_read_in_order_and_at_any_place(tmp_path, ending):
    reading = read_json(lines(tmp_path, "a", "ü", "c", ending=ending), Row, item)
    assert len(reading.items) == 3
    assert ids(reading.items) == ids(reading.items) == ["a", "ü", "c"]
    assert [reading.items[1].id, reading.items[-1].id] == ["ü", "c"]
    assert ids(reading.items[1:]) == ["ü", "c"]
    with pytest.raises(IndexError):
        reading.items[3]


def test_a_byte_order_mark_before_lines_or_a_list_is_no_part_of_a_row(tmp_path):
    path = lines(tmp_path, "a", "b")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    reading = read_json(path, Row, item)
    assert (ids(reading.items), reading.items[0].id) == (["a", "b"], "a")
    assert reading.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_bytes(b'\xef\xbb\xbf [{"id": "a"}]')
    assert ids(read_json(path, Row, item).items) == ["a"]


def test_a_last_line_without_an_end_is_a_row(tmp_path):
    path = lines(tmp_path, "a", "b")
    path.write_bytes(path.read_bytes().rstrip())
    assert ids(read_json(path, Row, item).items) == ["a", "b"]


def test_a_repeated_id_is_refused_with_both_places_however_far_apart(tmp_path):
    path = lines(tmp_path, *(str(n) for n in range(5000)), "17")
    with pytest.raises(MalformedRow, match=r"already used at rows\.jsonl:18") as refusal:
        read_json(path, Row, item)
    assert refusal.value.field == "rows.jsonl:5001: id"


def test_ids_that_only_share_a_hash_are_both_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("services.evaluator.benchmarks.source.hash", lambda id: 7, raising=False)
    assert ids(read_json(lines(tmp_path, "a", "b"), Row, item).items) == ["a", "b"]


def test_a_row_deep_in_the_file_is_refused_at_loading_by_its_line(tmp_path):
    path = lines(tmp_path, *(str(n) for n in range(100)))
    path.write_bytes(path.read_bytes() + b'{"id": "x", "answer": "maybe"}\n')
    with pytest.raises(MalformedRow) as refusal:
        read_json(path, Row, item)
    assert refusal.value.field == "rows.jsonl:101: answer"


@pytest.mark.parametrize("change", ["append", "touch", "remove"])
def test_a_file_that_changed_since_is_refused_by_name(tmp_path, change):
    path = lines(tmp_path, "a", "b")
    items = read_json(path, Row, item).items
    if change == "append":
        with path.open("ab") as file:
            file.write(b'{"id": "c"}\n')
    elif change == "touch":
        os.utime(path, ns=(1, 1))
    else:
        path.unlink()
    for read in (lambda: next(iter(items)), lambda: items[0]):
        with pytest.raises(NotReady, match=r"rows\.jsonl changed"):
            read()


def test_a_change_while_items_are_being_read_is_noticed(tmp_path):
    path = lines(tmp_path, *(f"{number}" for number in range(100)))
    reading = iter(read_json(path, Row, item).items)
    next(reading)
    os.utime(path, ns=(1, 1))
    with pytest.raises(NotReady):
        list(reading)


def test_memory_grows_by_a_few_bytes_a_row_and_not_by_the_rows(tmp_path):
    """A hundred thousand rows of 280 bytes. Buffers, which do not grow, are 20 of the 100 bytes that each may cost."""
    path = tmp_path / "akb.jsonl"
    with path.open("w") as file:
        for n in range(100_000):
            row = {
                "id": f"item-{n}",
                "question": f"Number {n}? {'x' * 200}",
                "choices": ["one", "two"],
                "answer": "one",
            }
            file.write(json.dumps(row) + "\n")
    measured = subprocess.run([sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True)
    assert int(measured.stdout) <= 100


def test_a_bundled_benchmark_is_lazy_too():
    items = load("mini-akb").items
    assert not isinstance(items, tuple)
    assert items[3] == list(items)[3]
