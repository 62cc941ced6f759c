import os
import shutil
from pathlib import Path

import pytest
import torch

from earwitness.desta import checkpoint, disk
from earwitness.desta.checkpoint import fingerprint
from earwitness.desta.connector import Connector
from earwitness.errors import InvalidInput
from services.trainer.batches import Position
from services.trainer.state import OPTIMIZER, Reached, TrainState, read
from tests.services.trainer.conftest import LLM_WIDTH


class CrashError(BaseException):
    """Nothing catches it, as nothing catches a power cut."""


@pytest.fixture
def make(config, whisper):
    """A connector and its optimizer after one step of its own."""

    def learned(seed: int) -> tuple[Connector, torch.optim.Optimizer]:
        torch.manual_seed(seed)
        connector = Connector(config, whisper.config, LLM_WIDTH)
        optimizer = torch.optim.AdamW(connector.parameters())
        connector(torch.randn(1, 4, 20, 32)).square().mean().backward()
        optimizer.step()
        return connector, optimizer

    return learned


@pytest.fixture
def open_state(config, whisper):
    return lambda folder, **more: TrainState(folder, config, whisper.config, LLM_WIDTH, **more)


def moments(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    return [value["exp_avg"] for value in optimizer.state.values()]


def same(one, other) -> bool:
    (connector, optimizer), (another, its) = one, other
    alike = [torch.equal(a, b) for a, b in zip(moments(optimizer), moments(its), strict=True)]
    return all(alike) and fingerprint(connector) == fingerprint(another)


def save(state: TrainState, step: int, learned, held_out: float | None = None) -> Path:
    """Saves the state after a step."""
    reached = Reached(step=step, next=Position(epoch=0, batch=step), held_out=held_out)
    return state.save(reached, *learned)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_there_is_nothing_to_resume_before_anything_is_saved(make, open_state, tmp_path):
    one, untouched = make(0), make(0)
    assert open_state(tmp_path / "state").resume(*one) == 0
    assert same(one, untouched)


def test_the_newest_state_comes_back_whole_among_the_last_ones(make, open_state, tmp_path):
    state = open_state(tmp_path / "state")
    for seed, step in enumerate((9, 10, 100)):
        save(state, step, make(seed))
    other = make(7)
    assert open_state(tmp_path / "state").resume(*other) == 100
    assert same(other, make(2))
    assert names(tmp_path / "state") == ["step-00000010", "step-00000100"]


def test_the_best_state_by_the_held_out_loss_is_kept_beside_the_last_ones(make, open_state, tmp_path):
    state, learned = open_state(tmp_path / "state"), make(0)
    for step, held_out in enumerate((3.0, 1.0, 2.0, None, 1.5, 1.0, 4.0, 4.0), start=1):
        save(state, step, learned, held_out)
        if step == 5:
            assert names(tmp_path / "state") == ["step-00000002", "step-00000004", "step-00000005"]
    assert names(tmp_path / "state") == ["step-00000006", "step-00000007", "step-00000008"]
    assert state.best() == tmp_path / "state" / "step-00000006"


def test_a_state_is_a_checkpoint_that_can_be_served_and_says_where_it_stands(make, open_state, tmp_path, whisper):
    learned, curve = make(0), tmp_path / "curve.jsonl"
    curve.write_text("{}\n")
    reached = Reached(step=7, next=Position(epoch=1, batch=2), held_out=0.5)
    before = os.umask(0o022)
    place = open_state(tmp_path / "state").save(reached, *learned, {"run": "abc"}, curve=curve)
    os.umask(before)
    assert names(place) == sorted(["config.json", "curve.jsonl", "model.safetensors", OPTIMIZER, "state.json"])
    assert {path.stat().st_mode & 0o777 for path in place.iterdir()} == {0o644}
    assert checkpoint.read_card(place).extra == {"run": "abc", "step": 7}
    assert fingerprint(checkpoint.load(place, whisper.config, LLM_WIDTH)[0]) == fingerprint(learned[0])
    assert read(place) == reached


def test_a_damaged_state_is_named(make, open_state, tmp_path):
    state = open_state(tmp_path / "state")
    place = save(state, 3, make(0))
    whole = (place / OPTIMIZER).read_bytes()
    (place / OPTIMIZER).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InvalidInput, match="damaged") as caught:
        state.resume(*make(1))
    assert caught.value.field == str(place / OPTIMIZER)


def test_a_resumed_connector_still_trains(make, open_state, tmp_path):
    state = open_state(tmp_path / "state")
    save(state, 1, make(0))
    connector, optimizer = make(1)
    connector.train()
    state.resume(connector, optimizer)
    assert connector.training
    assert all(parameter.requires_grad for parameter in connector.parameters())
    assert {id(one) for one in connector.parameters()} == {id(one) for one in optimizer.param_groups[0]["params"]}


def operations(monkeypatch) -> tuple[list[str], list[int | None]]:
    """Lists what `save` does to the disk, in order, and crashes before the one whose number is set."""
    done: list[str] = []
    crash_at: list[int | None] = [None]

    def spy(owner, name):
        original = getattr(owner, name)

        def wrapped(*args, **kwargs):
            if len(done) == crash_at[0]:
                raise CrashError
            done.append(name)
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, wrapped)

    spy(Path, "rename")
    spy(Path, "write_text")
    spy(disk, "write")
    spy(disk, "sync")
    spy(shutil, "rmtree")
    return done, crash_at


def test_a_crash_at_any_moment_leaves_the_old_state_or_the_new_one(make, open_state, tmp_path, monkeypatch):
    old, new, newest = make(0), make(1), make(2)
    crashes = 0
    for moment in range(100):
        state = open_state(tmp_path / str(moment), keep_last=1)
        save(state, 1, old)
        with monkeypatch.context() as patch:
            done, crash_at = operations(patch)
            crash_at[0] = moment
            try:
                save(state, 2, new)
                assert {"write", "rename", "rmtree"} <= set(done)
                break
            except CrashError:
                crashes += 1
        found = make(7)
        assert same(found, {1: old, 2: new}[state.resume(*found)])
        save(state, 3, newest)
        assert (state.resume(*found), same(found, newest)) == (3, True)
        assert names(tmp_path / str(moment)) == ["step-00000003"]
    assert crashes >= 8
