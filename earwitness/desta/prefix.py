"""What a frozen LLM makes of the words before a clip, computed once.

Prompts begin alike: the template's opening, the system's message. Nothing that trains comes before the first clip, and
attention never looks ahead, so that keys and values of this prefix are the same at every step, and no gradient flows to
them. Heavy: imports torch and transformers. It knows nothing of clips.
"""

import copy
from typing import Any

import torch
from transformers import DynamicCache

KEPT = 8
"""Prefixes kept; a corpus has a system message or two."""


class Prefixes:
    """The keys and values of prefixes, for one LLM whose weights do not change. Not for threads."""

    def __init__(self, llm: Any) -> None:
        self._llm = llm
        self._kept: dict[tuple[int, ...], Any] = {}

    def after(self, ids: tuple[int, ...], num_rows: int) -> Any:
        """Returns a cache of its own for each call, with the prefix in each of `num_rows` rows."""
        device = self._llm.get_input_embeddings().weight.device
        if ids not in self._kept or self._kept[ids][0] != device:
            if len(self._kept) >= KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[ids] = (device, self._read(ids, device))
        cache = copy.deepcopy(self._kept[ids][1])
        cache.batch_repeat_interleave(num_rows)
        return cache

    def _read(self, ids: tuple[int, ...], device: torch.device) -> Any:
        cache = DynamicCache(config=self._llm.config)
        # Tensors made in inference mode could never stand in a graph.
        with torch.inference_mode(False), torch.no_grad():
            tokens = torch.tensor([ids], device=device)
            self._llm.get_decoder()(input_ids=tokens, past_key_values=cache, use_cache=True)
        return cache
