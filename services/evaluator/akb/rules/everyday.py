"""The rules of everyday sound and speech: travel times, distances, moving sources, speech rates."""

import math

from services.evaluator.akb.rules.quantity import quantity


@quantity("m")
def heard_from(*, delay_s: float, speed_m_s: float) -> float:
    """The distance of an event that is seen at once and heard after a delay."""
    return delay_s * speed_m_s


@quantity("m")
def echo_distance(*, delay_s: float, speed_m_s: float) -> float:
    """The distance of a reflector whose echo returns after a delay: the sound travels there and back."""
    return delay_s * speed_m_s / 2


@quantity("s")
def travel_time(*, distance_m: float, speed_m_s: float) -> float:
    """The time that sound takes over a distance."""
    return distance_m / speed_m_s


@quantity("m")
def wavelength(*, frequency_hz: float, speed_m_s: float) -> float:
    """The distance that sound covers in one period."""
    return speed_m_s / frequency_hz


@quantity("Hz")
def frequency_of(*, wavelength_m: float, speed_m_s: float) -> float:
    """The frequency of a wave of a length."""
    return speed_m_s / wavelength_m


@quantity("Hz")
def frequency_of_period(*, period_s: float) -> float:
    """The repetitions per second of what repeats after a period."""
    return 1 / period_s


@quantity("dB")
def line_source_fall(*, distance_ratio: float) -> float:
    """The fall of a long line of sources in a free field, where intensity goes with the inverse of distance."""
    return 10 * math.log10(distance_ratio)


@quantity("Hz")
def receding_source(*, source_hz: float, source_m_s: float, speed_m_s: float) -> float:
    """The frequency that a listener at rest hears of a source that moves straight away from them (Doppler)."""
    return source_hz * speed_m_s / (speed_m_s + source_m_s)


@quantity("dB")
def point_source_fall(*, distance_ratio: float) -> float:
    """The fall of a small source's level in a free field, where intensity goes with the inverse square of distance."""
    return 20 * math.log10(distance_ratio)


@quantity("Hz")
def approaching_source(*, source_hz: float, source_m_s: float, speed_m_s: float) -> float:
    """The frequency that a listener at rest hears of a source that moves straight towards them (Doppler)."""
    return source_hz * speed_m_s / (speed_m_s - source_m_s)


@quantity("words per minute")
def speech_rate(*, words: int, duration_s: float) -> float:
    """The words spoken per minute, pauses included."""
    return words / duration_s * 60


@quantity("syllables per second")
def articulation_rate(*, syllables: int, duration_s: float, pauses_s: float) -> float:
    """The syllables per second of speaking time, pauses left out."""
    return syllables / (duration_s - pauses_s)


@quantity("s")
def speaking_time(*, words: int, words_per_minute: float) -> float:
    """How long so many words take at a rate."""
    return words / words_per_minute * 60
