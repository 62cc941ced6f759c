import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from earwitness.errors import InvalidInput, NotFound
from services.evaluator.report import export
from services.evaluator.report.exports import ITEMS, RUNS
from services.evaluator.report.exports.delimited import cell
from services.evaluator.report.exports.latex import escaped as latex_escaped
from services.evaluator.report.exports.markdown import escaped as markdown_escaped
from services.evaluator.report.exports.parquet import ROWS_AT_ONCE
from services.evaluator.report.exports.rows import ITEM_COLUMNS, RUN_COLUMNS, WITHOUT_KNOWN_BAD
from services.evaluator.result import Experiment, items

EVIL = '=cmd|"/C calc"!A1'


def written(sample: Experiment, folder: Path, path: Path, kind: str, *, of_items: bool = False) -> bytes:
    export(sample, folder, kind, path, items=of_items)
    return path.read_bytes()


def table(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def test_a_run_has_a_row_of_its_own_and_one_for_each_group(controlled, folder, tmp_path):
    rows = table(written(controlled, folder, tmp_path / "runs.csv", "csv"))
    totals = [row for row in rows if row["breakdown"] == ""]
    assert len(totals) == len(controlled.results)
    for row, result in zip(totals, controlled.results, strict=True):
        assert (row["backbone"], row["benchmark"], row["setting"]) == (
            result.backbone,
            result.benchmark,
            result.setting,
        )
        assert (row["control"], int(row["sample"]), row["answers"]) == (result.control, result.sample, result.answers)
        outcomes = [int(row[name]) for name in ("correct", "wrong", "unparsed", "truncated", "failed")]
        assert sum(outcomes) == int(row["n"]) == result.total.n
        assert float(row["interval_low"]) < float(row["accuracy"]) < float(row["interval_high"])
        assert float(row["bound_high"]) == pytest.approx((result.total.correct + result.total.unread) / result.total.n)
    groups = [row for row in rows if row["breakdown"] == "task" and row["control"] == "none"]
    assert {row["group"] for row in groups} == {"sound", "music", "speech"}
    assert sum(row["breakdown"] == WITHOUT_KNOWN_BAD for row in rows) == 6


def test_csv_json_and_parquet_say_the_same(two, folder, tmp_path):
    for of_items, columns in ((False, RUN_COLUMNS), (True, ITEM_COLUMNS)):
        as_csv = table(written(two, folder, tmp_path / "a.csv", "csv", of_items=of_items))
        as_json = json.loads(written(two, folder, tmp_path / "a.json", "json", of_items=of_items))
        written(two, folder, tmp_path / "a.parquet", "parquet", of_items=of_items)
        as_parquet = pq.read_table(tmp_path / "a.parquet").to_pylist()
        assert as_json == as_parquet
        assert len(as_csv) == len(as_json)
        assert list(as_csv[0]) == list(as_json[0]) == list(columns)
        assert [row["backbone"] for row in as_csv] == [row["backbone"] for row in as_json]


def test_every_item_of_every_run_is_exported(two, folder, tmp_path):
    rows = json.loads(written(two, folder, tmp_path / "items.json", "json", of_items=True))
    assert len(rows) == sum(len(result.outcomes) for result in two.results)
    first = next(items(folder, two.results[0]))
    assert (rows[0]["id"], rows[0]["choices"], rows[0]["text"]) == (first.id, list(first.choices), first.answer.text)
    assert {row["outcome"] for row in rows} == {"correct", "wrong", "unparsed", "truncated", "failed"}


@pytest.mark.parametrize("kind", RUNS)
def test_the_same_results_give_the_same_bytes(two, folder, tmp_path, kind):
    assert written(two, folder, tmp_path / "a", kind) == written(two, folder, tmp_path / "b", kind)
    if kind in ITEMS:
        first = written(two, folder, tmp_path / "a", kind, of_items=True)
        assert first == written(two, folder, tmp_path / "b", kind, of_items=True)


def test_parquet_comes_in_row_groups(two, folder, tmp_path, monkeypatch):
    monkeypatch.setattr("services.evaluator.report.exports.parquet.ROWS_AT_ONCE", 100)
    written(two, folder, tmp_path / "items.parquet", "parquet", of_items=True)
    found = pq.ParquetFile(tmp_path / "items.parquet").metadata
    assert found.num_row_groups == -(-found.num_rows // 100)
    assert ROWS_AT_ONCE < 10_000


def test_the_types_of_parquet_do_not_depend_on_what_is_there(two, folder, tmp_path):
    empty = replace(two, results=())
    for sample, name in ((two, "full"), (empty, "empty")):
        written(sample, folder, tmp_path / name, "parquet")
    assert pq.read_schema(tmp_path / "full").equals(pq.read_schema(tmp_path / "empty"))


@pytest.mark.parametrize("text", [EVIL, "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "＝1"])
def test_a_spreadsheet_takes_no_text_for_a_formula(text):
    assert cell(text) == f"'{text}"


def test_a_number_stays_one_and_nothing_stays_nothing():
    assert [cell(value) for value in (-1.5, 3, True, None, ["a", "é"])] == [-1.5, 3, "true", "", '["a", "é"]']


def test_evil_names_are_harmless_in_every_format(one, folder, tmp_path):
    evil = replace(one, results=tuple(replace(each, backbone=EVIL) for each in one.results))
    assert {row["backbone"] for row in table(written(evil, folder, tmp_path / "x.csv", "csv"))} == {f"'{EVIL}"}
    assert json.loads(written(evil, folder, tmp_path / "x.json", "json"))[0]["backbone"] == EVIL


def test_markdown_tables_have_as_many_cells_in_each_row(controlled, folder, tmp_path):
    renamed = replace(controlled, results=tuple(replace(each, prompt="a|b\n*c*") for each in controlled.results))
    text = written(renamed, folder, tmp_path / "x.md", "markdown").decode()
    for block in text.split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) <= 1
    assert "**54.2**" in text
    assert markdown_escaped("a|b\n*c* <b>") == "a\\|b \\*c\\* \\<b\\>"


def test_latex_is_balanced_and_every_row_has_its_cells(controlled, folder, tmp_path):
    renamed = replace(
        controlled, results=tuple(replace(each, backbone="a_b & 50% #1 {$x^2~\\") for each in controlled.results)
    )
    text = written(renamed, folder, tmp_path / "x.tex", "latex").decode()
    bare = re.sub(r"\\[{}]", "", text)
    assert bare.count("{") == bare.count("}")
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == text.count(r"\bottomrule") > 3
    for tabular in re.findall(r"\\begin\{tabular\}\{@\{\}([lr]+)@\{\}\}(.*?)\\end\{tabular\}", text, re.DOTALL):
        for row in (line for line in tabular[1].splitlines() if line.endswith(r"\\") and "multicolumn" not in line):
            assert len(re.findall(r"(?<!\\)&", row)) == len(tabular[0]) - 1
    assert latex_escaped("a_b & 50% [x] − – ~\\") == (r"a\_b \& 50\% {[}x{]} $-$ -- \textasciitilde{}\textbackslash{}")


def test_what_cannot_be_exported_is_refused(two, folder, tmp_path):
    with pytest.raises(InvalidInput, match="markdown, csv, json, parquet, latex"):
        export(two, folder, "xlsx", tmp_path / "x")
    with pytest.raises(InvalidInput, match="csv, json, parquet"):
        export(two, folder, "latex", tmp_path / "x", items=True)


def test_a_file_is_whole_or_absent(two, tmp_path):
    with pytest.raises(NotFound):
        export(two, tmp_path / "elsewhere", "csv", tmp_path / "x.csv", items=True)
    assert list(tmp_path.iterdir()) == []
