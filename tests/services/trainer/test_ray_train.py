"""Two workers of Ray Train over gloo against one process. A minute: the marker keeps it out of the default suite."""

import contextlib
import threading
import time

import psutil
import pytest

from earwitness.desta.checkpoint import load
from earwitness.errors import NotFound
from services.trainer import curve, rows
from services.trainer.session import train
from tests.earwitness.desta.conftest import LLM_WIDTH, make_llm
from tests.services.trainer.conftest import row, settings

pytestmark = [pytest.mark.catalogue, pytest.mark.timeout(600)]

TOLERANCE = 2e-5
"""Relative. Gradients are added up in another order, and AdamW's first steps, which divide by their size, make the most
of the last bits."""


@pytest.fixture(scope="module")
def llm_folder(tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny-llama")
    make_llm("llama").save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def targets(tmp_path):
    folder = tmp_path / "targets"
    folder.mkdir()
    rows.append(folder / "train.jsonl", [row(number % 8, clips=0 if number == 5 else 1) for number in range(16)])
    rows.append(folder / "held_out.jsonl", [row(8), row(9)])
    return folder


@pytest.fixture
def config(llm_folder, whisper_folder):
    def make(**changed):
        usual = dict(llm=str(llm_folder), encoder=str(whisper_folder), num_queries=4, qformer_layers=1, threads=1)
        return settings(**{**usual, "batch_size": 8, "micro_batch_size": 2, "device": "cpu", **changed})

    return make


def test_two_workers_have_the_losses_and_weights_of_one_process(config, targets, corpus, tmp_path, whisper):
    places = {workers: train(config(workers=workers), targets, corpus, tmp_path / str(workers)) for workers in (0, 2)}
    one, two = (curve.read(tmp_path / str(workers) / "curve.jsonl") for workers in (0, 2))
    assert [point.step for point in two] == list(range(10))
    assert two[0].held_out == pytest.approx(one[0].held_out, rel=TOLERANCE)
    for mine, other in zip(one[1:], two[1:], strict=True):
        assert (other.loss, other.gradient_norm) == pytest.approx((mine.loss, mine.gradient_norm), rel=TOLERANCE)
        counted = ("tokens", "read_tokens", "examples", "audio_s", "learning_rate", "epoch")
        assert [getattr(other, name) for name in counted] == [getattr(mine, name) for name in counted]
    first, second = (load(place, whisper.config, LLM_WIDTH)[0].state_dict() for place in places.values())
    for name, tensor in first.items():
        assert (second[name] - tensor).abs().max() < 1e-3, name


def test_a_run_goes_on_with_another_number_of_workers(config, targets, corpus, tmp_path):
    train(config(workers=2), targets, corpus, tmp_path / "run")
    (tmp_path / "run" / "checkpoint" / "config.json").unlink()
    (place,) = (tmp_path / "run" / "checkpoints").iterdir()
    newest = sorted(place.iterdir())[-1]
    for file in newest.iterdir():
        file.unlink()
    newest.rmdir()
    before = curve.read(tmp_path / "run" / "curve.jsonl")
    train(config(workers=0), targets, corpus, tmp_path / "run")
    after = curve.read(tmp_path / "run" / "curve.jsonl")
    assert [point.loss for point in after[1:]] == pytest.approx([point.loss for point in before[1:]], rel=TOLERANCE)
    assert after[:7] == before[:7]


def test_what_a_worker_cannot_do_is_one_error_of_ours(config, targets, corpus, tmp_path):
    rows.append(targets / "train.jsonl", [row(77)])
    (targets / "held_out.jsonl").write_bytes((targets / "train.jsonl").read_bytes())
    with pytest.raises(NotFound) as caught:
        train(config(workers=2), targets, corpus, tmp_path / "run")
    assert "77.wav" in str(caught.value)


def test_workers_that_die_are_started_again_and_go_on_from_the_checkpoint(config, targets, corpus, tmp_path):
    settings = config(workers=2, max_failures=3, steps=40, save_every=4)
    killed: list[int] = []

    def kill_one() -> None:
        for _ in range(3000):
            points = curve.read(tmp_path / "run" / "curve.jsonl")
            if points and points[-1].step >= 6:
                workers = [each for each in psutil.Process().children(recursive=True) if _trains(each)]
                killed.append(workers[0].pid)
                workers[0].kill()
                return
            time.sleep(0.02)

    killer = threading.Thread(target=kill_one)
    killer.start()
    train(settings, targets, corpus, tmp_path / "run")
    killer.join()
    train(config(steps=40, save_every=4), targets, corpus, tmp_path / "whole")
    assert killed
    disturbed, calm = (curve.read(tmp_path / name / "curve.jsonl") for name in ("run", "whole"))
    assert [point.loss for point in disturbed[1:]] == pytest.approx([point.loss for point in calm[1:]], rel=1e-3)


def _trains(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return "RayTrainWorker" in " ".join(process.cmdline())
    return False
