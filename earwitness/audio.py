"""Sound as Earwitness carries it: a Clip of 16 kHz mono, made once from any file that libsndfile reads, and from what
else ffmpeg reads where it is installed.

A clip's samples are exactly the 16-bit values that its hash names, so what is computed from them may be stored under
the hash, and a WAV and a FLAC of one recording are one clip. 16 kHz mono is what Whisper hears
(https://arxiv.org/abs/2212.04356, section 2.2). The module knows nothing of models, features or the wire.
"""

import hashlib
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from earwitness import ffmpeg
from earwitness.errors import InvalidInput, NotFound, UnreadableAudio

SAMPLE_RATE = 16_000
MAX_SECONDS = 600.0
"""The longest clip that is decoded unless the caller says otherwise."""

_FULL_SCALE = 32_768
_RATES_HZ = range(1_000, 384_001)
_MAX_CHANNELS = 32
_BLOCK_VALUES = 1 << 18
"""Values decoded at a time over all channels, 1 MiB: what a file may claim costs no more memory than this."""
_UNKNOWN_FRAMES = 1 << 62
"""libsndfile gives SF_COUNT_MAX = 2**63 - 1 frames to a stream that does not say how long it is."""
_FOREIGN = {1, 4}
"""libsndfile's SF_ERR_UNRECOGNISED_FORMAT and SF_ERR_UNSUPPORTED_ENCODING (sndfile.h)."""
_SOURCE = re.compile(r"source: (\d{1,6}) Hz, (\d{1,2}) channels, width ([0-9.e-]{1,24})")
_REMEDY = "send WAV, FLAC, OGG or MP3, for instance what `ffmpeg -i INPUT -ar 16000 -ac 1 OUTPUT.flac` makes"


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """A sound of at least one sample, and what is left to say of the file that it came from.

    Clips are equal when their hashes and sources are; `samples` cannot be written to.
    """

    samples: NDArray[np.float32] = field(compare=False, repr=False)
    """Of shape `(samples,)` at 16 kHz, in [-1, 1), each a multiple of 1/32768."""
    sha256: str
    """Hex digest of the samples as little-endian 16-bit integers."""
    source_rate_hz: int = SAMPLE_RATE
    source_channels: int = 1
    stereo_width: float = 0.0
    """Share of the energy of the first two source channels that is in their difference: 0 for mono, about 0.5 for two
    unrelated channels, 1 for opposite phase (which mono cancels)."""

    @property
    def seconds(self) -> float:
        """How long the clip lasts."""
        return len(self.samples) / SAMPLE_RATE

    def cut(self, start_s: float, end_s: float) -> "Clip":
        """Returns the part from `start_s` to `end_s`; raises InvalidInput where that holds no sample."""
        samples = self.samples[max(round(start_s * SAMPLE_RATE), 0) : max(round(end_s * SAMPLE_RATE), 0)]
        if not len(samples):
            raise InvalidInput(f"no sample between {start_s:g} s and {end_s:g} s of a clip of {self.seconds:g} s")
        return _clip(_pcm16(samples), self.source_rate_hz, self.source_channels, self.stereo_width)

    def chunks(self, seconds: float) -> "Iterator[Clip]":
        """Yields the clip in consecutive parts of `seconds`, the last of which may be shorter."""
        step = max(round(seconds * SAMPLE_RATE), 1)
        for start in range(0, len(self.samples), step):
            yield self.cut(start / SAMPLE_RATE, (start + step) / SAMPLE_RATE)


def decode(data: bytes, *, field: str = "audio", max_seconds: float = MAX_SECONDS) -> Clip:
    """Returns the clip that the bytes of an audio file hold: channels averaged, then resampled (soxr, HQ).

    Memory stays bounded by `max_seconds` whatever the header claims.

    Raises:
        UnreadableAudio: the bytes are empty, no known format, damaged, not finite, without a sample, or of a rate or a
            number of channels that no recording has.
        InvalidInput: the clip is longer than `max_seconds`, by its header or by its content.
    """
    if not data:
        raise UnreadableAudio("is empty", field, _REMEDY)
    return _decode(io.BytesIO(data), field, max_seconds)


