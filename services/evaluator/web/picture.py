"""A clip as a picture: its waveform as an SVG path, its spectrogram as a PNG.

The spectrogram is of the mel scale (O'Shaughnessy, Speech Communication, 1987: 2595 log10(1 + f / 700)), from 0 to
8 kHz, over 80 dB below the loudest point. Its palette goes from the page's dark ink through its accent to near white,
evenly in lightness, so that it reads without colour.
"""

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

from earwitness.audio import SAMPLE_RATE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earwitness.audio import Clip

COLUMNS, ROWS = 900, 160
WINDOW = 512
"""Samples under a frame: 32 ms."""
RANGE_DB = 80.0
TOP_HZ = SAMPLE_RATE / 2
STOPS = ((13, 22, 30), (10, 62, 82), (22, 112, 138), (88, 180, 207), (202, 228, 224), (255, 252, 240))
"""Red, green and blue of the palette, evenly spaced."""
PEAKS = 450
WAVE_WIDTH, WAVE_HEIGHT = 900, 64
_BLOCK = 4096
"""Frames transformed at a time: 16 MiB of spectra, however long the clip is."""


def mel(hz: float) -> float:
    """Returns a frequency's place on the mel scale."""
    return float(2595 * np.log10(1 + hz / 700))


def waveform(clip: "Clip") -> str:
    """Returns the outline of the samples as the `d` of an SVG path, `WAVE_WIDTH` wide and `WAVE_HEIGHT` high."""
    edges = np.linspace(0, len(clip.samples), min(PEAKS, len(clip.samples)) + 1).astype(np.int64)[:-1]
    high, low = np.maximum.reduceat(clip.samples, edges), np.minimum.reduceat(clip.samples, edges)
    loudest = max(float(np.abs(clip.samples).max()), 1e-4)
    x = np.linspace(0, WAVE_WIDTH, len(edges))
    middle = WAVE_HEIGHT / 2
    upper = [f"{a:.1f} {middle - b / loudest * (middle - 1) - 0.3:.1f}" for a, b in zip(x, high, strict=True)]
    lower = [f"{a:.1f} {middle - b / loudest * (middle - 1) + 0.3:.1f}" for a, b in zip(x, low, strict=True)]
    return f"M{'L'.join(upper)}L{'L'.join(reversed(lower))}Z"


def spectrogram(clip: "Clip") -> bytes:
    """Returns the spectrogram as a PNG of at most `COLUMNS` by `ROWS` pixels, low frequencies at the bottom."""
    power = _power(clip.samples)
    level = 10 * np.log10(np.maximum(power, 1e-12))
    shade = np.clip((level - level.max()) / RANGE_DB + 1, 0, 1)
    return _png((shade * 255).round().astype(np.uint8)[::-1])


def _power(samples: "NDArray[np.float32]") -> "NDArray[np.float32]":
    """Returns the power by mel row and column, each the mean of its frames."""
    padded = np.pad(samples, (WINDOW // 2, WINDOW))
    hop = max(64, -(-len(samples) // (4 * COLUMNS)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[: len(samples) : hop]
    filters = _filters()
    taper = np.hanning(WINDOW).astype(np.float32)
    parts = [
        np.abs(np.fft.rfft(frames[at : at + _BLOCK] * taper, axis=1)).astype(np.float32) ** 2 @ filters
        for at in range(0, len(frames), _BLOCK)
    ]
    rows = np.concatenate(parts)
    edges = np.linspace(0, len(rows), min(COLUMNS, len(rows)) + 1).astype(np.int64)
    sums = np.add.reduceat(rows, edges[:-1], axis=0)
    return np.asarray(sums / np.diff(edges)[:, None], np.float32).T


def _filters() -> "NDArray[np.float32]":
    """Returns triangles evenly spaced in mel, of shape `(bins, rows)`, each of weight 1."""
    hz = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE)
    centres = 700 * (10 ** (np.linspace(0, mel(TOP_HZ), ROWS + 2) / 2595) - 1)
    wide = np.maximum(np.diff(centres), hz[1])  # where rows are narrower than a bin, each reads its neighbours
    rise = 1 - (centres[1:-1] - hz[:, None]) / wide[:-1]
    fall = 1 - (hz[:, None] - centres[1:-1]) / wide[1:]
    weights = np.maximum(0, np.minimum(rise, fall))
    return (weights / weights.sum(axis=0)).astype(np.float32)


def _png(shades: "NDArray[np.uint8]") -> bytes:
    """Returns an image of the palette's colours as a PNG (W3C, Portable Network Graphics, section 11)."""
    height, width = shades.shape
    at = np.linspace(0, len(STOPS) - 1, 256)
    palette = np.stack([np.interp(at, range(len(STOPS)), channel) for channel in zip(*STOPS, strict=True)], axis=1)
    lines = np.concatenate([np.zeros((height, 1), np.uint8), shades], axis=1)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", palette.round().astype(np.uint8).tobytes()),
        (b"IDAT", zlib.compress(lines.tobytes(), 6)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
