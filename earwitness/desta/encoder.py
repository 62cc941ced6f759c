"""The ears: a frozen Whisper encoder that gives the raw outputs of its tapped layers.

Heavy: imports torch and transformers. It knows nothing of the connector, the LLM or files of sound.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import gelu
from transformers import WhisperFeatureExtractor, WhisperModel
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from earwitness.desta.config import DestaConfig
from earwitness.errors import InvalidInput, NotFound


class AudioEncoder(nn.Module):
    """A Whisper encoder without its final layer norm, never trained, on the dtype of its own weights.

    It runs the encoder's public submodules in a loop of its own: no hook, so that threads may share it, nothing beyond
    the last tapped layer, and no dependence on how a version of transformers records hidden states.
    """

    def __init__(
        self, encoder: WhisperEncoder, extractor: WhisperFeatureExtractor, tapped_layers: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.encoder = encoder.requires_grad_(False).eval()
        self.extractor = extractor
        self.tapped_layers = tapped_layers

    @classmethod
    def load(cls, config: DestaConfig) -> Self:
        """Returns the encoder that the settings name, on the CPU; the Whisper model's decoder is dropped.

        Raises:
            NotFound: no such model, or it lacks a file.
            InvalidInput: its weights are not those of a Whisper encoder, or it lacks a tapped layer.
        """
        name = config.encoder
        try:
            extractor = WhisperFeatureExtractor.from_pretrained(name)
            loader: Any = WhisperModel
            whisper, loading = loader.from_pretrained(
                name, dtype=getattr(torch, config.dtype), output_loading_info=True
            )
        except OSError as error:
            raise NotFound(f"the Whisper model {name} cannot be loaded: {error}", "encoder") from error
        encoder: WhisperEncoder = whisper.get_encoder()
        if missing := sorted(key for key in loading["missing_keys"] if key.startswith("encoder.")):
            raise InvalidInput(f"{name} lacks {len(missing)} weights of an encoder, first {missing[0]}", "encoder")
        return cls(encoder, extractor, config.resolve_tapped_layers(encoder.config.encoder_layers))

    def train(self, mode: bool = True) -> Self:
        """Stays in evaluation mode whatever `mode` says: the encoder is frozen."""
        return super().train(False)

    def features(self, clips: Sequence[NDArray[np.float32]]) -> Tensor:
        """Returns log-mel features of shape `(clips, mels, frames)`, float32, on the CPU.

        Every clip is padded with silence to what the encoder hears: 30 s, 3000 frames.

        Args:
            clips: mono samples at 16 kHz, each of shape `(samples,)`.

        Raises:
            InvalidInput: a clip is empty, not mono, not finite, or longer than 30 s. It is never cut.
        """
        rate, longest = self.extractor.sampling_rate, self.extractor.n_samples
        for index, clip in enumerate(clips):
            field = f"audios[{index}]"
            if clip.ndim != 1 or not len(clip):
                raise InvalidInput(f"must be samples of one channel, not of shape {clip.shape}", field)
            if len(clip) > longest:
                raise InvalidInput(
                    f"lasts {len(clip) / rate:.2f} s, and the encoder hears {longest / rate:g} s",
                    field,
                    "cut it into parts",
                )
            if not np.isfinite(clip).all():
                raise InvalidInput("holds a sample that is not finite", field)
        if not clips:
            return torch.empty(0, self.encoder.config.num_mel_bins, self.extractor.nb_max_frames)
        return self.extractor(list(clips), sampling_rate=rate, return_tensors="pt")["input_features"]

    @torch.no_grad()
    def forward(self, features: Tensor) -> Tensor:
        """Returns the raw outputs of the tapped layers, of shape `(batch, taps, positions, width)`.

        Args:
            features: what `features` gives, of shape `(batch, mels, frames)`; Whisper's 3000 frames make 1500
                positions.

        Raises:
            InvalidInput: the features are not of the encoder's length.
        """
        encoder: Any = self.encoder
        frames = 2 * encoder.config.max_source_positions
        if features.shape[-1] != frames:
            raise InvalidInput(f"{features.shape[-1]} frames where the encoder hears {frames}", "features")
        weight: Tensor = encoder.conv1.weight
        hidden = gelu(encoder.conv1(features.to(weight.device, weight.dtype)))
        hidden = gelu(encoder.conv2(hidden)).transpose(1, 2) + encoder.embed_positions.weight
        taps: list[Tensor] = []
        for index, layer in enumerate(encoder.layers[: self.tapped_layers[-1] + 1]):
            output = layer(hidden, None)
            hidden = output[0] if isinstance(output, tuple) else output
            if index in self.tapped_layers:
                taps.append(hidden)
        return torch.stack(taps, dim=1)
