from pathlib import Path

import pytest
import torch

from earwitness.desta import checkpoint
from earwitness.desta.checkpoint import fingerprint
from earwitness.desta.connector import Connector
from services.trainer import state as module
from services.trainer.state import TrainState
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
    return lambda folder: TrainState(folder, config, whisper.config, LLM_WIDTH)


def moments(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    return [value["exp_avg"] for value in optimizer.state.values()]


def same(one, other) -> bool:
    (connector, optimizer), (another, its) = one, other
    alike = [torch.equal(a, b) for a, b in zip(moments(optimizer), moments(its), strict=True)]
    return all(alike) and fingerprint(connector) == fingerprint(another)


def test_there_is_nothing_to_resume_before_anything_is_saved(make, open_state, tmp_path):
    one, untouched = make(0), make(0)
    assert open_state(tmp_path / "state").resume(*one) == 0
    assert same(one, untouched)


def test_the_newest_state_comes_back_whole_and_alone(make, open_state, tmp_path):
    state = open_state(tmp_path / "state")
    for seed, step in enumerate((9, 10, 100)):
        state.save(step, *make(seed))
    other = make(7)
    assert open_state(tmp_path / "state").resume(*other) == 100
    assert same(other, make(2))
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["step-00000100"]


def test_a_resumed_connector_still_trains(make, open_state, tmp_path):
    state = open_state(tmp_path / "state")
    state.save(1, *make(0))
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
    spy(checkpoint, "save_file")
    spy(module.torch, "save")
    spy(module.os, "fsync")
    spy(module.shutil, "rmtree")
    return done, crash_at


def test_a_crash_at_any_moment_leaves_the_old_state_or_the_new_one(make, open_state, tmp_path, monkeypatch):
    old, new, newest = make(0), make(1), make(2)
    crashes = 0
    for moment in range(100):
        state = open_state(tmp_path / str(moment))
        state.save(1, *old)
        with monkeypatch.context() as patch:
            done, crash_at = operations(patch)
            crash_at[0] = moment
            try:
                state.save(2, *new)
                assert {"save", "rename", "rmtree"} <= set(done)
                break
            except CrashError:
                crashes += 1
        found = make(7)
        assert same(found, {1: old, 2: new}[state.resume(*found)])
        state.save(3, *newest)
        assert (state.resume(*found), same(found, newest)) == (3, True)
        assert [path.name for path in (tmp_path / str(moment)).iterdir()] == ["step-00000003"]
    assert crashes >= 8
