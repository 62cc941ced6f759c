"""The rules of audio quality: levels, distortion, rooms, transducers, hearing and listening tests."""

import math
from statistics import fmean

from services.evaluator.akb.rules.quantity import quantity, read
from services.evaluator.akb.rules.registry import rule

POLAR_PATTERNS = {"omnidirectional": 1.0, "cardioid": 0.5, "hypercardioid": 0.25, "figure-of-eight": 0.0}
"""The pressure part a of a microphone's sensitivity a + (1 - a) cos(angle)."""


@quantity("dB")
def spectral_fall(*, exponent: float, frequency_ratio: float) -> float:
    """The fall of a power spectral density that is proportional to 1 / f^exponent, over a frequency ratio."""
    return exponent * 10 * math.log10(frequency_ratio)


@quantity("Hz")
def harmonic(*, fundamental_hz: float, number: int) -> float:
    """The frequency of a harmonic, the fundamental being the first."""
    return fundamental_hz * number


@quantity("")
def harmonic_distortion(*, fundamental_v: float, harmonics_v: list[float]) -> float:
    """The RMS sum of the harmonics relative to the fundamental."""
    return math.hypot(*harmonics_v) / fundamental_v


@rule
def intermodulation_product(option: str, *, tones_hz: list[float], order: int) -> bool:
    """Whether the option is a frequency |m a ± n b| of two tones with m + n equal to the order, neither being 0."""
    number, _ = read(option, "Hz")
    low, high = tones_hz
    pairs = [(weight * low, (order - weight) * high) for weight in range(1, order)]
    return any(number in (a + b, abs(a - b)) for a, b in pairs)


@quantity("dB SPL")
def summed_level(*, levels_db: list[float]) -> float:
    """The level of sources that sound together without correlation."""
    return 10 * math.log10(sum(10 ** (level / 10) for level in levels_db))


@quantity("dB")
def amplitude_ratio_level(*, ratio: float) -> float:
    """The level of a ratio of amplitudes."""
    return 20 * math.log10(ratio)


@quantity("dB")
def power_ratio_level(*, ratio: float) -> float:
    """The level of a ratio of powers."""
    return 10 * math.log10(ratio)


@quantity("")
def power_ratio(*, level_db: float) -> float:
    """The ratio of powers that a level stands for."""
    return 10 ** (level_db / 10)


@quantity("dB")
def level_difference(*, upper_db: float, lower_db: float) -> float:
    """How far one level lies above another."""
    return upper_db - lower_db


@quantity("dB")
def crest_factor(*, peak_v: float, rms_v: float) -> float:
    """The peak of a signal relative to its RMS value."""
    return amplitude_ratio_level(ratio=peak_v / rms_v)


@quantity("")
def amplitude_ratio(*, level_db: float) -> float:
    """The ratio of amplitudes that a level stands for."""
    return 10 ** (level_db / 20)


@quantity("dB SPL")
def equal_sources_level(*, level_db: float, sources: int) -> float:
    """The level of equal sources without correlation, one of which alone has `level_db`."""
    return level_db + power_ratio_level(ratio=sources)


@quantity("dB")
def sine_crest_factor() -> float:
    """The peak of a sine relative to its RMS value."""
    return amplitude_ratio_level(ratio=math.sqrt(2))


@quantity("dBFS")
def compressed_level(*, input_db: float, threshold_db: float, ratio: float) -> float:
    """The settled output level of a hard-knee downward compressor without make-up gain."""
    return threshold_db + (input_db - threshold_db) / ratio if input_db > threshold_db else input_db


@quantity("octaves")
def octave_span(*, low_hz: float, high_hz: float) -> float:
    """The doublings from one frequency to another."""
    return math.log2(high_hz / low_hz)


@quantity("s")
def lost_audio(*, packets: int, packet_s: float) -> float:
    """The audio in consecutive lost packets."""
    return packets * packet_s


@quantity("s")
def sabine_time(*, volume_m3: float, absorption_m2: float) -> float:
    """The reverberation time by Sabine's formula in metric units, 0.161 V / A."""
    return 0.161 * volume_m3 / absorption_m2


@quantity("Hz")
def axial_mode(*, length_m: float, number: int, speed_m_s: float) -> float:
    """The frequency of a standing wave between two rigid parallel walls."""
    return number * speed_m_s / (2 * length_m)


@quantity("Hz")
def first_notch(*, delay_s: float) -> float:
    """The lowest frequency that a signal and its equally strong delayed copy cancel."""
    return 1 / (2 * delay_s)


@quantity("s")
def echo_delay(*, detour_m: float, speed_m_s: float) -> float:
    """By how much a reflection comes later than the direct sound, for a path that is longer by a detour."""
    return detour_m / speed_m_s


@quantity("Hz")
def rotation_rate(*, turns_per_minute: float) -> float:
    """The turns per second."""
    return turns_per_minute / 60


@rule
def polar_null(option: str, *, angle_degrees: float) -> bool:
    """Whether the option names the first-order microphone pattern that is deaf at an angle from its axis."""
    if option.lower() not in POLAR_PATTERNS:
        raise ValueError(f"{option!r} is no pattern known here")
    pressure = POLAR_PATTERNS[option.lower()]
    return abs(pressure + (1 - pressure) * math.cos(math.radians(angle_degrees))) < 1e-9


@quantity("V")
def microphone_output(*, sensitivity_v_pa: float, level_db_spl: float) -> float:
    """The output of a microphone, 94 dB SPL being 1 Pa (exactly, 93.98 dB above 20 micropascals)."""
    return sensitivity_v_pa * 20e-6 * 10 ** (level_db_spl / 20)


@quantity("dB SPL")
def loudspeaker_level(*, sensitivity_db: float, power_w: float) -> float:
    """The level at 1 m of a loudspeaker that gives `sensitivity_db` there for 1 W."""
    return sensitivity_db + power_ratio_level(ratio=power_w)


@quantity("Hz")
def beat_rate(*, tones_hz: list[float]) -> float:
    """The rate at which two tones of nearly equal frequency beat."""
    return abs(tones_hz[0] - tones_hz[1])


@quantity("phons")
def phons(*, sones: float) -> float:
    """The loudness level of a loudness of at least 1 sone (ISO 532-1:2017)."""
    return 40 + 10 * math.log2(sones)


@quantity("sones")
def sones(*, phons: float) -> float:
    """The loudness at or above 40 phons, where it doubles every 10 (ISO 532-1:2017)."""
    return 2 ** ((phons - 40) / 10)


@quantity("Hz")
def missing_fundamental(*, components_hz: list[int]) -> float:
    """The frequency of which all components are the lowest harmonics."""
    return math.gcd(*components_hz)


@quantity("")
def mean_score(*, scores: list[int]) -> float:
    """The mean opinion score of a panel (ITU-T P.800)."""
    return fmean(scores)


@quantity("")
def guessing_probability(*, trials: int, choices: int) -> float:
    """The probability that pure guessing is right in every trial."""
    return choices**-trials
