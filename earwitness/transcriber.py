"""The Transcriber: which words a clip holds, by Whisper, if silero-vad finds speech in it at all.

Captions and audio models both read its transcripts, the second as DeSTA2.5-Audio does
(https://github.com/kehanlu/DeSTA2.5-Audio): no transcript without speech, greedy decoding, at most 128 new tokens. It
knows nothing of where clips come from, nor of clips longer than Whisper's window: the caller cuts those.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from earwitness.audio import SAMPLE_RATE, Clip
from earwitness.errors import InvalidInput, NotFound

WINDOW_SECONDS = 30.0
"""What Whisper hears at once; shorter clips are padded with silence (https://arxiv.org/abs/2212.04356, section 2.2)."""
BATCH = 8
"""Clips per call of Whisper. Each is padded to the window, so larger batches gain a CPU nothing but memory traffic."""
MAX_NEW_TOKENS = 128


@dataclass(frozen=True, kw_only=True, slots=True)
class Transcript:
    """What is said in one clip."""

    text: str
    """Stripped; "" where there is no speech, and where Whisper makes out no word."""
    speech_seconds: float
    """How long someone speaks, pauses under 0.1 s included."""
    language: str | None = None
    """Whisper's code, such as "en": given, detected, or the only one that the model knows. None without speech."""

    @property
    def speech(self) -> bool:
        """Whether anyone speaks."""
        return self.speech_seconds > 0


def join(parts: Sequence[Transcript]) -> Transcript:
    """Returns the transcript of a clip from those of its consecutive parts; the language is that of most speech."""
    longest = max(parts, key=lambda part: part.speech_seconds, default=None)
    return Transcript(
        text=" ".join(part.text for part in parts if part.text),
        speech_seconds=sum(part.speech_seconds for part in parts),
        language=longest.language if longest else None,
    )


class Transcriber:
    """A loaded Whisper and its voice activity detector. One thread at a time may use it: the detector has a state."""

    def __init__(
        self,
        folder: Path,
        *,
        dtype: Literal["float32", "bfloat16", "float16"] = "float32",
        device: str = "cpu",
        num_threads: int | None = None,
        language: str | None = None,
    ) -> None:
        """Loads the Whisper in `folder`, whose generation_config.json rules decoding; `earwitness.models` finds it.

        Args:
            folder: any Whisper checkpoint in Hugging Face's layout, English-only or multilingual.
            dtype: of Whisper's weights and activations; transcripts are repeatable across batch sizes in float32 only.
            device: where Whisper runs, as torch spells it; voice activity detection stays on the CPU.
            num_threads: torch's threads for work on the CPU, a setting of the whole process; None leaves it alone.
            language: what multilingual models expect to hear, such as "en"; None detects it clip by clip.

        Raises:
            NotFound: the folder holds no model.
            InvalidInput: the model is no Whisper, or does not know `language`.
        """
        import torch

        self._whisper, self._features, self._tokenizer = _load(folder, dtype)
        self._whisper.to(device)
        self._language_of = _languages(self._whisper.generation_config)
        if language and language not in self._language_of.values():
            known = ", ".join(sorted(self._language_of.values()))
            raise InvalidInput(f"{folder} does not know {language!r}", "language", f"it knows {known}")
        self._language = language
        self._num_threads = num_threads or torch.get_num_threads()
        self._detector = _load_detector()
        torch.set_num_threads(self._num_threads)  # importing silero_vad sets 1

    def transcribe(self, clips: Sequence[Clip]) -> list[Transcript]:
        """Returns the transcript of each clip, in order; Whisper runs for those with speech, in batches of at most 8.

        Raises:
            InvalidInput: a clip is longer than Whisper's 30 s window.
        """
        import torch

        for clip in clips:
            if clip.seconds > WINDOW_SECONDS:
                message = f"lasts {clip.seconds:.1f} s, and Whisper hears {WINDOW_SECONDS:g} s at once"
                raise InvalidInput(message, "audio", "cut it into shorter clips")
        if torch.get_num_threads() != self._num_threads:  # torch keeps the setting per thread
            torch.set_num_threads(self._num_threads)
        seconds = [self._speech_seconds(clip) for clip in clips]
        # Clips with as much speech as each other finish decoding together.
        spoken = sorted((i for i in range(len(clips)) if seconds[i]), key=seconds.__getitem__)
        heard: dict[int, tuple[str, str]] = {}
        for start in range(0, len(spoken), BATCH):
            batch = spoken[start : start + BATCH]
            heard.update(zip(batch, self._hear([clips[i] for i in batch]), strict=True))
        silence = ("", None)
        return [
            Transcript(text=text, speech_seconds=seconds[i], language=language)
            for i, (text, language) in enumerate(heard.get(i, silence) for i in range(len(clips)))
        ]

    def _speech_seconds(self, clip: Clip) -> float:
        import torch
        from silero_vad import get_speech_timestamps

        stretches = get_speech_timestamps(torch.tensor(clip.samples), self._detector, sampling_rate=SAMPLE_RATE)
        return sum(stretch["end"] - stretch["start"] for stretch in stretches) / SAMPLE_RATE

    def _hear(self, clips: list[Clip]) -> list[tuple[str, str]]:
        """Returns the text and language of each of at most 8 clips of speech."""
        import torch

        whisper = self._whisper
        inputs = self._features(
            [clip.samples for clip in clips],
            sampling_rate=SAMPLE_RATE,
            return_attention_mask=True,
            return_tensors="pt",
        ).to(whisper.device, whisper.dtype)
        with torch.inference_mode():
            encoded = whisper.get_encoder()(inputs.input_features)
            languages, options = self._expect(encoded, len(clips))
            tokens = whisper.generate(
                inputs.input_features, attention_mask=inputs.attention_mask, encoder_outputs=encoded, **options
            )
        texts: list[str] = self._tokenizer.batch_decode(tokens, skip_special_tokens=True)
        return [(text.strip(), language) for text, language in zip(texts, languages, strict=True)]

    def _expect(self, encoded: Any, num_clips: int) -> tuple[list[str], dict[str, Any]]:
        """Returns the language of each encoded clip, and the options that make Whisper write it down."""
        if len(self._language_of) == 1:
            return [*self._language_of.values()] * num_clips, {}
        languages = (
            [self._language] * num_clips
            if self._language
            else [self._language_of[token] for token in self._whisper.detect_language(encoder_outputs=encoded).tolist()]
        )
        return languages, {"language": languages, "task": "transcribe"}


def _load(folder: Path, dtype: str) -> tuple[Any, Any, Any]:
    """Returns Whisper ready for greedy decoding, its feature extractor and its tokenizer."""
    import torch
    from transformers import AutoConfig, AutoTokenizer, WhisperFeatureExtractor, WhisperForConditionalGeneration

    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        if config.model_type != "whisper":
            remedy = "name a Whisper checkpoint, such as openai/whisper-tiny.en"
            raise InvalidInput(f"{folder} is a {config.model_type} model", "whisper", remedy)
        features = WhisperFeatureExtractor.from_pretrained(folder)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        whisper: Any = WhisperForConditionalGeneration.from_pretrained(folder, dtype=getattr(torch, dtype))
    except (OSError, ValueError) as error:  # transformers raises both for a folder without a model
        remedy = "check that the folder holds a Whisper checkpoint"
        raise NotFound(f"cannot load {folder}: {error}", "whisper", remedy) from error
    # The options stand in the config since generate() warns of each that is passed beside it. Whisper adds its prompt's
    # length to max_length; with max_new_tokens, transformers 5.19 warns of a clash with its own default on every call.
    whisper.generation_config.update(
        max_length=MAX_NEW_TOKENS, max_new_tokens=None, do_sample=False, num_beams=1, return_timestamps=False
    )
    return whisper.eval(), features, tokenizer


def _languages(generation_config: Any) -> dict[int, str]:
    """Returns the code of each language token; an English-only model has one, under -1."""
    if not getattr(generation_config, "is_multilingual", hasattr(generation_config, "lang_to_id")):
        return {-1: "en"}
    return {token: name.strip("<|>") for name, token in generation_config.lang_to_id.items()}


def _load_detector() -> Any:
    """Returns silero-vad's TorchScript model: its ONNX twin would need onnxruntime besides torch."""
    import warnings

    from silero_vad import load_silero_vad

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch.jit.load: the package ships nothing newer
        return load_silero_vad(onnx=False)
