from dataclasses import replace

import pytest

from earwitness.errors import NotFound
from services.evaluator import scoring
from services.evaluator.measurement import measure
from services.evaluator.rescore import changes, rescore
from services.evaluator.result import Experiment, items
from tests.services.evaluator.test_result import ANSWERS, BENCHMARK, DESCRIPTION


@pytest.fixture
def experiment(tmp_path) -> Experiment:
    flagged = replace(BENCHMARK, known_bad={"2": "no one sings"})
    told = {"1": "A low rumble."}
    return Experiment(name="x", results=(measure(flagged, ANSWERS, DESCRIPTION, folder=tmp_path, captions=told),))


def test_answers_that_are_read_as_before_give_the_same_results_and_the_same_bytes(experiment, tmp_path):
    path = tmp_path / experiment.results[0].answers
    before = path.read_bytes()
    assert rescore(experiment, tmp_path) == experiment
    assert path.read_bytes() == before


def test_answers_are_read_by_the_extractors_of_today(experiment, tmp_path, monkeypatch):
    read = scoring.read
    monkeypatch.setattr(scoring, "read", lambda text, choices: replace(read(text, choices), choice=0))
    (new,) = rescore(experiment, tmp_path).results
    (old,) = experiment.results
    assert (old.outcomes, new.outcomes, changes(old, new)) == ("cf", "wf", 1)
    assert next(iter(items(tmp_path, new))).score.choice == 0


def test_answers_that_are_gone_are_not_found(experiment, tmp_path):
    (tmp_path / experiment.results[0].answers).unlink()
    with pytest.raises(NotFound):
        rescore(experiment, tmp_path)
