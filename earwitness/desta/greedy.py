"""The greedy answer of an LLM to embeddings. Heavy: imports torch and transformers. It knows nothing of clips."""

from itertools import takewhile
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig


@torch.no_grad()
def answers(llm: Any, embeddings: Tensor, mask: Tensor, *, eos: int, max_new_tokens: int) -> list[list[int]]:
    """Returns the likeliest token again and again, without the end token.

    An answer ends at `eos`, the tokenizer's, or at an end token of the LLM's own generation settings.

    Args:
        llm: an `AutoModelForCausalLM`.
        embeddings: of prompts padded on the left, of shape `(batch, length, width)`.
        mask: of shape `(batch, length)`, False at padding.
        eos: the tokenizer's end of sequence.
        max_new_tokens: a longer answer is cut.
    """
    own = llm.generation_config.eos_token_id
    stops = {eos, *(own if isinstance(own, list) else [] if own is None else [own])}
    # A model's own settings would fill in what is left unset, such as Qwen2.5's repetition penalty.
    greedy = GenerationConfig(
        do_sample=False,
        num_beams=1,
        temperature=1.0,
        top_p=1.0,
        repetition_penalty=1.0,
        max_new_tokens=max_new_tokens,
        eos_token_id=sorted(stops),
        pad_token_id=eos,
    )
    mask = mask.to(embeddings.device)
    found = llm.generate(inputs_embeds=embeddings, attention_mask=mask, generation_config=greedy)
    return [list(takewhile(lambda token: token not in stops, answer)) for answer in found.tolist()]
