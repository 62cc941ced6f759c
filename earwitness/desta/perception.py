"""Encoder and connector together: from samples to vectors for the LLM. Heavy: imports torch and transformers."""

from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from earwitness.desta.config import DestaConfig
from earwitness.desta.connector import Connector
from earwitness.desta.encoder import AudioEncoder


class Perception(nn.Module):
    """Hears clips; the LLM is another's."""

    def __init__(self, encoder: AudioEncoder, connector: Connector, dtype: torch.dtype) -> None:
        super().__init__()
        self.encoder = encoder
        self.connector = connector
        self.dtype = dtype

    @classmethod
    def load(cls, config: DestaConfig, connector: Connector) -> Self:
        """Returns the settings' encoder with a connector, on the CPU; raises as `AudioEncoder.load` does."""
        return cls(AudioEncoder.load(config), connector, getattr(torch, config.dtype))

    def hear(self, clips: Sequence[NDArray[np.float32]]) -> Tensor:
        """Returns the tapped layers of clips, `(clips, taps, positions, width)`; see `AudioEncoder.features`."""
        return self.encoder(self.encoder.features(clips))

    def forward(self, taps: Tensor) -> Tensor:
        """Returns vectors of shape `(clips, num_queries, llm_width)`, computed in the model's dtype (autocast)."""
        with torch.autocast(taps.device.type, self.dtype, enabled=self.dtype != torch.float32):
            return self.connector(taps)
