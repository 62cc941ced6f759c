"""What the LALM service needs of an engine, and the choice of one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from earwitness.audio import Clip
from earwitness.desta.splice import Message
from earwitness.identity import Identity
from earwitness.sampling import Generation, Sampling
from services.lalm.config import LalmConfig

ChoiceScore = tuple[float, int]
"""The summed log-probability of an option, and its number of tokens."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipIn:
    """A clip of at most 30 s to hear; a transcript of None lets the engine transcribe."""

    clip: Clip
    transcript: str | None = None


class ListenEngine(Protocol):
    """Answers conversations that hold clips."""

    identity: Identity

    async def listen(
        self, messages: Sequence[Message], clips: Sequence[ClipIn], sampling: Sampling, *, thinking: bool
    ) -> tuple[Generation, list[str]]:
        """Answers a conversation; returns the transcripts that stood beside the clips too."""
        ...

    async def score(
        self, messages: Sequence[Message], clips: Sequence[ClipIn], choices: Sequence[str]
    ) -> tuple[list[ChoiceScore], list[str]]:
        """Scores each option as the whole answer; returns the transcripts too. Raises InvalidInput where it cannot."""
        ...

    def stop(self) -> None:
        """Frees what the engine holds."""
        ...


def open_engine(config: LalmConfig) -> ListenEngine:
    """Opens the engine that the configuration names."""
    if config.engine == "vllm":
        from services.lalm.whole import VllmListenEngine

        return VllmListenEngine(config)
    if config.engine == "openai":
        from services.lalm.remote import OpenAiListenEngine

        return OpenAiListenEngine(config)
    from services.lalm.desta import DestaEngine

    return DestaEngine(config)
