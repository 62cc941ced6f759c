import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from earwitness.desta import checkpoint, disk
from earwitness.desta.checkpoint import fingerprint, lineage, load, read_card, read_config, save
from earwitness.desta.connector import Connector
from earwitness.errors import InvalidInput, NotFound, UnknownKey
from tests.earwitness.desta.conftest import LLM_WIDTH, released_config, with_released_defaults


class CrashError(BaseException):
    """Nothing catches it, as nothing catches a power cut."""


@pytest.fixture
def shape(whisper):
    return whisper.config


def make(config, shape, seed):
    torch.manual_seed(seed)
    return Connector(config, shape, LLM_WIDTH)


def same(one, other):
    return fingerprint(one) == fingerprint(other)


def test_a_checkpoint_gives_back_what_was_saved(config, shape, tmp_path):
    connector = make(config, shape, 0)
    digest = save(tmp_path / "step-1", connector, config, {"step": 1, "note": "é"})
    card = read_card(tmp_path / "step-1")
    assert (card.config, card.fingerprint, card.extra) == (config, digest, {"step": 1, "note": "é"})
    assert read_config(tmp_path / "step-1") == config
    loaded = load(tmp_path / "step-1", shape, LLM_WIDTH)[0]
    assert same(loaded, connector)
    assert fingerprint(loaded) == digest
    assert all(parameter.requires_grad for parameter in loaded.parameters())
    assert not loaded.training


def test_a_checkpoint_tells_where_it_comes_from_in_flat_names_and_without_its_settings(config, shape, tmp_path):
    made = {"run": "r1", "step": 7, "data": {"train_rows": "ab", "manifest": ""}, "settings": {"seed": 42}}
    save(tmp_path / "c", make(config, shape, 0), config, {**made, "exported_from": config.to_json()})
    card = read_card(tmp_path / "c")
    assert lineage(card) == {"run": "r1", "step": "7", "data.train_rows": "ab", "data.manifest": ""}


def test_a_checkpoint_may_be_read_by_whom_the_umask_says(config, shape, tmp_path):
    before = os.umask(0o027)
    try:
        save(tmp_path / "c", make(config, shape, 0), config, {})
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "c").iterdir()} == {0o640}


def test_a_checkpoint_holds_only_what_trains(config, shape, tmp_path):
    connector = make(config, shape, 0)
    save(tmp_path / "c", connector, config, {})
    names = set(load_file(tmp_path / "c" / "model.safetensors"))
    assert names == {f"perception.connector.{name}" for name, _ in connector.named_parameters()}
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_the_fingerprint_tells_connectors_apart(config, shape):
    one, two = make(config, shape, 0), make(config, shape, 0)
    assert same(one, two)
    with torch.no_grad():
        two.layer_weights[0, 0] += 1e-6
    assert not same(one, two)


def operations(monkeypatch):
    """Lists what `save` does to the disk, in order, and crashes before the one whose number is set."""
    done, crash_at = [], [None]

    def spy(owner, name):
        original = getattr(owner, name)

        def wrapped(*args, **kwargs):
            if len(done) == crash_at[0]:
                raise CrashError
            done.append(name)
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, wrapped)

    for owner, name in (
        (Path, "mkdir"),
        (Path, "rename"),
        (Path, "write_text"),
        (disk, "write"),
        (disk, "sync"),
        (checkpoint.shutil, "rmtree"),
    ):
        spy(owner, name)
    return done, crash_at


@pytest.mark.parametrize("replaces", [False, True])
def test_a_crash_at_any_moment_leaves_a_checkpoint_whole_or_absent(config, shape, tmp_path, monkeypatch, replaces):
    old, new, newest = (make(config, shape, seed) for seed in range(3))
    crashes = 0
    for moment in range(100):
        folder = tmp_path / str(moment) / "c"
        if replaces:
            save(folder, old, config, {"step": 1})
        with monkeypatch.context() as patch:
            done, crash_at = operations(patch)
            crash_at[0] = moment
            try:
                save(folder, new, config, {"step": 2})
                assert "rename" in done
                break
            except CrashError:
                crashes += 1
        try:
            found = load(folder, shape, LLM_WIDTH)[0]
            assert same(found, new if read_card(folder).extra == {"step": 2} else old)
        except NotFound:
            assert not replaces
        save(folder, newest, config, {"step": 3})
        assert same(load(folder, shape, LLM_WIDTH)[0], newest)
        assert [path.name for path in folder.parent.iterdir()] == ["c"]
    assert crashes >= 8


def test_what_is_not_there_is_not_found_by_its_path(config, shape, tmp_path):
    with pytest.raises(NotFound, match="absent"):
        read_config(tmp_path / "absent")
    save(tmp_path / "c", make(config, shape, 0), config, {})
    (tmp_path / "c" / "model.safetensors").unlink()
    with pytest.raises(NotFound, match=r"c/model\.safetensors"):
        load(tmp_path / "c", shape, LLM_WIDTH)


