import io
import re
import struct

import numpy as np
import pytest

from earwitness.embedded.whisper_tiny_en import _read_variables
from earwitness.errors import InvalidInput

SENTENCE = "My name is Anna and I live in London."


def words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


def text(value: str) -> bytes:
    return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"


def test_variables_are_read_with_their_shapes_and_switches_are_passed_over():
    weight = np.arange(6, dtype=np.float16).reshape(2, 3)
    stream = struct.pack("<I", 6) + text("WhisperSpec") + struct.pack("<II", 3, 2)
    stream += text("switch") + struct.pack("<BBI", 0, 1, 1) + b"\1"
    stream += text("weight") + struct.pack("<BIIBI", 2, 2, 3, 4, 12) + weight.tobytes()
    variables = _read_variables(io.BytesIO(stream))
    assert list(variables) == ["weight"]
    assert np.array_equal(variables["weight"], weight)


def test_another_format_is_refused():
    with pytest.raises(InvalidInput, match=r"model\.bin is a TransformerSpec of format 5"):
        _read_variables(io.BytesIO(struct.pack("<I", 5) + text("TransformerSpec") + struct.pack("<I", 1)))


@pytest.fixture(scope="module")
def heard(whisper_folder):
    """The processor, the model and the features of a spoken sentence."""
    import soxr
    from transformers import WhisperForConditionalGeneration, WhisperProcessor

    from earwitness.speech import synthesise

    processor = WhisperProcessor.from_pretrained(whisper_folder)
    model = WhisperForConditionalGeneration.from_pretrained(whisper_folder)
    samples, rate = synthesise(SENTENCE, sex="female", words_per_minute=150)
    features = processor(soxr.resample(samples, rate, 16_000), sampling_rate=16_000, return_tensors="pt").input_features
    return processor, model, features


@pytest.mark.models
def test_loaders_get_float32_from_float16_files(whisper_folder, heard):
    from safetensors.numpy import load_file

    assert {values.dtype.name for values in load_file(whisper_folder / "model.safetensors").values()} == {"float16"}
    assert str(heard[1].dtype) == "torch.float32"


@pytest.mark.models
def test_speech_is_transcribed_out_of_the_box(heard):
    processor, model, features = heard
    transcript = processor.batch_decode(model.generate(features), skip_special_tokens=True)[0]
    assert words(transcript) == words(SENTENCE)
    assert "<|" not in transcript


@pytest.mark.models
def test_time_stamps_start_at_zero_and_end_with_the_speech(heard):
    processor, model, features = heard
    ids = model.generate(features, return_timestamps=True)[0]
    first, *_, last = re.findall(r"<\|(\d+\.\d+)\|>", processor.tokenizer.decode(ids, decode_with_timestamps=True))
    assert float(first) == 0.0
    assert 2.0 < float(last) < 4.0
