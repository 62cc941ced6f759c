"""How a service hears: a request's audio as a clip, and a clip that is longer than its model hears at once in parts, or
not at all.

Nothing is ever cut short: the policy stands in the configuration, and in every answer.
"""

from typing import Literal

from earwitness.audio import SAMPLE_RATE, Clip
from earwitness.errors import InvalidInput
from earwitness.media import Media, Sources
from earwitness.v1 import audio_pb2
from earwitness.wire import info_to

LongAudio = Literal["refuse", "chunk"]
"""What becomes of a clip that is longer than the model hears at once: refused, or heard in consecutive parts."""
WINDOW_SECONDS = 30.0
"""What Whisper and the models built on it hear at once (https://arxiv.org/abs/2212.04356, section 2.2)."""

_POLICIES: dict[LongAudio, audio_pb2.LongAudio] = {
    "refuse": audio_pb2.LONG_AUDIO_REFUSE,
    "chunk": audio_pb2.LONG_AUDIO_CHUNK,
}


class Ears:
    """What two services do alike with audio. For one event loop; decoding happens on threads."""

    def __init__(
        self, sources: Sources, policy: LongAudio, *, max_seconds: float, window_seconds: float = WINDOW_SECONDS
    ) -> None:
        """Under the policy `chunk` a clip may last `max_seconds`, under `refuse` no longer than the window."""
        self.policy: LongAudio = policy
        self.window_seconds = window_seconds
        self.media = Media(sources, max_seconds if policy == "chunk" else window_seconds)

    async def hear(self, message: audio_pb2.Audio, field: str) -> Clip:
        """Returns the clip of a request; raises InvalidInput for a request without audio, and as `Media.clip` does."""
        source = message.WhichOneof("source")
        if source is None:
            raise InvalidInput("is missing", f"{field}.data", "send the bytes of an audio file")
        return await self.media.clip(message.data if source == "data" else None, message.uri, field)

    def parts(self, clip: Clip) -> list[Clip]:
        """Returns the clip in the parts in which it is heard; itself, where that is one."""
        return [clip] if self.num_parts(clip) == 1 else list(clip.chunks(self.window_seconds))

    def num_parts(self, clip: Clip) -> int:
        """Returns in how many parts the clip is heard."""
        return -(-len(clip.samples) // round(self.window_seconds * SAMPLE_RATE))

    def info(self, clip: Clip) -> audio_pb2.AudioInfo:
        """Writes what was made of a clip."""
        info = info_to(clip)
        info.long_audio = _POLICIES[self.policy]
        info.num_parts = self.num_parts(clip)
        return info
