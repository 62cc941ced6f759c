"""What the clients take and return. Nothing here knows the wire."""

from dataclasses import dataclass
from typing import Literal

from earwitness.conversation import Turn
from earwitness.identity import Identity
from earwitness.sampling import Generation

Sound = bytes | str
"""An encoded file, or the URI at which the service finds one: `file:`, `s3:` or `https:`, as its operator allows."""
ScoreBy = Literal["text", "letter", "both"]
"""What is scored of an option: its text, its letter ("A" for the first), or both in one call."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelInfo:
    """Which model answers, and where."""

    identity: Identity
    version: str
    """The service's release."""
    adapters: tuple[str, ...]
    """The LoRA adapters that the server has at hand."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HeardClip:
    """A clip as a service heard it."""

    transcript: str
    """Words spoken in it, as they were recognised or supplied."""
    audio_sha256: str
    """SHA-256 (hex) of the clip as 16 kHz mono 16-bit samples."""
    seconds: float
    long_audio: Literal["", "refuse", "chunk"] = ""
    """What the server does with a clip that lasts longer than its model hears at once; "" where it does not say."""
    num_parts: int = 1
    """In how many consecutive parts it was heard."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Caption(HeardClip):
    """A clip in words."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """An answer about clips, and the transcripts that the model was given with them."""

    generation: Generation
    transcripts: tuple[str, ...]
    clips: tuple[HeardClip, ...] = ()
    """The clips as they were heard, where the service says so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """How probable a text is as the whole answer."""

    logprob: float
    """Natural log-probability, summed over the tokens."""
    num_tokens: int
    mean_logprob: float


@dataclass(frozen=True, kw_only=True, slots=True)
class LetterScore(Score):
    """How probable an option's letter is as the answer."""

    letter: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ChoiceScore:
    """How probable an option is as the answer, by what was asked for."""

    text: Score | None = None
    letter: LetterScore | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class HeardChoices:
    """The scores of options as the answer about clips, and the clips as they were heard."""

    scores: tuple[ChoiceScore, ...]
    clips: tuple[HeardClip, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class SpokenTurn:
    """One turn of a conversation with clips; `<|AUDIO|>` in the content marks their places."""

    turn: Turn
    clips: tuple[Sound, ...] = ()
    transcripts: tuple[str | None, ...] = ()
    """One per clip, or none at all: None lets the server transcribe, "" says that there is no speech."""
