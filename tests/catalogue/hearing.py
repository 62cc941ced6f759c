"""Tiny checkpoints of models that hear: as `tests.catalogue.tiny`, with an encoder of width 64 in front."""

import json
from pathlib import Path
from typing import Any

from tests.catalogue.tiny import CLIP, SMALL, SPECIALS, tokenizer

CONTEXT = 2048
MEL_BINS = 128
TEXT = {**SMALL, "max_position_embeddings": CONTEXT, "tie_word_embeddings": False}
ENCODER = {"encoder_layers": 2, "encoder_attention_heads": 4, "encoder_ffn_dim": 128, "d_model": 64}
OMNI_AUDIO = {**ENCODER, "num_mel_bins": MEL_BINS, "output_dim": 128, "n_window": 50}
OMNI_VISION = {"hidden_size": 64, "intermediate_size": 64, "depth": 2, "num_heads": 4, "out_hidden_size": 128}
PLACES = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 6, 6]}


def audio_flamingo(folder: Path) -> Any:
    """Writes a tiny Audio Flamingo 3 with its processor, and returns it."""
    import transformers

    words = tokenizer(folder)
    features = transformers.WhisperFeatureExtractor(feature_size=MEL_BINS, return_attention_mask=True)
    transformers.AudioFlamingo3Processor(
        features, words, chat_template=words.chat_template, audio_token=CLIP, max_audio_len=60
    ).save_pretrained(folder)
    encoder = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = transformers.AudioFlamingo3Config(
        audio_config={"num_mel_bins": MEL_BINS, **encoder},
        text_config={**TEXT, "model_type": "qwen2", "vocab_size": len(words)},
        audio_token_id=SPECIALS.index(CLIP),
        eos_token_id=TEXT["eos_token_id"],
    )
    # A seed whose weights let the clip change the whole answer.
    return _written(transformers.AudioFlamingo3ForConditionalGeneration, config, folder, _flamingo_name, seed=2)


def omni(folder: Path) -> Any:
    """Writes a tiny Qwen2.5-Omni without its talker, and returns its thinker."""
    import transformers

    text = {**TEXT, "rope_parameters": PLACES}
    config = transformers.Qwen2_5OmniConfig(thinker_config=_thinker(folder, text, {}, {}), enable_audio_output=False)
    return _written(transformers.Qwen2_5OmniForConditionalGeneration, config, folder).thinker


def omni_moe(folder: Path) -> Any:
    """Writes a tiny Qwen3-Omni without its talker, as the captioner is, and returns its thinker."""
    import transformers

    experts = {"moe_intermediate_size": 32, "num_experts": 4, "num_experts_per_tok": 2, "head_dim": 32}
    text = {**TEXT, **experts, "rope_parameters": {**PLACES, "mrope_interleaved": True}}
    thinker = _thinker(folder, text, {"downsample_hidden_size": 16}, {"deepstack_visual_indexes": [0, 1]})
    config = transformers.Qwen3OmniMoeConfig(thinker_config=thinker, enable_audio_output=False)
    return _written(transformers.Qwen3OmniMoeForConditionalGeneration, config, folder).thinker


def phi_multimodal(folder: Path) -> Any:
    """Writes a tiny Phi-4-multimodal of transformers' own class, and returns it."""
    import transformers

    small = {"hidden_size": 64, "intermediate_size": 64, "num_attention_heads": 4}
    channels = ("nemo_conv_channels", "ext_pw_out_channel", "depthwise_separable_out_channel")
    config = transformers.Phi4MultimodalConfig(
        vocab_size=len(tokenizer(folder)),
        audio_config={
            **small, "num_blocks": 2, "audio_token_id": SPECIALS.index(CLIP), **dict.fromkeys(channels, 64)
        },
        vision_config={**small, "num_hidden_layers": 2, "image_token_id": SPECIALS.index("<|image|>")},
        **TEXT,
    )  # fmt: skip
    return _written(transformers.Phi4MultimodalForCausalLM, config, folder)


def whisper(folder: Path) -> Any:
    """Writes a tiny English-only Whisper with its feature extractor, and returns it."""
    import transformers

    words = tokenizer(folder)
    transformers.WhisperFeatureExtractor(feature_size=MEL_BINS).save_pretrained(folder)
    ends = {"eos_token_id": TEXT["eos_token_id"], "pad_token_id": TEXT["pad_token_id"], "bos_token_id": 1}
    config = transformers.WhisperConfig(
        **ENCODER,
        **ends,
        decoder_layers=2,
        decoder_attention_heads=4,
        decoder_ffn_dim=128,
        num_mel_bins=MEL_BINS,
        vocab_size=len(words) + 1,
        decoder_start_token_id=1,
        init_std=0.2,
    )
    model = _written(transformers.WhisperForConditionalGeneration, config, folder)
    # What lies above the token for "no timestamps" is taken for a time.
    model.generation_config = transformers.GenerationConfig(
        **ends, decoder_start_token_id=1, no_timestamps_token_id=len(words), is_multilingual=False
    )
    model.generation_config.save_pretrained(folder)
    return model


def _thinker(folder: Path, text: dict[str, Any], audio: dict[str, Any], vision: dict[str, Any]) -> dict[str, Any]:
    """Returns the configuration of a thinker, and writes its tokenizer and the settings of its processor."""
    import transformers

    size = len(tokenizer(folder))
    extractor = transformers.WhisperFeatureExtractor(feature_size=MEL_BINS).to_dict()
    processor = {**extractor, "image_processor_type": "Qwen2VLImageProcessor", "patch_size": 14, "merge_size": 2}
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    words = {"audio": CLIP, "image": "<|image|>", "video": "<|video|>"}
    return {
        "audio_config": {**OMNI_AUDIO, **audio},
        "vision_config": {**OMNI_VISION, **vision},
        "text_config": {**text, "vocab_size": size},
        **{f"{kind}_token_id": SPECIALS.index(word) for kind, word in words.items()},
    }


def _written(kind: Any, config: Any, folder: Path, rename: Any = None, seed: int = 0) -> Any:
    """Makes a model, ever the same and writes it; `rename` gives tensors the names that they are published under."""
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(seed)
    model = kind(config).float().eval()
    model.save_pretrained(folder)
    if rename:
        named = {rename(name): tensor.contiguous() for name, tensor in model.state_dict().items()}
        save_file(named, folder / "model.safetensors", {"format": "pt"})
    return model


def _flamingo_name(name: str) -> str:
    """Returns a tensor's name in nvidia/audio-flamingo-3-hf; transformers 5.19 writes one that nobody reads."""
    name = name.removeprefix("model.")
    if name.startswith("lm_head."):
        return f"language_model.{name}"
    return name.replace("language_model.", "language_model.model.", 1)
