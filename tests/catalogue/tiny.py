"""Tiny checkpoints with random weights: an architecture's real configuration and model classes at a width of 128.

Beside them stands a byte-level tokenizer of their own with a chat template. They test everything but the answers.
"""

from pathlib import Path
from typing import Any

from tests.catalogue import shapes

WORDS = """What sound does a dog make? It barks. Which instrument has six strings? The guitar has. A loud animal is
the lion, which roars. An echo is a sound that comes back. The answer is (A) the violin, (B) the drum, (C) rain."""
EOS, CLIP, PAD = "<|im_end|>", "<|clip|>", "<|endoftext|>"
SPECIALS = (PAD, "<|im_start|>", EOS, CLIP, "<|image|>", "<|video|>")
CONTEXT = 512
# ChatML with Qwen3's switch: where thinking is off, the thought stands there already, empty.
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{{ '<|clip|>' if part['type'] == 'audio' else part['text'] }}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
# vLLM's attention on a CPU knows heads of 32 and wider.
SMALL = {
    "hidden_size": 128,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": CONTEXT,
    "initializer_range": 0.2,
    "bos_token_id": None,
    "eos_token_id": SPECIALS.index(EOS),
    "pad_token_id": SPECIALS.index(PAD),
}
"""Replaces a published shape. The wide range of the weights keeps the likeliest token well ahead of the next."""
PECULIAR: dict[str, dict[str, Any]] = {
    "Qwen3-4B": {"head_dim": 32},
    "Qwen3-8B": {"head_dim": 32},
    "Qwen3-14B": {"head_dim": 32},
    # Half the context is the original one, beyond which other factors hold. 24 of a head's 32 places turn.
    "Phi-4-mini-4B": {
        "original_max_position_embeddings": CONTEXT // 2,
        "rope_parameters": {
            "rope_type": "longrope",
            "rope_theta": 10000.0,
            "partial_rotary_factor": 0.75,
            "short_factor": [1.0] * 12,
            "long_factor": [1 + place / 4 for place in range(12)],
        },
    },
    # One layer of four sees everything, the others a window that a prompt of the tests is longer than.
    **{name: {"num_hidden_layers": 4, "sliding_window": 16} for name in shapes.TEXT if name.startswith("OLMo")},
}


def tokenizer(folder: Path) -> Any:
    """Trains a tokenizer on `WORDS` with `SPECIALS` and `TEMPLATE`, saves it in the folder and returns it."""
    return trained(SPECIALS, folder, TEMPLATE, eos=EOS, pad=PAD)


def trained(
    specials: tuple[str, ...], folder: Path, template: str, *, eos: str, pad: str, bos: str | None = None
) -> Any:
    """Trains a tokenizer on `WORDS`, saves it in the folder and returns it. Its alphabet is ASCII, so that no greedy
    text ends within a character.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    alphabet = [letter for letter in pre_tokenizers.ByteLevel.alphabet() if letter.isascii()] + ["Ġ", "Ċ"]
    trainer = trainers.BpeTrainer(
        vocab_size=256, special_tokens=list(specials), initial_alphabet=alphabet, show_progress=False
    )
    core.train_from_iterator([WORDS], trainer)
    ends = {"eos_token": eos, "pad_token": pad} | ({"bos_token": bos} if bos else {})
    made = PreTrainedTokenizerFast(tokenizer_object=core, chat_template=template, **ends)
    made.save_pretrained(folder)
    return made


def text_model(name: str, folder: Path) -> Any:
    """Writes a tiny twin of one of the catalogue's LLMs, always the same, and returns it in float32."""
    import torch
    import transformers

    kind, published = shapes.TEXT[name]
    heads = {"num_key_value_heads": 4 if published["num_key_value_heads"] == published["num_attention_heads"] else 2}
    vocabulary = {"vocab_size": len(tokenizer(folder))}
    config = getattr(transformers, kind)(**published | SMALL | heads | vocabulary | PECULIAR.get(name, {}))
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    model.save_pretrained(folder)
    return model
