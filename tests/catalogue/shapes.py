"""The published shapes of the catalogue's open models, as keywords of transformers' configuration classes.

Each is the `config.json` of the model's source; what is left out is the class's default.
"""

from typing import Any


def decoder(
    width: int, layers: int, heads: int, kv_heads: int, mlp: int, vocabulary: int, **rest: Any
) -> dict[str, Any]:
    names = {"hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": heads, "vocab_size": vocabulary}
    return {**names, "num_key_value_heads": kv_heads, "intermediate_size": mlp, "tie_word_embeddings": False, **rest}


QWEN25 = decoder(3584, 28, 28, 4, 18944, 152064)
OLMO3 = ("Olmo3Config", decoder(4096, 32, 32, 32, 11008, 100278))
LLAMA3 = ("LlamaConfig", decoder(4096, 32, 32, 8, 14336, 128256))
LONGROPE = {"rope_type": "longrope", "rope_theta": 10000.0, "partial_rotary_factor": 0.75}
TEXT = {
    "Phi-4-14B": ("Phi3Config", decoder(5120, 40, 40, 10, 17920, 100352, pad_token_id=0)),
    "Qwen3-14B": ("Qwen3Config", decoder(5120, 40, 40, 8, 17408, 151936, head_dim=128)),
    "Qwen3-4B": ("Qwen3Config", decoder(2560, 36, 32, 8, 9728, 151936, head_dim=128, tie_word_embeddings=True)),
    "Qwen2.5-7B": ("Qwen2Config", QWEN25),
    "Qwen3-8B": ("Qwen3Config", decoder(4096, 36, 32, 8, 12288, 151936, head_dim=128)),
    "Llama-3-8B": LLAMA3,
    "Phi-4-mini-4B": (
        "Phi3Config",
        decoder(3072, 32, 24, 8, 8192, 200064, tie_word_embeddings=True, pad_token_id=0, partial_rotary_factor=0.75),
    ),
    "OLMo-3-7B": OLMO3,
    "Llama-3.1-8B": LLAMA3,
    "OLMo-3-7B-DPO": OLMO3,
    "OLMo-3-7B-SFT": OLMO3,
    "Llama-2-7B": ("LlamaConfig", decoder(4096, 32, 32, 32, 11008, 32000)),
}
"""Class and keywords by the catalogue's name."""

QWEN3_MOE = decoder(2048, 48, 32, 4, 768, 152064, moe_intermediate_size=768, head_dim=128)
HEARING: dict[str, tuple[str, dict[str, Any]]] = {
    "Audio-Flamingo-3": ("AudioFlamingo3", {"text_config": {**QWEN25, "vocab_size": 151672, "model_type": "qwen2"}}),
    "Qwen2.5-Omni": (
        "Qwen2_5OmniThinker",
        {"text_config": QWEN25, "vision_config": {"hidden_size": 1280, "intermediate_size": 3420, "depth": 32}},
    ),
    "Omni-captioner": (
        "Qwen3OmniMoeThinker",
        {
            "text_config": {**QWEN3_MOE, "num_experts": 128, "num_experts_per_tok": 8},
            "audio_config": {"output_dim": 2048},
            "vision_config": {"out_hidden_size": 2048},
        },
    ),
    "Whisper-large-v3": (
        "Whisper",
        {
            "d_model": 1280,
            "encoder_layers": 32,
            "decoder_layers": 32,
            "encoder_attention_heads": 20,
            "decoder_attention_heads": 20,
            "encoder_ffn_dim": 5120,
            "decoder_ffn_dim": 5120,
            "num_mel_bins": 128,
            "vocab_size": 51866,
        },
    ),
}
"""What precedes `Config` and `ForConditionalGeneration` in the classes' names, and keywords."""
