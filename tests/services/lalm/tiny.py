"""Qwen2-Audio, small and with random weights, as a folder in the hub's layout."""

from pathlib import Path

import transformers
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, WhisperFeatureExtractor

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.content is string %}{{ m.content }}{% else %}"
    "{% for c in m.content %}{% if c.type == 'audio' %}PLACE{% else %}{{ c.text }}{% endif %}{% endfor %}{% endif %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TEXT = {
    "model_type": "qwen2",
    "vocab_size": 400,
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    "initializer_range": 0.2,
}
EARS = {
    "model_type": "qwen2_audio_encoder",
    "d_model": 64,
    "encoder_layers": 2,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 64,
    "num_mel_bins": 80,
    "max_source_positions": 1500,
}


def tokenizer(place: str, *specials: str) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer whose chat template writes `place` where a clip stands."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=380,
        special_tokens=["<|im_start|>", "<|im_end|>", "<|pad|>", *specials],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(["What do you hear? A dog barks at the door, hello there."] * 20, trainer)
    made = PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<|im_end|>", pad_token="<|pad|>")
    made.chat_template = TEMPLATE.replace("PLACE", place)
    return made


def qwen2_audio(folder: Path) -> Path:
    """Writes a model in float32 under the tensor names of the hub, with its processor."""
    words = tokenizer("<|audio_bos|><|AUDIO|><|audio_eos|>", "<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>")
    place = words.convert_tokens_to_ids("<|AUDIO|>")
    config = transformers.Qwen2AudioConfig(audio_config=EARS, text_config=TEXT, audio_token_index=place)
    transformers.Qwen2AudioForConditionalGeneration(config).float().save_pretrained(folder)
    processor = transformers.Qwen2AudioProcessor(WhisperFeatureExtractor(), words, chat_template=words.chat_template)
    processor.save_pretrained(folder)
    file = folder / "model.safetensors"
    # transformers 5.19 writes `model.model` where its own checkpoints, and those on the hub, have `model`.
    tensors = {name.replace(".model.model.", ".model."): tensor for name, tensor in load_file(file).items()}
    save_file(tensors, file, metadata={"format": "pt"})
    return folder
