import argparse
import io
import json
from dataclasses import replace

import pytest

from earwitness.errors import InvalidInput
from services.evaluator import result
from services.evaluator.akb import question as questions_of
from services.evaluator.akb.store import Annotations
from services.evaluator.commands import akb
from services.evaluator.items import Answer
from services.evaluator.measurement import measure
from tests.services.evaluator import sample
from tests.services.evaluator.akb.questions import question
from tests.services.evaluator.test_result import DESCRIPTION

SURE = [question(number, verified_by="author", evidence="It is so.") for number in range(4)]
RULED = question(
    9,
    question="Which word rhymes with moon?",
    choices=("June", "moan", "mean", "man"),
    answer="June",
    verified_by="rule",
    evidence='rhymes(word="moon")',
)


@pytest.fixture
def run(capsys, monkeypatch):
    """Runs one command of `earwitness akb`, with lines typed into it; returns what it prints."""
    monkeypatch.setenv("COLUMNS", "160")

    def run(*arguments, typed=""):
        parser = argparse.ArgumentParser()
        akb.register(parser.add_subparsers())
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        options = parser.parse_args(["akb", *map(str, arguments)])
        options.execute(options)
        return capsys.readouterr().out

    return run


@pytest.fixture
def file(tmp_path):
    questions_of.write(tmp_path / "q.jsonl", [*SURE, RULED])
    return tmp_path / "q.jsonl"


def test_the_taxonomy_is_shown(run):
    assert "6 categories, 48 subcategories" in run("taxonomy")


def test_rules_prove_what_they_can_and_refute_what_is_wrong(run, file, tmp_path):
    assert "1 answers proved by rule, 0 refuted, 4 claim no rule" in run("verify", file, "--by-rule")
    questions_of.write(tmp_path / "wrong.jsonl", [replace(RULED, answer="moan")])
    with pytest.raises(InvalidInput, match="1 answers are refuted"):
        run("verify", tmp_path / "wrong.jsonl", "--by-rule")


def test_two_people_verify_in_the_terminal_a_third_adjudicates_and_it_is_released(run, file, tmp_path):
    store = tmp_path / "store.sqlite"
    at = ("verify", file, "--store", store)
    said = run(*at, "--annotator", "ann", typed="a\n" * 5)
    assert "5 of 5 questions are new to the store" in said and "5 verdicts recorded" in said and "<- right" in said
    assert "nothing is left for you" in run(*at, "--annotator", "ann")
    said = run(*at, "--annotator", "bob", typed="r\nI doubt it.\n" + "a\n" * 3 + "s\n")
    assert "4 verdicts recorded" in said
    said = run(*at, "--annotator", "cid", "--adjudicate", typed="e\nBetter?\n\n\n\n\n\nclearer\n")
    assert "bob: reject I doubt it." in said and "1 verdicts recorded" in said
    status = run("verify", "--store", store, "--status")
    assert "1 open, 4 accepted, 0 rejected, 0 disputed" in status
    assert "ann and bob: 4 questions, agree on 75%, Cohen's kappa 0.00" in status
    run("release", "--store", store, "--name", "birds", "--version", "1.0.0", "--out", tmp_path / "birds")
    made = questions_of.read(tmp_path / "birds" / "birds.jsonl")
    assert len(made) == 4 and "Better?" in {each.question for each in made}


def test_a_blind_annotator_does_not_see_the_key_and_answers_first(run, file, tmp_path):
    said = run("verify", file, "--store", tmp_path / "s", "--annotator", "ann", "--blind", typed="z\nB\na\nq\n")
    assert "<- right" not in said and "rhymes(" not in said
    store = Annotations.at(tmp_path / "s")
    (found,) = [said for _, _, annotations in store.everything() for said in annotations]
    store.close()
    assert found.choice in {each.choices[1] for each in [*SURE, RULED]}


def test_the_end_of_the_input_ends_the_verification(run, file, tmp_path):
    assert "2 verdicts recorded" in run("verify", file, "--store", tmp_path / "s", "--annotator", "ann", typed="a\na\n")


@pytest.mark.parametrize(
    ("arguments", "field"),
    [(("verify",), "--store"), (("verify", "--by-rule"), "FILE"), (("verify", "--store", "s"), "--annotator")],
)
def test_what_is_missing_is_named(run, tmp_path, monkeypatch, arguments, field):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInput) as refused:
        run(*arguments)
    assert refused.value.field == field


def test_checks_are_reported_and_written(run, file, tmp_path):
    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps({"text": SURE[0].question}) + "\n")
    said = run("check", file, "--against", other, "--json", tmp_path / "found.json")
    assert "5 questions" in said and "contamination: 1" in said
    assert {each["check"] for each in json.loads((tmp_path / "found.json").read_text())} >= {"contamination"}


def test_versions_are_compared(run, file, tmp_path):
    old, new = tmp_path / "one", tmp_path / "two"
    run("release", file, "--name", "birds", "--version", "1.0.0", "--out", old)
    questions_of.write(file, [*SURE[1:], RULED, question(5, verified_by="author", evidence="It is so.")])
    previous = ("--previous", old / "birds.jsonl")
    run("release", file, "--name", "birds", "--version", "1.1.0", "--out", new, *previous)
    said = run("diff", old / "birds.jsonl", new / "birds.jsonl", "--json", tmp_path / "d.json")
    assert "4 the same, 1 added, 1 removed, 0 changed" in said
    assert "to be asked of a model that has answered the old version: 1" in said
    assert json.loads((tmp_path / "d.json").read_text())["to_ask"] == 1


def test_item_statistics_say_when_there_are_too_few_respondents(run, tmp_path):
    benchmark = sample.benchmark("mini-akb")
    runs = []
    for name, wrong in (("good", 0), ("worse", 12)):
        answers = {
            item.id: Answer(text="nothing" if at < wrong else item.answer or "", finish_reason="stop")
            for at, item in enumerate(benchmark.items)
        }
        runs.append(measure(benchmark, answers, replace(DESCRIPTION, backbone=name), folder=tmp_path))
    result.save(result.Experiment(name="x", results=tuple(runs)), tmp_path)
    said = run("items", tmp_path, "--benchmark", "mini-akb", "--csv", tmp_path / "items.csv")
    assert "120 questions, 2 respondents: good, worse" in said and "too few respondents" in said
    assert len((tmp_path / "items.csv").read_text().splitlines()) == 121