@pytest.mark.parametrize("damage", [lambda data: data[:-100], lambda data: b"", lambda data: data[:-1] + b"\x7f"])
def test_damaged_tensors_are_refused(config, shape, tmp_path, damage):
    save(tmp_path / "c", make(config, shape, 0), config, {})
    path = tmp_path / "c" / "model.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InvalidInput, match=r"model\.safetensors"):
        load(tmp_path / "c", shape, LLM_WIDTH)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"desta": 1}', '{"desta": {"encoder": "e"}}', "\udcff"])
def test_a_damaged_config_is_refused(config, shape, tmp_path, text):
    save(tmp_path / "c", make(config, shape, 0), config, {})
    (tmp_path / "c" / "config.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(InvalidInput):
        read_config(tmp_path / "c")


def test_a_setting_that_does_not_exist_is_refused(config, shape, tmp_path):
    save(tmp_path / "c", make(config, shape, 0), config, {})
    path = tmp_path / "c" / "config.json"
    card = json.loads(path.read_text())
    card["desta"]["warp"] = 9
    path.write_text(json.dumps(card))
    with pytest.raises(UnknownKey, match="warp"):
        read_config(tmp_path / "c")


def write_released(folder, connector, config, change=lambda tensors: None):
    """A checkpoint as kehanlu/DeSTA2.5-Audio publishes them."""
    folder.mkdir()
    tensors = {f"perception.connector.{name}": tensor.clone() for name, tensor in connector.state_dict().items()}
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(released_config(config))


def test_a_checkpoint_of_the_released_layout_loads(config, shape, tmp_path):
    config = with_released_defaults(config)
    connector = make(config, shape, 0)
    write_released(tmp_path / "c", connector, config)
    found = read_config(tmp_path / "c")
    assert (found.llm, found.qformer_layers, found.num_queries) == (config.llm, 2, 64)
    assert same(load(tmp_path / "c", shape, LLM_WIDTH)[0], connector)


def released_names(num_taps, num_layers):
    """The tensors of DeSTA2.5-Audio's model.safetensors, which holds what trained and nothing else."""
    linear, norm = ("weight", "bias"), ("weight", "bias")
    attention = [f"self.{part}.{end}" for part in ("query", "key", "value") for end in linear]
    output = [f"output.{part}.{end}" for part in ("dense", "LayerNorm") for end in norm]
    layer = [f"{kind}.{name}" for kind in ("attention", "crossattention") for name in (*attention, *output)]
    layer += [*output, *[f"intermediate.dense.{end}" for end in linear]]
    names = [f"layer_prompts.{tap}" for tap in range(num_taps)] + ["layer_weights"]
    names += [f"qformer.layer.{number}.{name}" for number in range(num_layers) for name in layer]
    names += [f"proj.{part}.{end}" for part in (0, 1) for end in linear]
    return {f"perception.connector.{name}" for name in names}


def test_the_tensors_are_named_as_in_the_released_checkpoint(config, shape, tmp_path):
    config = with_released_defaults(config)
    save(tmp_path / "ours", make(config, shape, 0), config, {})
    assert set(load_file(tmp_path / "ours" / "model.safetensors")) == released_names(4, config.qformer_layers)


def test_a_checkpoint_passes_from_the_released_layout_to_ours_and_back(config, shape, tmp_path):
    config = with_released_defaults(config)
    connector = make(config, shape, 0)
    write_released(tmp_path / "released", connector, config)
    theirs = load(tmp_path / "released", shape, LLM_WIDTH)[0]
    digest = save(tmp_path / "ours", theirs, read_config(tmp_path / "released"), {})
    ours = load(tmp_path / "ours", shape, LLM_WIDTH)[0]
    write_released(tmp_path / "again", ours, read_config(tmp_path / "ours"))
    again = load(tmp_path / "again", shape, LLM_WIDTH)[0]
    assert fingerprint(again) == digest == fingerprint(connector)
    first, last = (load_file(tmp_path / name / "model.safetensors") for name in ("released", "again"))
    assert first.keys() == last.keys()
    assert all(torch.equal(first[name], last[name]) for name in first)
    taps = torch.randn(2, 4, 10, shape.d_model, generator=torch.Generator().manual_seed(0))
    assert torch.equal(again(taps), connector.eval()(taps))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda tensors: tensors.pop("perception.connector.layer_prompts.2"), r"missing .*layer_prompts\.2"),
        (lambda tensors: tensors.update(lora=torch.zeros(1)), "unexpected lora"),
        (
            lambda tensors: tensors.update({"perception.connector.proj.1.bias": torch.zeros(3)}),
            r"proj\.1\.bias is of shape \[3\], not \[48\]",
        ),
    ],
)
def test_every_tensor_must_fit_and_the_one_that_does_not_is_named(config, shape, tmp_path, change, fault):
    config = with_released_defaults(config)
    write_released(tmp_path / "c", make(config, shape, 0), config, change)
    with pytest.raises(InvalidInput, match=fault):
        load(tmp_path / "c", shape, LLM_WIDTH)


def test_a_released_model_with_another_connector_is_refused(config, shape, tmp_path):
    write_released(tmp_path / "c", make(config, shape, 0), config)
    path = tmp_path / "c" / "config.json"
    path.write_text(path.read_text().replace("qformer_1", "orca"))
    with pytest.raises(InvalidInput, match="another connector"):
        read_config(tmp_path / "c")
