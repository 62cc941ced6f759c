"""Clips on the wire, as the clients of the captioner and of the LALM send them and hear of them."""

from collections.abc import Sequence
from typing import Any

from earwitness.clients.model import BYTES_PER_CHAR, Fields
from earwitness.clients.values import HeardClip, Sound
from earwitness.v1 import audio_pb2, lalm_pb2

_POLICIES: dict[int, Any] = {audio_pb2.LONG_AUDIO_REFUSE: "refuse", audio_pb2.LONG_AUDIO_CHUNK: "chunk"}


def source(sound: Sound) -> Fields:
    """Returns the fields of an Audio."""
    return {"uri": sound} if isinstance(sound, str) else {"data": sound}


def size(sound: Sound) -> int:
    """Returns the most bytes that a sound takes."""
    return BYTES_PER_CHAR * len(sound) if isinstance(sound, str) else len(sound)


def facts(info: audio_pb2.AudioInfo) -> Fields:
    """Returns what a server made of a clip, as the fields of a HeardClip."""
    return {
        "audio_sha256": info.sha256,
        "seconds": info.seconds,
        "long_audio": _POLICIES.get(info.long_audio, ""),
        "num_parts": info.num_parts or 1,
    }


def clips(heard: Sequence[lalm_pb2.HeardClip]) -> tuple[HeardClip, ...]:
    """Reads the clips of an answer."""
    return tuple(HeardClip(transcript=clip.transcript, **facts(clip.audio)) for clip in heard)