def read(path: Path, *, max_seconds: float = MAX_SECONDS) -> Clip:
    """Returns the clip in the file at `path`, which errors name as their field.

    Raises:
        NotFound: there is no such file.
        UnreadableAudio, InvalidInput: as `decode` does.
    """
    try:
        with path.open("rb") as stream:
            return _decode(stream, str(path), max_seconds)
    except FileNotFoundError as error:
        raise NotFound("no such audio file", str(path), "check the path, and the folder it is relative to") from error
    except OSError as error:
        raise UnreadableAudio(f"cannot be read: {error.strerror}", str(path), "check the file's permissions") from error


def from_samples(samples: NDArray[np.floating], rate_hz: int = SAMPLE_RATE, *, field: str = "audio") -> Clip:
    """Returns the clip of samples in [-1, 1] of shape `(frames,)` or `(frames, channels)`; beyond that they clip.

    Raises:
        UnreadableAudio: as `decode` does.
    """
    frames = np.asarray(samples, np.float32)
    frames = frames[:, None] if frames.ndim == 1 else frames
    if frames.ndim != 2:
        raise UnreadableAudio(f"has {frames.ndim} dimensions", field, "pass frames, or frames by channels")
    _check_source(rate_hz, frames.shape[1], field)
    return _canonical([frames], rate_hz, frames.shape[1], field)


def encode_flac(clip: Clip) -> bytes:
    """Returns the clip as a FLAC file that decodes to an equal clip: a comment in it says what its source was like."""
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", SAMPLE_RATE, 1, "PCM_16", format="FLAC") as file:
        if note := source_note(clip):
            file.comment = note
        file.write(_pcm16(clip.samples))
    return buffer.getvalue()


def source_note(clip: Clip) -> str:
    """Returns what a file of the clip says of its source, as `decode` reads it back; "" for 16 kHz mono."""
    rate_hz, channels, width = clip.source_rate_hz, clip.source_channels, clip.stereo_width
    plain = (rate_hz, channels, width) == (SAMPLE_RATE, 1, 0.0)
    return "" if plain else f"source: {rate_hz} Hz, {channels} channels, width {width!r}"


class _ForwardOnly(soundfile.SoundFile):
    """A sound file that is read from start to end.

    soundfile seeks after each read of a seekable file, which at the end of a FLAC stream of undeclared length fails and
    loses the last block.
    """

    def seekable(self) -> bool:
        return False


def _decode(stream: BinaryIO, field: str, max_seconds: float) -> Clip:
    try:
        with _ForwardOnly(stream) as file:
            rate_hz, channels = file.samplerate, file.channels
            _check_source(rate_hz, channels, field)
            if max_seconds * rate_hz < file.frames < _UNKNOWN_FRAMES:
                raise _too_long(f"lasts {file.frames / rate_hz:.1f} s by its header", field, max_seconds)
            max_frames = int(max_seconds * rate_hz)
            if (rate_hz, channels, file.subtype) == (SAMPLE_RATE, 1, "PCM_16") and file.frames < _UNKNOWN_FRAMES:
                return _clip_of(np.asarray(file.read(file.frames, dtype="int16"), np.int16), field, *_source_of(file))
            return _canonical(_counted(_blocks(file), max_frames, field, max_seconds), rate_hz, channels, field)
    except (soundfile.SoundFileError, TypeError, ValueError) as error:
        if getattr(error, "code", None) in _FOREIGN and (demuxer := ffmpeg.demuxer_of(stream)):
            with ffmpeg.decoding(stream, demuxer, field, max_seconds) as decoded:
                _check_source(decoded.rate_hz, decoded.channels, field)
                blocks = _counted(decoded.blocks, int(max_seconds * decoded.rate_hz), field, max_seconds)
                return _canonical(blocks, decoded.rate_hz, decoded.channels, field)
        # TypeError and ValueError are soundfile's own for names and headers that it cannot open, such as `take.raw`.
        reason = getattr(error, "error_string", None) or str(error)
        raise UnreadableAudio(f"is not audio that libsndfile reads: {reason}", field, _REMEDY) from error


