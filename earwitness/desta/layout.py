"""Prompts with free slots as rectangles of embeddings, and which rows are worth a rectangle of their own.

Heavy: imports torch. It knows nothing of encoders or of any LLM but its table of input embeddings.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from earwitness.desta.splice import Spliced
from earwitness.errors import InvalidInput

IGNORED = -100
"""The label of a position that predicts no token of an answer."""

PASS_TOKENS = 96
"""What one more pass through the LLM costs beside its tokens, in tokens: its weights are read again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """Prompts, with answers or without, as one rectangle. All tensors are on the CPU."""

    ids: Tensor
    """Of shape `(batch, length)`; padding is 0."""
    mask: Tensor
    """Of shape `(batch, length)`: False at padding."""
    labels: Tensor
    """Of shape `(batch, length)`: the answer's ids where they stand, `IGNORED` elsewhere."""
    slots: Tensor
    """Of shape `(clips, 2)`: row and first column of each clip's slot, clips in the order of the prompts."""


def lay_out(prompts: Sequence[Spliced], targets: Sequence[Sequence[int]] = (), *, left: bool = False) -> Layout:
    """Returns the rectangle of the prompts, each followed by its target if there are any, padded on one side."""
    answers = targets or [()] * len(prompts)
    lengths = [len(prompt.ids) + len(answer) for prompt, answer in zip(prompts, answers, strict=True)]
    width = max(lengths)
    ids = torch.zeros(len(prompts), width, dtype=torch.long)
    mask = torch.zeros(len(prompts), width, dtype=torch.bool)
    labels = torch.full((len(prompts), width), IGNORED)
    slots: list[tuple[int, int]] = []
    for row, (prompt, answer, length) in enumerate(zip(prompts, answers, lengths, strict=True)):
        start = width - length if left else 0
        middle, end = start + len(prompt.ids), start + length
        ids[row, start:end] = torch.tensor([*prompt.ids, *answer])
        mask[row, start:end] = True
        labels[row, middle:end] = ids[row, middle:end]
        slots += [(row, start + slot) for slot in prompt.slots]
    return Layout(ids=ids, mask=mask, labels=labels, slots=torch.tensor(slots, dtype=torch.long).view(-1, 2))


def embed(table: nn.Module, layout: Layout, vectors: Tensor | None) -> Tensor:
    """Returns embeddings of shape `(batch, length, width)`, of the dtype of the table: its own, and `vectors` in the
    slots.

    Gradients flow to `vectors`. A server needs no more of the LLM than `table`, its input embeddings.

    Args:
        table: an `nn.Embedding`, or what the LLM has in its place.
        layout: of prompts.
        vectors: the connector's, of shape `(clips, num_queries, width)`, in the order of the slots; None without clips.

    Raises:
        InvalidInput: as many clips as slots are needed.
    """
    num_clips = 0 if vectors is None else len(vectors)
    if num_clips != len(layout.slots):
        raise InvalidInput(f"{num_clips} clips for {len(layout.slots)} slots", "audios")
    device = next(table.parameters()).device
    embeddings: Tensor = table(layout.ids.to(device))
    if vectors is None:
        return embeddings
    rows, starts = layout.slots.to(device).unsqueeze(-1).unbind(dim=1)
    columns = starts + torch.arange(vectors.shape[1], device=device)
    return embeddings.index_put((rows.expand_as(columns), columns), vectors.to(embeddings))


def rectangles(lengths: Sequence[int], pass_tokens: int = PASS_TOKENS) -> list[list[int]]:
    """Returns the rows in groups of like length, so that padding and passes together cost least.

    A batch drawn at random holds long and short rows; padded to the longest, a third of it may be padding. Which rows
    a batch has is left as it is, unlike with buckets of like length. Exact, by dynamic programming over the rows in
    order of length: groups of neighbours suffice.

    Args:
        lengths: of the rows, in tokens.
        pass_tokens: what a group costs beside its tokens.
    """
    rows = sorted(range(len(lengths)), key=lambda row: lengths[row])
    least: list[tuple[int, int]] = [(0, 0)]  # cost of the first rows, and where their last group begins
    for end in range(1, len(rows) + 1):
        width = lengths[rows[end - 1]]
        least.append(min((least[start][0] + (end - start) * width + pass_tokens, start) for start in range(end)))
    groups: list[list[int]] = []
    end = len(rows)
    while end:
        start = least[end][1]
        groups.append(sorted(rows[start:end]))
        end = start
    return groups[::-1]


def common_prefix(prompts: Sequence[Spliced]) -> int:
    """Returns the number of ids that all prompts begin with, before the first slot and the last id of any."""
    longest = min((min((*prompt.slots, len(prompt.ids) - 1)) for prompt in prompts), default=0)
    first = prompts[0].ids if prompts else ()
    for place in range(longest):
        if any(prompt.ids[place] != first[place] for prompt in prompts):
            return place
    return longest


def without_prefix(prompt: Spliced, length: int) -> Spliced:
    """Returns what follows the first `length` ids of a prompt, which reach into no slot."""
    return Spliced(ids=prompt.ids[length:], slots=tuple(slot - length for slot in prompt.slots))
