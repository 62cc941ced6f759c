import math
from dataclasses import replace

import pytest
import torch

from earwitness.desta.checkpoint import fingerprint, load_connector, read_card
from earwitness.errors import EngineFailure, InvalidInput
from services.trainer.curve import Point, read
from services.trainer.examples import Ears
from services.trainer.loop import Data, held_out_loss, learning_rate, train
from tests.services.trainer.conftest import LLM_WIDTH, settings


class KilledError(BaseException):
    """Nothing catches it, as nothing catches a kill."""


def killing_at(step: int):
    def on_step(point: Point) -> None:
        if point.step == step:
            raise KilledError

    return on_step


def losses(folder) -> list[Point]:
    """The curve, without what depends on the machine."""
    return [replace(point, seconds=0.0) for point in read(folder / "curve.jsonl")]


@pytest.fixture
def run(model, data, config, tmp_path):
    def execute(name, settings, on_step=lambda point: None):
        folder = tmp_path / name
        train(model(), data, settings, config, folder, {"note": "é"}, on_step)
        return folder

    return execute


def test_the_loss_falls(run):
    curve = losses(run("fall", settings(steps=40, held_out_every=20, learning_rate=5e-3)))
    assert [point.step for point in curve] == list(range(41))
    first, last = (sum(point.loss for point in part) / 4 for part in (curve[1:5], curve[-4:]))
    assert last < 0.8 * first


def test_a_killed_run_goes_on_with_the_losses_and_the_weights_of_one_that_was_not(run, whisper):
    config = settings()
    whole = run("whole", config)
    for killed_at in (0, 2, 3, 5, 6, 9):
        name = f"killed at {killed_at}"
        with pytest.raises(KilledError):
            run(name, config, killing_at(killed_at))
        told: list[int] = []
        resumed = run(name, config, lambda point: told.append(point.step))  # noqa: B023 (called before the next turn)
        assert told[0] == (max(0, killed_at - 1) // 3 * 3 + 1 if killed_at > 3 else 0)
        assert losses(resumed) == losses(whole)
        cards = [read_card(folder / "checkpoint") for folder in (resumed, whole)]
        assert cards[0] == cards[1]


def test_a_run_that_is_killed_again_and_again_arrives(run):
    config = settings(save_every=2, steps=7)
    whole = run("whole", config)
    for step in (1, 3, 4, 6, 7):
        with pytest.raises(KilledError):
            run("often", config, killing_at(step))
    assert losses(run("often", config)) == losses(whole)


def test_a_finished_run_gives_the_same_checkpoint_when_it_is_started_again(run):
    first = fingerprint_of(run("once", settings()))
    assert fingerprint_of(run("once", settings())) == first


def fingerprint_of(folder) -> str | None:
    return read_card(folder / "checkpoint").fingerprint


def test_the_checkpoint_is_what_was_trained_and_says_how(run, model, whisper, config):
    folder = run("card", settings(steps=3))
    card = read_card(folder / "checkpoint")
    assert card.extra == {"note": "é", "steps": 3}
    assert card.config == config
    trained = load_connector(folder / "checkpoint", whisper.config, LLM_WIDTH)
    assert fingerprint(trained) == card.fingerprint != fingerprint(model().perception.connector)


def test_only_the_connector_learns(model, data, config, tmp_path):
    whole = model()
    before = {name: tensor.clone() for name, tensor in whole.state_dict().items()}
    train(whole, data, settings(steps=3), config, tmp_path, {})
    changed = {name for name, tensor in whole.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed and all(name.startswith("perception.connector.") for name in changed)
    assert any("qformer" in name for name in changed)


def test_the_held_out_loss_is_measured_at_the_start_in_between_and_at_the_end(run):
    curve = losses(run("held", settings(steps=9, held_out_every=4)))
    assert [point.step for point in curve if point.held_out is not None] == [0, 4, 8, 9]
    assert curve[0].loss is None
    assert all(point.tokens > 0 for point in curve[1:])


def test_the_held_out_loss_is_a_mean_over_tokens_without_dropout(model, data):
    whole = model().train()
    examples = [*data.held_out, *data.train]
    ears = Ears(whole.perception.encoder, 1.0)
    by_batch = [held_out_loss(whole, examples, ears, size) for size in (1, 3, 10, 10)]
    assert by_batch == pytest.approx([by_batch[0]] * 4, rel=1e-5)
    assert by_batch[2] == by_batch[3]
    assert whole.perception.connector.training
    assert held_out_loss(whole, [], ears, 4) is None


def test_without_held_out_rows_there_is_no_held_out_loss(model, data, config, tmp_path):
    train(model(), Data(train=data.train, held_out=[]), settings(steps=2), config, tmp_path, {})
    assert all(point.held_out is None for point in losses(tmp_path))


def test_without_rows_there_is_nothing_to_train_on(model, data, config, tmp_path):
    with pytest.raises(InvalidInput, match="no row"):
        train(model(), Data(train=[], held_out=data.held_out), settings(), config, tmp_path, {})


def test_a_loss_that_is_not_finite_ends_the_run_and_names_the_step(model, data, config, tmp_path):
    whole = model()

    def spoil(point: Point) -> None:
        if point.step == 4:
            whole.perception.connector.layer_weights.data.fill_(math.nan)

    with pytest.raises(EngineFailure, match="the loss of step 5 is nan") as caught:
        train(whole, data, settings(), config, tmp_path, {}, spoil)
    assert caught.value.field == "learning_rate"
    assert [point.step for point in losses(tmp_path)] == [0, 1, 2, 3, 4]
    assert not (tmp_path / "checkpoint").exists()


def test_the_learning_rate_warms_up_evenly_and_falls_to_zero_along_a_cosine():
    config = settings(steps=110, warmup_steps=10, learning_rate=1.0)
    rates = [learning_rate(config, step) for step in range(1, 111)]
    assert rates[:10] == pytest.approx([step / 10 for step in range(1, 11)])
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert [rates[34], rates[59], rates[84]] == pytest.approx([0.5 + 2**-1.5, 0.5, 0.5 - 2**-1.5])
    assert rates[-1] == pytest.approx(0.0, abs=1e-12)


def test_without_a_warm_up_the_cosine_begins_at_once():
    config = settings(steps=4, warmup_steps=0, learning_rate=1.0)
    assert [learning_rate(config, step) for step in (2, 4)] == pytest.approx([0.5, 0.0])
