"""Speech from text by eSpeak NG, for corpora and tests in which words, sex, pace and pitch must be known for sure.

It needs the package `espeakng-loader`, which carries the library and its data (GPL-3.0). It knows nothing of
recordings.
"""

import ctypes
import functools
import threading
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from earwitness.errors import EngineFailure, InvalidInput, NotReady

Sex = Literal["female", "male"]

SAMPLE_RATE = 22_050
"""Samples per second of everything that is synthesised."""

# Constants of eSpeak NG's speak_lib.h and their documented ranges.
_SYNCHRONOUS, _DONT_EXIT, _UTF8 = 2, 0x8000, 1
_RATE, _PITCH, _PITCH_RANGE = 1, 3, 4
_WORDS_PER_MINUTE = range(80, 451)
_PERCENT = range(100)

_VARIANT_OF_SEX: dict[Sex, str] = {"female": "f2", "male": "m3"}
_OnSamples = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
_one_at_a_time = threading.Lock()


def synthesise(
    text: str,
    *,
    voice: str = "en-us",
    sex: Sex | None = None,
    words_per_minute: int = 175,
    pitch: int = 50,
    pitch_range: int = 50,
) -> tuple[NDArray[np.float32], int]:
    """Speaks `text`: mono samples in [-1, 1] of shape `(samples,)`, and `SAMPLE_RATE`.

    The same arguments give the same samples, in every process and in any order of calls. Threads may call at once; one
    is served at a time.

    Args:
        text: what is said, as plain text.
        voice: a language of `voices()`, alone or with one of `variants()`: "en-us", "en-gb+m7".
        sex: adds a variant of that sex to a voice that names none.
        words_per_minute: 80 to 450.
        pitch: of the voice, 0 to 99; 50 is the variant's own.
        pitch_range: 0 (monotone) to 99 (lively).

    Raises:
        InvalidInput: nothing to say, an unknown voice or variant, or a number out of its range.
        NotReady: the package is missing, or its data cannot be read where it is installed.
        EngineFailure: eSpeak NG failed on valid input.
    """
    if not text.strip() or "\0" in text:
        raise InvalidInput("there must be something to say, without a NUL character", field="text")
    _require("words_per_minute", words_per_minute, _WORDS_PER_MINUTE)
    _require("pitch", pitch, _PERCENT)
    _require("pitch_range", pitch_range, _PERCENT)
    settings = {_RATE: words_per_minute, _PITCH: pitch, _PITCH_RANGE: pitch_range}
    with _one_at_a_time:
        samples = np.frombuffer(_speak(text.encode(), _voice_file(voice, sex), settings), np.int16)
    if not samples.any():
        raise InvalidInput(f"{voice} finds no word in {text!r}", field="text")
    return samples.astype(np.float32) / np.float32(32_768), SAMPLE_RATE


@functools.cache
def voices() -> dict[str, str]:
    """The file of each language, by its code: `{"en-us": "gmw/en-US", ...}`."""
    root = _data() / "lang"
    ranked: dict[str, tuple[int, str]] = {}
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
        codes = [words[1:] for words in lines if words[:1] == ["language"]]
        dictionary = [words[1] for words in lines if words[:1] == ["dictionary"]] or [codes[0][0].partition("-")[0]]
        if not (_data() / f"{dictionary[0]}_dict").is_file():
            continue  # three languages come without their words
        for code, *rank in codes:
            # A file says how well it stands for a language: the lowest number wins, 5 where there is none.
            found = (int(rank[0]) if rank else 5, path.relative_to(root).as_posix())
            ranked[code] = min(found, ranked.get(code, found))
    return {code: name for code, (_, name) in sorted(ranked.items())}


@functools.cache
def variants() -> dict[str, Sex | None]:
    """The sex of each variant, where its file states one: `{"f3": "female", "m7": "male", "klatt": None, ...}`."""
    found: dict[str, Sex | None] = {}
    for path in sorted((_data() / "voices" / "!v").iterdir()):
        lines = [line.lower().split() for line in path.read_text(encoding="utf-8").splitlines()]
        stated = [words[1] for words in lines if words[:1] == ["gender"]]
        found[path.name] = "female" if stated == ["female"] else "male" if stated == ["male"] else None
    return found


def _voice_file(voice: str, sex: Sex | None) -> str:
    language, _, variant = voice.partition("+")
    if language not in voices():
        raise InvalidInput(
            f"there is no voice {language!r}", field="voice", remedy=f"choose one of {', '.join(voices())}"
        )
    if "+" in voice and variant not in variants():
        known = ", ".join(variants())
        raise InvalidInput(f"there is no variant {variant!r}", field="voice", remedy=f"choose one of {known}")
    if sex is None:
        return f"{voices()[language]}+{variant}" if variant else voices()[language]
    if variant:
        raise InvalidInput(f"{voice!r} already names a variant", field="sex", remedy="give a sex or a variant")
    return f"{voices()[language]}+{_VARIANT_OF_SEX[sex]}"


def _speak(text: bytes, voice_file: str, settings: dict[int, int]) -> bytes:
    """The samples as 16-bit integers, from a fresh copy of the library.

    eSpeak NG keeps its flutter and wave phase from one call to the next, and initialising it again does not reset them,
    so that each call would depend on those before. Loading it anew does, for 3 ms.
    """
    import espeakng_loader

    blocks: list[bytes] = []

    def on_samples(address: int | None, count: int, _events: int | None) -> int:
        if address and count > 0:
            blocks.append(ctypes.string_at(address, 2 * count))
        return 0

    callback = _OnSamples(on_samples)
    process = ctypes.CDLL(None)
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    try:
        if library.espeak_Initialize(_SYNCHRONOUS, 0, str(_data()).encode(), _DONT_EXIT) != SAMPLE_RATE:
            raise NotReady(
                f"eSpeak NG cannot read its data at {_data()}",
                remedy="install espeakng-loader again, under a path of at most 140 characters",
            )
        # Noise is seeded with the clock; some variants (caleb, Reed) take it from the C library.
        library.espeak_ng_SetRandSeed(ctypes.c_long(1))
        process.srand(1)
        library.espeak_SetSynthCallback(callback)
        failed = library.espeak_SetVoiceByName(voice_file.encode())
        for parameter, value in settings.items():
            failed |= library.espeak_SetParameter(parameter, value, 0)
        failed |= library.espeak_Synth(text, ctypes.c_size_t(len(text) + 1), 0, 0, 0, _UTF8, None, None)
        failed |= library.espeak_Synchronize()
        library.espeak_Terminate()
    finally:
        process.dlclose(ctypes.c_void_p(library._handle))
    if failed:
        raise EngineFailure(f"eSpeak NG failed with status {failed} on voice {voice_file}")
    return b"".join(blocks)


def _data() -> Path:
    try:
        import espeakng_loader
    except ModuleNotFoundError as error:
        raise NotReady("espeakng-loader is not installed", remedy="pip install 'earwitness[models]'") from error
    return Path(espeakng_loader.get_data_path())


def _require(field: str, value: int, allowed: range) -> None:
    if value not in allowed:
        raise InvalidInput(f"{value} is not between {allowed[0]} and {allowed[-1]}", field=field)