def _source_of(file: soundfile.SoundFile) -> tuple[int, int, float]:
    """Returns rate, channels and stereo width of the recording that a 16 kHz mono file was made from, if it says so."""
    stated = _SOURCE.fullmatch(file.comment)
    try:
        rate_hz, channels, width = (int(stated[1]), int(stated[2]), float(stated[3])) if stated else (0, 0, 0.0)
    except ValueError:
        return SAMPLE_RATE, 1, 0.0
    known = rate_hz in _RATES_HZ and 1 <= channels <= _MAX_CHANNELS and 0 <= width <= 1
    return (rate_hz, channels, width) if known else (SAMPLE_RATE, 1, 0.0)


def _blocks(file: soundfile.SoundFile) -> Iterator[NDArray[np.float32]]:
    """Yields blocks of shape `(frames, channels)`."""
    size = _BLOCK_VALUES // file.channels
    while len(block := np.asarray(file.read(size, dtype="float32", always_2d=True), np.float32)):
        yield block


def _counted(
    blocks: Iterable[NDArray[np.float32]], max_frames: int, field: str, max_seconds: float
) -> Iterator[NDArray[np.float32]]:
    """Yields the blocks; raises InvalidInput once they hold more than `max_frames`."""
    done = 0
    for block in blocks:
        done += len(block)
        if done > max_frames:
            raise _too_long("runs on past its time", field, max_seconds)
        yield block


def _canonical(blocks: Iterable[NDArray[np.float32]], rate_hz: int, channels: int, field: str) -> Clip:
    """Returns the clip of source `blocks`, each of shape `(frames, channels)`, at `rate_hz`."""
    resample = soxr.ResampleStream(rate_hz, SAMPLE_RATE, 1, dtype="float32", quality="HQ")
    parts: list[NDArray[np.int16]] = []
    share = np.full(channels, 1 / channels, np.float32)
    middle = side = 0.0
    for block in blocks:
        if not np.isfinite(block).all():
            raise UnreadableAudio("holds NaN or infinite samples", field, "export it again, with samples in [-1, 1]")
        block = np.clip(block, -1.0, 1.0)
        if channels > 1:
            together, apart = block[:, 0] + block[:, 1], block[:, 0] - block[:, 1]
            middle, side = middle + float(together @ together), side + float(apart @ apart)
        mono = block @ share
        parts.append(_pcm16(mono if rate_hz == SAMPLE_RATE else resample.resample_chunk(mono)))
    if rate_hz != SAMPLE_RATE:
        parts.append(_pcm16(resample.resample_chunk(np.zeros(0, np.float32), last=True)))
    pcm = np.concatenate(parts) if parts else np.zeros(0, np.int16)
    width = side / (middle + side) if middle + side > 0 else 0.0
    return _clip_of(pcm, field, rate_hz, channels, width)


def _check_source(rate_hz: int, channels: int, field: str) -> None:
    if rate_hz not in _RATES_HZ:
        limits = f"{_RATES_HZ.start} to {_RATES_HZ.stop - 1} Hz"
        raise UnreadableAudio(f"has a sample rate of {rate_hz} Hz, outside {limits}", field, _REMEDY)
    if not 1 <= channels <= _MAX_CHANNELS:
        raise UnreadableAudio(f"has {channels} channels, outside 1 to {_MAX_CHANNELS}", field, _REMEDY)


def _too_long(what: str, field: str, max_seconds: float) -> InvalidInput:
    return InvalidInput(f"{what}, and the limit is {max_seconds:g} s", field, "cut it into shorter clips")


def _pcm16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.clip(np.rint(samples * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1).astype("<i2")


def _clip_of(
    pcm: NDArray[np.int16], field: str, rate_hz: int = SAMPLE_RATE, channels: int = 1, width: float = 0.0
) -> Clip:
    if not len(pcm):
        raise UnreadableAudio("holds no sample", field, _REMEDY)
    return _clip(pcm, rate_hz, channels, width)


def _clip(pcm: NDArray[np.int16], rate_hz: int, channels: int, width: float) -> Clip:
    pcm = np.ascontiguousarray(pcm, "<i2")
    samples = pcm.astype(np.float32) / np.float32(_FULL_SCALE)
    samples.flags.writeable = False
    return Clip(
        samples=samples,
        sha256=hashlib.sha256(pcm.tobytes()).hexdigest(),
        source_rate_hz=rate_hz,
        source_channels=channels,
        stereo_width=width,
    )
