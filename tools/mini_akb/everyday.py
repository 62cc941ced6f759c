"""The rules of everyday sound and speech: travel times, distances, moving sources, speech rates."""

import math

from tools.mini_akb.acoustics.quantity import quantity


@quantity("m")
def heard_from(*, delay_s: float, speed_m_s: float) -> float:
    """The distance of an event that is seen at once and heard after a delay."""
    return delay_s * speed_m_s


@quantity("m")
def echo_distance(*, delay_s: float, speed_m_s: float) -> float:
    """The distance of a reflector whose echo returns after a delay: the sound travels there and back."""
    return delay_s * speed_m_s / 2


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
