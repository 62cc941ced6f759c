import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from earwitness.desta.encoder import AudioEncoder
from earwitness.errors import InvalidInput, NotFound
from tests.earwitness.desta.conftest import noise


def test_taps_are_the_hidden_states_of_the_encoder_and_the_last_is_not_normed(encoder, whisper):
    features = encoder.features([noise(1), noise(2, seed=1)])
    taps = encoder(features)
    with torch.no_grad():
        expected = whisper.model.encoder(features, output_hidden_states=True)
    assert taps.shape == (2, 4, 1500, 32)
    for tap in range(3):
        assert torch.equal(taps[:, tap], expected.hidden_states[tap + 1])
    assert not torch.allclose(taps[:, 3], expected.last_hidden_state, atol=0.1)
    assert torch.equal(encoder.encoder.layer_norm(taps[:, 3]), expected.last_hidden_state)


def test_only_the_tapped_layers_come_back(config, encoder):
    features = encoder.features([noise(1)])
    some = AudioEncoder.load(replace(config, tapped_layers=(0, 2)))
    assert torch.equal(some(features), encoder(features)[:, [0, 2]])


def test_a_batch_is_heard_as_its_clips_are(encoder):
    clips = [noise(1), noise(30, seed=1), noise(0.01, seed=2)]
    batch = encoder(encoder.features(clips))
    for index, clip in enumerate(clips):
        assert torch.allclose(batch[index], encoder(encoder.features([clip]))[0], atol=1e-5)


def test_features_are_of_thirty_seconds_whatever_the_duration(encoder):
    assert encoder.features([noise(0.01), noise(30)]).shape == (2, 80, 3000)
    assert encoder.features([]).shape == (0, 80, 3000)


def test_a_clip_over_thirty_seconds_is_refused_and_never_cut(encoder):
    with pytest.raises(InvalidInput, match=r"audios\[1\]: lasts 30.50 s") as caught:
        encoder.features([noise(1), noise(30.5)])
    assert caught.value.remedy
    with pytest.raises(InvalidInput):
        encoder.features([np.zeros(480_001, np.float32)])


@pytest.mark.parametrize(
    "clip",
    [np.zeros(0, np.float32), np.zeros((2, 100), np.float32), np.full(100, np.nan, np.float32)],
    ids=["empty", "stereo", "not finite"],
)
def test_what_is_no_clip_is_refused(encoder, clip):
    with pytest.raises(InvalidInput, match=r"audios\[0\]"):
        encoder.features([clip])


def test_features_of_another_length_are_refused(encoder):
    with pytest.raises(InvalidInput, match="2999"):
        encoder(torch.zeros(1, 80, 2999))


def test_the_encoder_is_frozen_and_stays_in_evaluation_mode(encoder):
    encoder.train()
    assert not any(module.training for module in encoder.modules())
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    assert not encoder(encoder.features([noise(1)])).requires_grad


def test_the_encoder_works_in_the_dtype_of_the_settings(config):
    encoder = AudioEncoder.load(replace(config, dtype="bfloat16"))
    assert encoder(encoder.features([noise(1)])).dtype == torch.bfloat16


def test_a_model_that_does_not_exist_is_not_found(config, tmp_path):
    with pytest.raises(NotFound, match="nothing"):
        AudioEncoder.load(replace(config, encoder=str(tmp_path / "nothing")))


def test_a_model_without_all_encoder_weights_is_refused(config, whisper_folder, tmp_path):
    folder = tmp_path / "part"
    shutil.copytree(whisper_folder, folder)
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.encoder.layers.2.fc1.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InvalidInput, match=r"layers\.2\.fc1\.weight"):
        AudioEncoder.load(replace(config, encoder=str(folder)))
