"""The example of CONTRIBUTING.md does what the page says."""

import json
import re
from pathlib import Path

import pytest

from earwitness.errors import MalformedRow
from services.evaluator.benchmarks import BENCHMARKS, load

PAGE = Path(__file__).parents[4] / "CONTRIBUTING.md"
ROW = {"recording": "xc1", "species": "wren", "lookalikes": ["robin", "dunnock"], "region": "north"}


@pytest.fixture
def example(monkeypatch) -> str:
    section = PAGE.read_text().partition("## A new benchmark")[2]
    code = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert code
    monkeypatch.setattr("services.evaluator.benchmarks.BENCHMARKS", dict(BENCHMARKS))
    exec(compile(code[1], PAGE.name, "exec"), {"__name__": "example"})
    return code[1]


def test_the_example_is_at_most_twenty_lines_of_code(example):
    assert 5 < sum(bool(line.strip()) for line in example.splitlines()) <= 20


def test_the_example_is_a_benchmark(example, tmp_path):
    rows = [ROW, ROW | {"recording": "xc2"}]
    (tmp_path / "birds.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    benchmark = load("birds", tmp_path)
    assert (benchmark.has_audio, benchmark.breakdowns, len(benchmark.items)) == (True, ("region",), 2)
    first = benchmark.items[0]
    assert (first.choices, first.answer) == (("dunnock", "robin", "wren"), "wren")
    assert first.audio == tmp_path / "xc1.flac"


def test_its_malformed_rows_are_refused_by_file_line_and_field(example, tmp_path):
    (tmp_path / "birds.jsonl").write_text(json.dumps(ROW) + "\n" + json.dumps(ROW | {"lookalikes": "robin"}))
    with pytest.raises(MalformedRow) as refusal:
        load("birds", tmp_path)
    assert refusal.value.field == "birds.jsonl:2: lookalikes"


def test_the_example_left_the_registry_as_it_was():
    assert "birds" not in BENCHMARKS
