import argparse
import json

import pytest

from services.evaluator.benchmarks import BENCHMARKS
from services.evaluator.commands import data
from tests.services.evaluator.hub_server import HubServer, serving
from tests.services.evaluator.test_download import archive, mmar_rows


def run(*arguments: str) -> None:
    top = argparse.ArgumentParser()
    data.register(top.add_subparsers(required=True))
    options = top.parse_args(["data", *arguments])
    options.execute(options)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("EARWITNESS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    return tmp_path / "home"


def test_the_list_has_every_benchmark_and_how_to_come_by_its_data(capsys):
    run("list")
    shown = capsys.readouterr().out
    assert all(name in shown for name in BENCHMARKS)
    assert "earwitness data get mmau" in shown


def test_get_puts_the_data_where_a_run_looks_for_it_and_says_what_was_checked(capsys, home, monkeypatch):
    files = {
        "MMAR-meta.json": json.dumps(mmar_rows("a", "b")).encode(),
        "mmar-audio.tar.gz": archive({"audio/a.wav": b"RIFF"}),
    }
    with serving(HubServer(files=files)) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        run("get", "mmar")
    shown = capsys.readouterr().out
    assert "checked against the digests that the hub states: MMAR-meta.json, mmar-audio.tar.gz" in shown
    assert "2 items" in shown
    assert "clips missing, each a failure once it is asked about: 1" in shown
    assert (home / "data" / "mmar" / "audio" / "a.wav").is_file()
    run("list")
    assert str(home / "data" / "mmar") in capsys.readouterr().out


def test_check_says_what_a_folder_holds(capsys, tmp_path):
    (tmp_path / "MMAR-meta.jsonl").write_text(json.dumps(mmar_rows("a")[0] | {"answer": ""}))
    run("check", "mmar", str(tmp_path))
    shown = capsys.readouterr().out
    assert "1 items, 1 of them without an answer" in shown
    assert "SHA-256" in shown
    assert str(tmp_path / "audio" / "a.wav") in shown
