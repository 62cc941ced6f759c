"""The plain form of a clip: 16-bit WAV, 16 kHz, mono. Making and reading it is a copy, where FLAC takes milliseconds.

Every service and every endpoint takes it, so clips are kept and sent in it.
"""

import struct

from earwitness.audio import SAMPLE_RATE, Clip

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_PCM, _BYTES = 1, 2


def encode(clip: Clip) -> bytes:
    """Returns the clip as a WAV file with a header of 44 bytes and nothing else."""
    samples = (clip.samples * 32768).astype("<i2").tobytes()  # exact: they are multiples of 1/32768
    return _header(len(samples)) + samples


def is_plain(data: bytes) -> bool:
    """Says whether an audio file is in this form already."""
    return len(data) > _HEADER.size and data[: _HEADER.size] == _header(len(data) - _HEADER.size)


def _header(num_bytes: int) -> bytes:
    """Of the fields in "Multimedia Programming Interface and Data Specifications 1.0" (IBM and Microsoft, 1991)."""
    rate = SAMPLE_RATE * _BYTES
    form = (b"fmt ", 16, _PCM, 1, SAMPLE_RATE, rate, _BYTES, 8 * _BYTES)
    return _HEADER.pack(b"RIFF", num_bytes + _HEADER.size - 8, b"WAVE", *form, b"data", num_bytes)
