"""The plain form of a clip: 16-bit WAV, 16 kHz, mono. Making and reading it is a copy, where FLAC takes milliseconds.

Every service and every endpoint takes it, so clips are kept and sent in it. A comment after the samples says what the
source was like, if it was another.
"""

import struct

from earwitness.audio import SAMPLE_RATE, Clip, source_note

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_PCM, _BYTES = 1, 2


def encode(clip: Clip) -> bytes:
    """Returns the clip as a WAV file that decodes to an equal clip."""
    samples = (clip.samples * 32768).astype("<i2").tobytes()  # exact: they are multiples of 1/32768
    note = _comment(source_note(clip))
    return _header(len(samples), len(note)) + samples + note


def is_plain(data: bytes) -> bool:
    """Says whether an audio file is in this form already."""
    return samples_of(data) is not None


def samples_of(data: bytes) -> memoryview | None:
    """Returns the little-endian 16-bit samples of an audio file in this form, without a copy; None for any other."""
    if len(data) <= _HEADER.size:
        return None
    num_bytes = int.from_bytes(data[_HEADER.size - 4 : _HEADER.size], "little")
    num_after = len(data) - _HEADER.size - num_bytes
    if num_after < 0 or data[: _HEADER.size] != _header(num_bytes, num_after):
        return None
    if num_after and not data[-num_after:].startswith(b"LIST"):
        return None
    return memoryview(data)[_HEADER.size : _HEADER.size + num_bytes]


def _header(num_bytes: int, num_after: int) -> bytes:
    """Of the fields in "Multimedia Programming Interface and Data Specifications 1.0" (IBM and Microsoft, 1991)."""
    rate = SAMPLE_RATE * _BYTES
    form = (b"fmt ", 16, _PCM, 1, SAMPLE_RATE, rate, _BYTES, 8 * _BYTES)
    return _HEADER.pack(b"RIFF", num_bytes + num_after + _HEADER.size - 8, b"WAVE", *form, b"data", num_bytes)


def _comment(text: str) -> bytes:
    """Returns an INFO list with a comment, as the same specification has it; nothing for no text."""
    if not text:
        return b""
    data = text.encode() + b"\0"
    data += b"\0" * (len(data) % 2)
    return struct.pack("<4sI4s4sI", b"LIST", len(data) + 12, b"INFO", b"ICMT", len(data)) + data
