"""A recogniser's hearing of a clip: Whisper tiny.en, greedy. It says whether the words are intelligible."""

import re
from pathlib import Path
from typing import Any

from tools.mini_mmau.clips import SAMPLE_RATE, Samples

PROMPT = [50257, 50362]
"""<|startoftranscript|><|notimestamps|> of Whisper's English-only vocabulary."""
END = 50256
MAX_TOKENS = 80


class Recogniser:
    """A Whisper model from a folder in the layout of `transformers`."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoTokenizer, WhisperFeatureExtractor, WhisperForConditionalGeneration

        self._model: Any = WhisperForConditionalGeneration.from_pretrained(folder).eval()
        self._features: Any = WhisperFeatureExtractor.from_pretrained(folder)
        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder)

    def transcribe(self, samples: Samples) -> str:
        """Returns the words heard in samples at 16 kHz, at most 30 s of them."""
        import torch

        features = self._features(samples, sampling_rate=SAMPLE_RATE, return_tensors="pt").input_features
        with torch.inference_mode():
            encoded = self._model.model.encoder(features)
            ids = list(PROMPT)
            while len(ids) < MAX_TOKENS:
                scores = self._model(encoder_outputs=encoded, decoder_input_ids=torch.tensor([ids])).logits[0, -1]
                if (best := int(scores.argmax())) == END:
                    break
                ids.append(best)
        return self._tokenizer.decode(ids[len(PROMPT) :]).strip()


def heard(transcript: str, by_choice: dict[str, list[str]]) -> str | None:
    """Returns the choice with the most words of which all are in the transcript, in their order; None if none or tied.

    Where one choice's words are a part of another's, as in "how often is the word said", the longer one is right.
    """
    found = sorted((len(words), choice) for choice, words in by_choice.items() if _in_order(words, transcript))
    tied = len(found) > 1 and found[-1][0] == found[-2][0]
    return found[-1][1] if found and not tied else None


def _in_order(words: list[str], transcript: str) -> bool:
    rest = iter(re.findall(r"[\w']+", transcript.lower()))
    return all(word in rest for word in words)
