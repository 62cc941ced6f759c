"""Rows that ask about the same clip as one: what they begin with is read once, and each goes on from there, unseen by
the others.

    trunk:    ... <start_audio> [64 vectors] [transcript] <end_audio>
    branches: Describe the audio. ... answer | Who speaks? ... answer | ...

A mask lets a branch see the trunk and itself, and its positions count on from the trunk's, so that every row has the
loss, and gives the gradient, that it would have alone. Heavy: imports torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from earwitness.desta.layout import IGNORED, Layout
from earwitness.desta.splice import Spliced


@dataclass(frozen=True, kw_only=True, slots=True)
class Tree:
    """Rows about the same clips, or a single row, which is a trunk with one branch."""

    trunk: Spliced
    branches: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
    """What is left of each prompt, and its answer. Beside others, none is left without a word of its prompt."""
    clips: tuple[int, ...]
    """Which clips the slots of the trunk hear."""

    @property
    def length(self) -> int:
        """Tokens in all."""
        return len(self.trunk.ids) + sum(len(rest) + len(answer) for rest, answer in self.branches)


@dataclass(frozen=True, kw_only=True, slots=True)
class Forest:
    """Trees as one rectangle, padded on the right. All tensors are on the CPU."""

    layout: Layout
    positions: Tensor
    """Of shape `(trees, length)`: of each token in its own row."""
    branches: Tensor
    """Of shape `(trees, length)`: 0 for a trunk, 1 and on for its branches."""

    @property
    def plain(self) -> bool:
        """Whether each tree is a row like any other, which no mask is needed for."""
        return not bool((self.branches > 1).any())

    def mask(self, past: int, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Returns what is added to attention scores, of shape `(trees, 1, length, past + length)`."""
        branches = self.branches.to(device)
        own = branches.unsqueeze(2) == branches.unsqueeze(1)
        sees = (own | (branches.unsqueeze(1) == 0)).tril()
        sees = torch.cat([sees.new_ones(*sees.shape[:2], past), sees], dim=2).unsqueeze(1)
        return torch.zeros(sees.shape, dtype=dtype, device=device).masked_fill_(~sees, torch.finfo(dtype).min)


def grow(
    prompts: Sequence[Spliced],
    targets: Sequence[Sequence[int]],
    clips: Sequence[tuple[int, ...]],
    num_queries: int,
    *,
    apart: bool = False,
) -> list[Tree]:
    """Returns the rows as trees, in the order of their first rows.

    Args:
        prompts: the rows'.
        targets: their answers' ids.
        clips: of each row, which clips its slots hear.
        num_queries: positions of a slot.
        apart: leaves each row alone.
    """
    together: dict[tuple[object, ...], list[int]] = {}
    for row, (prompt, heard) in enumerate(zip(prompts, clips, strict=True)):
        last = prompt.slots[-1] + num_queries if prompt.slots else 0
        key = (row,) if apart or not heard else (heard, prompt.ids[:last])
        together.setdefault(key, []).append(row)
    trees: list[Tree] = []
    for rows in together.values():
        first = prompts[rows[0]]
        shared = len(first.ids) if len(rows) == 1 else _shared([prompts[row].ids for row in rows])
        branches = tuple((prompts[row].ids[shared:], tuple(targets[row])) for row in rows)
        trunk = Spliced(ids=first.ids[:shared], slots=first.slots)
        trees.append(Tree(trunk=trunk, branches=branches, clips=clips[rows[0]]))
    return trees


def lay_out(trees: Sequence[Tree]) -> Forest:
    """Returns the rectangle of trees."""
    shape = len(trees), max(tree.length for tree in trees)
    ids, positions, branches = (torch.zeros(shape, dtype=torch.long) for _ in range(3))
    mask, labels = torch.zeros(shape, dtype=torch.bool), torch.full(shape, IGNORED)
    slots: list[tuple[int, int]] = []
    for row, tree in enumerate(trees):
        trunk = len(tree.trunk.ids)
        ids[row, :trunk] = torch.tensor(tree.trunk.ids)
        positions[row, :trunk] = torch.arange(trunk)
        end = trunk
        for number, (rest, answer) in enumerate(tree.branches, start=1):
            start, middle, end = end, end + len(rest), end + len(rest) + len(answer)
            ids[row, start:end] = torch.tensor([*rest, *answer])
            positions[row, start:end] = trunk + torch.arange(end - start)
            branches[row, start:end] = number
            labels[row, middle:end] = ids[row, middle:end]
        mask[row, :end] = True
        slots += [(row, slot) for slot in tree.trunk.slots]
    places = torch.tensor(slots, dtype=torch.long).view(-1, 2)
    layout = Layout(ids=ids, mask=mask, labels=labels, slots=places)
    return Forest(layout=layout, positions=positions, branches=branches)


def _shared(rows: Sequence[tuple[int, ...]]) -> int:
    """Returns the number of ids that all begin with, short of the last of any."""
    longest = min(len(ids) for ids in rows) - 1
    return next((at for at in range(longest) if len({ids[at] for ids in rows}) > 1), longest)
