"""Rows as examples: prompts and targets in token ids, and what the encoder hears, computed once where it fits.

Heavy: imports torch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from earwitness import audio
from earwitness.desta.encoder import AudioEncoder
from earwitness.desta.model import Batch
from earwitness.desta.splice import Message, Spliced, Splicer
from earwitness.errors import InvalidInput
from services.trainer.rows import Row


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """A row in token ids."""

    prompt: Spliced
    target: tuple[int, ...]
    clips: tuple[Path, ...]


def examples_from(rows: Sequence[Row], folder: Path, splicer: Splicer) -> list[Example]:
    """Tokenises rows whose audio lies below `folder`.

    Raises InvalidInput, with the row, for marks and clips that do not match.
    """
    examples: list[Example] = []
    for row in rows:
        messages = [
            Message(
                role=cast(Any, message.role),
                content=message.content,
                audios=tuple(clip.audio for clip in message.audios),
            )
            for message in row.messages
        ]
        transcripts = [clip.text for message in row.messages for clip in message.audios]
        clips = tuple(folder / clip.audio for message in row.messages for clip in message.audios)
        try:
            prompt = splicer.splice(messages, transcripts)
        except InvalidInput as error:
            raise InvalidInput(error.message, f"row {row.id}: {error.field}", error.remedy) from None
        examples.append(Example(prompt=prompt, target=splicer.target_ids(row.response), clips=clips))
    return examples


class Ears:
    """The encoder's outputs by clip, kept in memory up to a budget."""

    def __init__(self, encoder: AudioEncoder, budget_gib: float) -> None:
        self._encoder = encoder
        self._longest_s = encoder.extractor.n_samples / encoder.extractor.sampling_rate
        self._room = int(budget_gib * 2**30)
        self._kept: dict[Path, Tensor] = {}

    def hear(self, clips: Sequence[Path]) -> Tensor:
        """Returns the tapped layers of clips, of shape `(clips, taps, positions, width)`; empty without clips.

        Raises NotFound, UnreadableAudio or InvalidInput with the path of a clip that is missing, damaged or too long.
        """
        if not clips:
            return torch.empty(0)
        new = [clip for clip in dict.fromkeys(clips) if clip not in self._kept]
        heard = {clip: self._kept[clip] for clip in clips if clip in self._kept}
        for clip in new:
            # Alone: in a batch the last bits depend on the others, and a run that goes on would leave its curve.
            samples = audio.read(clip, max_seconds=self._longest_s).samples
            heard[clip] = self._encoder(self._encoder.features([samples]))[0]
            size = heard[clip].numel() * heard[clip].element_size()
            if size <= self._room:
                self._kept[clip] = heard[clip]
                self._room -= size
        return torch.stack([heard[clip] for clip in clips])


def batch_of(examples: Sequence[Example], ears: Ears) -> Batch:
    """Makes a batch, its clips heard."""
    return Batch(
        prompts=[example.prompt for example in examples],
        targets=[example.target for example in examples],
        taps=ears.hear([clip for example in examples for clip in example.clips]),
    )


def order(num_examples: int, batch_size: int, seed: int) -> Iterator[list[int]]:
    """Yields the indices of batch after batch, without end: every epoch is a new permutation, the same for a seed."""
    epoch = 0
    while True:
        generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
        indices = torch.randperm(num_examples, generator=generator).tolist()
        full = num_examples - num_examples % batch_size or num_examples
        for start in range(0, full, batch_size):
            yield indices[start : start + batch_size]
        epoch += 1
