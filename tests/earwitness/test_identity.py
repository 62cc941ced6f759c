import pytest

from earwitness.identity import Identity, identify


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("EARWITNESS_HOME", str(tmp_path / "home"))
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def fingerprint(folder, model="org/tiny@rev", **changes):
    known = {"engine": "vllm 1", "dtype": "float32", "context_tokens": 4096} | changes
    return identify(model, folder, **known).fingerprint


def test_the_same_model_run_the_same_way_is_the_same_wherever_it_lies(folder, tmp_path):
    before = fingerprint(folder)
    assert len(before) == 64
    assert fingerprint(folder.rename(tmp_path / "moved"), "moved") == before


@pytest.mark.parametrize(
    "change",
    [{"engine": "vllm 2"}, {"dtype": "bfloat16"}, {"context_tokens": 2048}, {"quantization": "fp8"}, {"adapter": "a"}],
)
def test_whatever_can_change_an_answer_changes_the_fingerprint(folder, change):
    assert fingerprint(folder, **change) != fingerprint(folder)


def test_changed_weights_change_the_fingerprint(folder):
    before = identify("tiny", folder, engine="e", dtype="d")
    (folder / "model.safetensors").write_bytes(b"WEIGHTS")
    after = identify("tiny", folder, engine="e", dtype="d")
    assert after.fingerprint != before.fingerprint
    assert after.weights != before.weights


def test_the_same_weights_run_otherwise_share_their_digest(folder):
    one = identify("tiny", folder, engine="vllm", dtype="float32")
    other = identify("tiny", folder, engine="desta", dtype="float32", connector="abc")
    assert one.weights == other.weights
    assert one.fingerprint != other.fingerprint


def test_a_part_that_is_empty_is_no_part_and_their_order_is_no_matter(folder):
    assert fingerprint(folder, quantization="") == fingerprint(folder)
    assert fingerprint(folder, a="1", b="2") == fingerprint(folder, b="2", a="1")
    assert fingerprint(folder, a="1") != fingerprint(folder, b="1")


def test_a_folder_is_called_by_its_name_and_a_hub_id_as_it_was_asked_for(folder):
    assert identify(str(folder), folder, engine="e", dtype="d").model == "tiny"
    known = identify("org/tiny@rev", folder, engine="e", dtype="d", context_tokens=7)
    assert known == Identity(
        model="org/tiny@rev",
        fingerprint=known.fingerprint,
        engine="e",
        dtype="d",
        context_tokens=7,
        weights=known.weights,
    )
