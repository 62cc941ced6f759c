import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from earwitness.desta.checkpoint import fingerprint, load, read_card
from earwitness.desta.config import LoraConfig
from earwitness.desta.connector import Connector
from earwitness.desta.model import DestaModel, Perception
from earwitness.errors import EngineFailure, InvalidInput
from services.trainer.curve import Point, read
from services.trainer.learner import Trainer
from services.trainer.loop import Data, train
from services.trainer.schedule import MOST_SKIPPED
from services.trainer.world import World
from tests.services.trainer.conftest import LLM_WIDTH, make_llm, settings


class KilledError(BaseException):
    """Nothing catches it, as nothing catches a kill."""


def killing_at(step: int):
    def on_step(point: Point) -> None:
        if point.step == step:
            raise KilledError

    return on_step


def losses(folder) -> list[Point]:
    """The curve, without what depends on the machine."""
    return [point.learned for point in read(folder / "curve.jsonl")]


@pytest.fixture
def run(model, data, config, tmp_path):
    def execute(name, settings, on_step=lambda point: None):
        folder = tmp_path / name
        train(model(), data, settings, config, folder, {"note": "é"}, on_step)
        return folder

    return execute


def test_the_loss_falls(run):
    curve = losses(run("fall", settings(steps=24, held_out_every=24, save_every=24, learning_rate=1e-2)))
    assert [point.step for point in curve] == list(range(25))
    first, last = (sum(point.loss for point in part) / 4 for part in (curve[1:5], curve[-4:]))
    assert last < 0.8 * first


def test_a_killed_run_goes_on_with_the_losses_and_the_weights_of_one_that_was_not(run, whisper):
    config = settings()
    whole = run("whole", config)
    for killed_at in (0, 3, 5, 9):
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
    for step in (1, 4, 7):
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
    assert card.extra == {"note": "é", "step": 3}
    assert card.config == config
    trained = load(folder / "checkpoint", whisper.config, LLM_WIDTH)[0]
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


def test_the_held_out_loss_is_a_mean_over_tokens_without_dropout(model, data, tmp_path):
    def held_out(size: int) -> float:
        whole, config = Data(train=data.train, held_out=[*data.held_out, *data.train]), settings(micro_batch_size=size)
        trainer = Trainer(model(), whole, config, World(), cache=tmp_path, of={})
        found = trainer.held_out()
        assert trainer.model.perception.connector.training
        return found

    by_batch = [held_out(size) for size in (1, 3, 10, 10)]
    assert by_batch == pytest.approx([by_batch[0]] * 4, rel=1e-5)
    assert by_batch[2] == by_batch[3]


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

    with pytest.raises(EngineFailure, match="at step 5 the loss is nan") as caught:
        train(whole, data, settings(), config, tmp_path, {}, spoil)
    assert caught.value.field == "learning_rate"
    assert [point.step for point in losses(tmp_path)] == [0, 1, 2, 3, 4]
    assert not (tmp_path / "checkpoint").exists()


def spoiling(whole, steps: range):
    """Makes the loss of some steps not finite."""
    weights = whole.perception.connector.layer_weights

    def on_step(point: Point) -> None:
        if point.step + 1 in steps:
            kept.setdefault("weights", weights.data.clone())
            weights.data.fill_(math.nan)
        elif "weights" in kept:
            weights.data.copy_(kept.pop("weights"))

    kept: dict[str, torch.Tensor] = {}
    return on_step


def test_a_bad_step_is_skipped_where_the_settings_say_so_and_changes_nothing(model, data, config, tmp_path):
    whole = model()
    train(whole, data, settings(on_bad_step="skip"), config, tmp_path, {}, spoiling(whole, range(4, 6)))
    points = losses(tmp_path)
    assert [point.step for point in points if point.skipped] == [4, 5]
    assert [points[step].loss for step in (4, 5)] == [None, None]
    assert "nan" in points[4].skipped
    assert all(math.isfinite(point.loss) for point in points[6:])
    assert all(torch.isfinite(parameter).all() for parameter in whole.trainable())


def test_a_run_that_only_skips_ends(model, data, config, tmp_path):
    whole = model()
    changed = settings(on_bad_step="skip", steps=30)
    with pytest.raises(EngineFailure, match=f"after {MOST_SKIPPED - 1} bad steps"):
        train(whole, data, changed, config, tmp_path, {}, spoiling(whole, range(4, 31)))


