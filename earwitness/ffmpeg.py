"""ffmpeg as a decoder: for the containers that libsndfile does not read, where the program is installed.

A file is recognised by its first bytes, and ffmpeg is told which demuxer to use: nothing is probed, so that no playlist
or script can make it open other files or addresses, and bytes that are no such container never start it. The program
runs apart, with a limit on time and on what it may give. This module knows nothing of clips.
"""

import contextlib
import shutil
import struct
import subprocess
import tempfile
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import IO, BinaryIO

import numpy as np
from numpy.typing import NDArray

from earwitness.errors import UnreadableAudio

TIMEOUT_S = 60.0
"""The longest that ffmpeg may work on one file; ten minutes of AAC take a second."""
_BLOCK_BYTES = 1 << 20
_AU_HEADER = struct.Struct(">4sIIIII")
_AU_FLOAT32 = 6
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (4, b"ftyp", "mov"),
    (0, b"\x1a\x45\xdf\xa3", "matroska"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (0, b"#!AMR", "amr"),
    (0, b"ADIF", "aac"),
    (0, b"\xff\xf1", "aac"),
    (0, b"\xff\xf9", "aac"),
    (0, b"\x0b\x77", "ac3"),
    (0, b"\x7f\xfe\x80\x01", "dts"),
    (0, b"MAC ", "ape"),
    (0, b"wvpk", "wv"),
    (0, b"TTA1", "tta"),
    (0, b"DSD ", "dsf"),
    (0, b"FLV\x01", "flv"),
    (8, b"WAVE", "wav"),
    (8, b"AVI ", "avi"),
    (0, b"OggS", "ogg"),
    (0, b"caff", "caf"),
)
"""Offset, bytes and demuxer: magic numbers as `file` has them (https://github.com/file/file, magic/Magdir)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Decoded:
    """A sound while it is decoded."""

    rate_hz: int
    channels: int
    blocks: Iterator[NDArray[np.float32]]
    """Of shape `(frames, channels)`, as long as the context that gave them lasts."""


def demuxer_of(stream: BinaryIO) -> str | None:
    """Returns ffmpeg's name for the container that a seekable stream holds, or None for one that is not in the list."""
    stream.seek(0)
    head = stream.read(16)
    return next((name for at, magic, name in _SIGNATURES if head[at : at + len(magic)] == magic), None)


@contextlib.contextmanager
def decoding(stream: BinaryIO, demuxer: str, field: str, max_seconds: float) -> Generator[Decoded]:
    """Decodes the first sound of a seekable stream, at its own rate and with its own channels.

    A sound that lasts longer than `max_seconds` gives a second more than that, and ends there.

    Raises:
        UnreadableAudio: ffmpeg is not installed, cannot decode the file, or took too long for it. A file that breaks
            off in the middle raises too, rather than being cut.
    """
    program = shutil.which("ffmpeg")
    if program is None:
        raise UnreadableAudio(f"is {demuxer}, which takes ffmpeg", field, "install ffmpeg here, or send FLAC")
    # A file rather than a pipe: in many MP4 files the index stands last.
    with tempfile.NamedTemporaryFile(prefix="earwitness-") as source, tempfile.TemporaryFile() as complaints:
        stream.seek(0)
        shutil.copyfileobj(stream, source)
        source.flush()
        command = [
            *(program, "-nostdin", "-v", "error", "-xerror", "-threads", "1", "-protocol_whitelist", "file,pipe"),
            *("-f", demuxer, "-i", f"file:{source.name}", "-map", "0:a:0", "-t", f"{max_seconds + 1:g}"),
            *("-map_metadata", "-1", "-c:a", "pcm_f32be", "-f", "au", "pipe:1"),
        ]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints) as running:
            watchdog = threading.Timer(TIMEOUT_S, running.kill)
            watchdog.start()
            try:
                yield _read(running, complaints, demuxer, field)
            finally:
                watchdog.cancel()
                running.kill()


def _read(running: "subprocess.Popen[bytes]", complaints: IO[bytes], demuxer: str, field: str) -> Decoded:
    output = running.stdout
    assert output is not None
    header = output.read(_AU_HEADER.size)
    if len(header) < _AU_HEADER.size:
        raise _failure(running, complaints, demuxer, field)
    magic, offset, _, encoding, rate_hz, channels = _AU_HEADER.unpack(header)
    if magic != b".snd" or encoding != _AU_FLOAT32 or not channels:
        raise UnreadableAudio(f"is {demuxer} that ffmpeg could not decode", field, "send FLAC")
    output.read(offset - _AU_HEADER.size)

    def blocks() -> Iterator[NDArray[np.float32]]:
        frame_bytes = 4 * channels
        size = _BLOCK_BYTES // frame_bytes * frame_bytes
        while data := output.read(size):
            whole = len(data) // frame_bytes * frame_bytes
            yield np.frombuffer(data[:whole], ">f4").astype(np.float32).reshape(-1, channels)
        if running.wait():
            raise _failure(running, complaints, demuxer, field)

    return Decoded(rate_hz=rate_hz, channels=channels, blocks=blocks())


def _failure(running: "subprocess.Popen[bytes]", complaints: IO[bytes], demuxer: str, field: str) -> UnreadableAudio:
    status = running.wait()
    if status < 0:
        return UnreadableAudio(f"is {demuxer} that ffmpeg did not decode in {TIMEOUT_S:g} s", field, "send FLAC")
    complaints.seek(0)
    lines = complaints.read(4096).decode(errors="replace").strip().splitlines()
    # The last part of the first line: what stands before it names the temporary file.
    reason = lines[0].rpartition("] ")[2].rpartition(": ")[2] if lines else "no sound in it"
    return UnreadableAudio(f"is {demuxer} that ffmpeg cannot decode: {reason}", field, "send FLAC")
