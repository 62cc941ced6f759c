import hashlib
import urllib.request
from dataclasses import replace

import pytest

from earwitness import models
from earwitness.config import convert
from earwitness.desta.checkpoint import read_card
from earwitness.desta.config import LoraConfig
from earwitness.errors import NotFound
from services.trainer import rows
from services.trainer.config import EvaluateConfig, recipe
from services.trainer.curve import read
from services.trainer.evaluation import free_port
from services.trainer.lineage import lineage_of
from services.trainer.progress import StepBar
from services.trainer.session import Job, models_of, train, tree_of
from tests.earwitness.desta.conftest import make_llm
from tests.services.trainer.conftest import row, settings


@pytest.fixture(scope="session")
def llm_folder(tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny-llama")
    make_llm("llama").save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def config(llm_folder, whisper_folder):
    return settings(
        llm=str(llm_folder), encoder=str(whisper_folder), num_queries=4, qformer_layers=1, steps=4, threads=1
    )


@pytest.fixture
def targets(tmp_path):
    folder = tmp_path / "targets"
    folder.mkdir()
    rows.append(folder / "train.jsonl", [row(number) for number in range(8)])
    rows.append(folder / "held_out.jsonl", [row(8)])
    return folder


def test_rows_and_clips_become_a_checkpoint_with_its_origin(config, targets, corpus, tmp_path, capsys, llm_folder):
    place = train(config, targets, corpus, tmp_path / "lalm")
    card = read_card(place)
    digest = hashlib.sha256((targets / "train.jsonl").read_bytes()).hexdigest()
    assert (card.extra["data"]["train_rows"], card.extra["step"]) == (digest, 4)
    assert card.extra["settings"] == recipe(config)
    assert card.extra["weights"]["llm"] == models.fingerprint(llm_folder)
    assert set(card.extra["code"]) == {"earwitness", "sha256", "python", "torch", "transformers"}
    assert (card.config.llm, card.config.encoder) == (config.llm, config.encoder)
    assert (card.config.num_queries, card.config.qformer_layers, card.config.dtype) == (4, 1, "float32")
    assert [point.step for point in read(tmp_path / "lalm" / "curve.jsonl")] == [0, 1, 2, 3, 4]
    assert "4/4" in capsys.readouterr().out


def test_a_finished_training_is_not_done_again_but_one_of_other_settings_is(config, targets, corpus, tmp_path):
    place = train(config, targets, corpus, tmp_path / "lalm")
    made = (place / "config.json").stat().st_mtime_ns
    assert train(config, targets, corpus, tmp_path / "lalm") == place
    assert (place / "config.json").stat().st_mtime_ns == made
    train(replace(config, learning_rate=config.learning_rate * 2), targets, corpus, tmp_path / "lalm")
    assert (place / "config.json").stat().st_mtime_ns > made


def test_the_same_seed_gives_the_same_model_and_another_one_another(config, targets, corpus, tmp_path, llm_folder):
    seeds = {"one": 42, "again": 42, "other": 43}
    fingerprints = {}
    for name, seed in seeds.items():
        changed = settings(
            llm=config.llm, encoder=config.encoder, num_queries=4, qformer_layers=1, steps=2, threads=1, seed=seed
        )
        fingerprints[name] = read_card(train(changed, targets, corpus, tmp_path / name)).fingerprint
    assert fingerprints["one"] == fingerprints["again"] != fingerprints["other"]


def test_a_run_serves_its_metrics_while_it_goes_on(config, targets, corpus, tmp_path, monkeypatch):
    seen: list[str] = []
    show = StepBar.show

    def look(bar, point):
        show(bar, point)
        if point.step == 3:  # what is told of a step stands there at the next
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                seen.append(answer.read().decode())

    monkeypatch.setattr(StepBar, "show", look)
    port = free_port()
    train(replace(config, metrics_port=port), targets, corpus, tmp_path / "lalm")
    (text,) = seen
    assert "earwitness_trainer_step 2.0" in text and "earwitness_trainer_model_flops_utilization_ratio" in text


def test_without_rows_there_is_nothing_to_do(config, tmp_path, corpus):
    with pytest.raises(NotFound, match=r"train\.jsonl"):
        train(config, tmp_path, corpus, tmp_path / "lalm")


def test_a_job_reaches_another_process_as_it_is(config, targets, corpus, tmp_path):
    evaluate = EvaluateConfig(benchmarks=("mini-mmau",))
    changed = replace(config, evaluate=evaluate, lora=LoraConfig(rank=2), metrics_port=0)
    card = lineage_of(changed, targets, corpus, models_of(changed)).card()
    job = Job(config=changed, rows_folder=targets, audio_folder=corpus, out=tmp_path, card=card)
    assert convert(Job, tree_of(job)) == job