def test_a_batch_in_passes_has_the_loss_and_the_gradient_of_one_at_once(model, data, tmp_path):
    def first(size: int) -> Point:
        whole = model().eval()
        trainer = Trainer(whole, data, settings(batch_size=8, micro_batch_size=size), World(), cache=tmp_path, of={})
        whole.perception.connector.eval()  # the masks of dropout are those of the passes
        return trainer.step(1)

    once, passes = first(8), first(3)
    assert (passes.loss, passes.gradient_norm) == pytest.approx((once.loss, once.gradient_norm), rel=1e-4)
    assert (passes.tokens, passes.examples, passes.read_tokens) == (once.tokens, 8, once.read_tokens)


def test_gradients_are_clipped_together_and_what_they_were_is_told(model, data, tmp_path):
    trainer = Trainer(model(), data, settings(clip_norm=1e-3), World(), cache=tmp_path, of={})
    point = trainer.step(1)
    norms = torch.stack([parameter.grad.norm() for parameter in trainer.trained if parameter.grad is not None])
    assert norms.norm().item() == pytest.approx(1e-3, rel=1e-3)
    assert point.gradient_norm > 1e-2


def test_layers_that_compute_again_change_no_loss(run):
    plain, again = (run(f"{on}", settings(steps=3, gradient_checkpointing=on)) for on in (False, True))
    for one, other in zip(losses(plain)[1:], losses(again)[1:], strict=True):
        assert (other.loss, other.gradient_norm) == pytest.approx((one.loss, one.gradient_norm), rel=1e-4)


def test_a_step_says_what_it_took(run):
    points = read(run("took", settings(steps=4)) / "curve.jsonl")
    assert points[0].seconds == 0.0
    for point in points[1:]:
        assert point.read_tokens > point.tokens > 0
        assert (point.examples, point.audio_s) == (4, 4.0)
        assert point.flops > 0 and 0 < point.mfu < 1
        assert point.learning_rate >= 0 and point.gradient_norm > 0
    assert [point.epoch for point in points[1:]] == [0, 0, 1, 1]
    assert sum(point.encoded for point in points[1:]) == 8


def test_a_run_of_another_name_begins_anew_and_one_of_the_same_goes_on(model, data, config, tmp_path):
    told: list[int] = []
    for name in ("a", "b", "a"):
        told.clear()
        train(model(), data, settings(), config, tmp_path, {"run": name}, lambda point: told.append(point.step))
    assert told == []
    assert {path.name for path in (tmp_path / "checkpoints").iterdir()} == {"a", "b"}


def test_bfloat16_trains_a_connector_in_float32(config, data, encoder, tmp_path):
    half = encoder.to(torch.bfloat16)
    torch.manual_seed(2)
    connector = Connector(config, half.encoder.config, LLM_WIDTH)
    whole = DestaModel(Perception(half, connector, torch.bfloat16), make_llm("llama").bfloat16())
    train(whole, data, settings(steps=2, dtype="bfloat16"), config, tmp_path, {})
    assert {parameter.dtype for parameter in whole.trainable()} == {torch.float32}
    assert all(math.isfinite(point.loss) for point in losses(tmp_path)[1:])


def test_a_killed_run_with_adapters_goes_on_as_one_that_was_not(config, data, encoder, tmp_path):
    lora = LoraConfig(rank=4)

    def run(name: str, on_step=lambda point: None) -> Path:
        desta = replace(config, lora=lora)
        torch.manual_seed(2)
        connector = Connector(desta, encoder.encoder.config, LLM_WIDTH)
        whole = DestaModel(Perception(encoder, connector, torch.float32), make_llm("llama"), lora)
        return train(whole, data, settings(steps=5, lora=lora), desta, tmp_path / name, {}, on_step)

    whole = run("whole")
    with pytest.raises(KilledError):
        run("killed", killing_at(4))
    assert read_card(run("killed")).fingerprint == read_card(whole).fingerprint
    assert losses(tmp_path / "killed") == losses(tmp_path / "whole")
    assert load(whole, encoder.encoder.config, LLM_WIDTH)[1]
