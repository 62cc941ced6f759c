"""The families of the paper's eight LALMs, tiny and random: each with the special tokens of its own tokenizer and a
chat template in the form of its own, after the models' pages on the hub.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.catalogue import shapes, tiny

CHATML = (
    "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nDEFAULT<|im_end|>\n{% endif %}"
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
QWEN3 = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
PHI4 = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}<|im_sep|>{{ message['content'] }}<|im_end|>"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant<|im_sep|>{% endif %}"
)
PHI4_MINI = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% else %}{{ eos_token }}{% endif %}"
)
LLAMA3 = (
    "{{ bos_token }}{% for message in messages %}<|start_header_id|>{{ message['role'] }}<|end_header_id|>\n\n"
    "{{ message['content'] | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """What tells a family's prompts from another's."""

    specials: tuple[str, ...]
    eos: str
    pad: str
    placeholder: str
    """Fills the slots of clips."""
    template: str
    opening: str
    """What the answer comes after, with thinking off."""
    bos: str | None = None


FAMILIES: dict[str, Family] = {
    "Qwen3-8B": Family(
        specials=("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_pad|>", "<|video_pad|>"),
        eos="<|im_end|>",
        pad="<|endoftext|>",
        placeholder="<|video_pad|>",
        template=QWEN3,
        opening="<|im_start|>assistant\n<think>\n\n</think>\n\n",
    ),
    "Qwen2.5-7B": Family(
        specials=("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_pad|>", "<|video_pad|>"),
        eos="<|im_end|>",
        pad="<|endoftext|>",
        placeholder="<|video_pad|>",
        template=CHATML.replace("DEFAULT", "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."),
        opening="<|im_start|>assistant\n",
    ),
    "Phi-4-14B": Family(
        specials=("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|im_sep|>", "<|dummy_85|>", "<|dummy_86|>"),
        eos="<|im_end|>",
        pad="<|dummy_85|>",
        placeholder="<|dummy_86|>",
        template=PHI4,
        opening="<|im_start|>assistant<|im_sep|>",
    ),
    "Phi-4-mini-4B": Family(
        specials=("<|endoftext|>", "<|assistant|>", "<|end|>", "<|user|>", "<|system|>"),
        eos="<|endoftext|>",
        pad="<|endoftext|>",
        placeholder="<|endoftext|>",
        template=PHI4_MINI,
        opening="<|assistant|>",
    ),
    "OLMo-3-7B": Family(
        specials=("<|extra_id_0|>", "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|pad|>"),
        eos="<|endoftext|>",
        pad="<|pad|>",
        placeholder="<|extra_id_0|>",
        template=CHATML.replace("DEFAULT", "You are a helpful AI assistant."),
        opening="<|im_start|>assistant\n",
    ),
    "Llama-3.1-8B": Family(
        specials=(
            *("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
            *("<|finetune_right_pad_id|>", "<|reserved_special_token_87|>"),
        ),
        eos="<|eot_id|>",
        pad="<|finetune_right_pad_id|>",
        placeholder="<|reserved_special_token_87|>",
        template=LLAMA3,
        opening="<|start_header_id|>assistant<|end_header_id|>\n\n",
        bos="<|begin_of_text|>",
    ),
}


def model(name: str, folder: Path) -> Any:
    """Writes a tiny twin of one of the families' models with its tokenizer, always the same, and returns it."""
    import torch
    import transformers

    family = FAMILIES[name]
    words = tiny.trained(family.specials, folder, family.template, eos=family.eos, pad=family.pad, bos=family.bos)
    ends = {"eos_token_id": words.eos_token_id, "pad_token_id": words.pad_token_id, "vocab_size": len(words)}
    kind, published = shapes.TEXT[name]
    heads = {"num_key_value_heads": 4 if published["num_key_value_heads"] == published["num_attention_heads"] else 2}
    settings = (
        published | tiny.SMALL | heads | tiny.PECULIAR.get(name, {}) | ends | {"bos_token_id": words.bos_token_id}
    )
    torch.manual_seed(0)
    llm = transformers.AutoModelForCausalLM.from_config(getattr(transformers, kind)(**settings), dtype=torch.float32)
    llm.eval().save_pretrained(folder)
    return llm
