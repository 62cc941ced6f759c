"""Malformed audio files: real ones of many formats with their bytes made wrong, and headers that promise too much."""

import functools
import io
import random
import struct
from dataclasses import dataclass

import numpy as np

from tools.fuzz.mutation import SIZES, mutate, noise

RATE_HZ, SECONDS = 16_000, 0.25
HEAD_BYTES = 96
"""Within which the headers of all formats lie."""
FORMATS = (
    ("WAV", "PCM_16"),
    ("WAV", "PCM_U8"),
    ("WAV", "PCM_24"),
    ("WAV", "FLOAT"),
    ("WAV", "ULAW"),
    ("WAV", "MS_ADPCM"),
    ("WAVEX", "PCM_16"),
    ("W64", "PCM_16"),
    ("RF64", "PCM_16"),
    ("AIFF", "PCM_16"),
    ("AU", "PCM_16"),
    ("CAF", "PCM_16"),
    ("FLAC", "PCM_16"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("MP3", "MPEG_LAYER_III"),
)
"""As libsndfile names them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sound:
    """One file."""

    number: int
    kind: str
    data: bytes

    def __str__(self) -> str:
        return f"file {self.number}, {self.kind}, {len(self.data)} bytes"


@functools.cache
def originals() -> dict[str, bytes]:
    """Returns a quarter of a second of a tone in every format, by its name."""
    import soundfile

    time_s = np.arange(int(RATE_HZ * SECONDS)) / RATE_HZ
    samples = (0.3 * np.sin(2 * np.pi * 440 * time_s)).astype(np.float32)
    found: dict[str, bytes] = {}
    for container, coding in FORMATS:
        file = io.BytesIO()
        soundfile.write(file, samples, RATE_HZ, subtype=coding, format=container)
        found[f"{container} {coding}"] = file.getvalue()
    return found


@functools.cache
def blobs() -> tuple[bytes, ...]:
    """Returns what a request may hold where audio belongs: seldom something that can be heard."""
    whole = originals()["FLAC PCM_16"]
    return (b"", b"RIFF", b"\0" * 64, b"this is no sound", whole[:40], whole[:-20], b"ID3" + b"\xff" * 200, whole)


def malformed(seed: int, number: int) -> Sound:
    """Returns a file, always the same."""
    luck = random.Random(f"{seed}/sound/{number}")
    name, data = luck.choice(list(originals().items()))
    kind = luck.choice(("head", "head", "anywhere", "cut", "bomb", "splice", "noise", "tail"))
    if kind == "head":
        data = mutate(luck, data, HEAD_BYTES)
    elif kind == "anywhere":
        data = mutate(luck, data)
    elif kind == "cut":
        data = data[: luck.randrange(len(data))]
    elif kind == "bomb":
        name, data = luck.choice(list(bombs().items()))
        data = luck.choice((data, mutate(luck, data, HEAD_BYTES)))
    elif kind == "splice":
        other = luck.choice(list(originals().values()))
        data = data[: luck.randint(0, len(data))] + other[luck.randrange(len(other)) :]
    elif kind == "noise":
        data = data[: luck.choice((4, 12, 44))] + noise(luck)
    else:
        data += noise(luck)
    return Sound(number=number, kind=f"{name}, {kind}", data=data)


@functools.cache
def bombs() -> dict[str, bytes]:
    """Returns small files that promise, or hold, far more than they should."""
    import soundfile

    wave, flac = originals()["WAV PCM_16"], originals()["FLAC PCM_16"]
    found = {f"WAV of {size} bytes": _sized(wave, size) for size in SIZES}
    found |= {f"WAV of {channels} channels": _put(wave, 22, "<H", channels) for channels in (0, 33, 1024, 65535)}
    found |= {f"WAV of {rate} Hz": _put(wave, 24, "<I", rate) for rate in (0, 1, 999, 384_001, 2**31, 2**32 - 1)}
    found["FLAC of 2^36 samples"] = flac[:21] + bytes([flac[21] | 0x0F]) + b"\xff" * 4 + flac[26:]
    found["FLAC of 655350 Hz and 8 channels"] = flac[:18] + b"\x9f\xff\x6e" + flac[21:]
    silence = io.BytesIO()
    soundfile.write(silence, np.zeros(8_000 * 700, np.int16), 8_000, subtype="PCM_16", format="FLAC")
    found["FLAC of 700 s of silence"] = silence.getvalue()
    loud = io.BytesIO()
    soundfile.write(loud, np.full(400, np.nan, np.float32), RATE_HZ, subtype="FLOAT", format="WAV")
    found["WAV of no numbers"] = loud.getvalue()
    return found


def _sized(wave: bytes, size: int) -> bytes:
    """Returns the file with another length of its data, and one of the whole that fits."""
    return _put(_put(wave, 4, "<I", (size + 36) & 0xFFFFFFFF), 40, "<I", size)


def _put(data: bytes, at: int, form: str, value: int) -> bytes:
    piece = struct.pack(form, value)
    return data[:at] + piece + data[at + len(piece) :]
