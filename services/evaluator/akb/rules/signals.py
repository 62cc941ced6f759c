"""The rules of audio technology: sampling, quantization, spectra, filters, formats and features."""

import math
from fractions import Fraction

from services.evaluator.akb.rules.quantity import quantity
from services.evaluator.akb.rules.registry import rule


@quantity("Hz")
def nyquist_frequency(*, sample_rate_hz: float) -> float:
    """Half the sampling rate."""
    return sample_rate_hz / 2


@quantity("Hz")
def alias_frequency(*, tone_hz: float, sample_rate_hz: float) -> float:
    """The frequency below half the sampling rate at which a sampled tone appears."""
    return abs(tone_hz - sample_rate_hz * round(tone_hz / sample_rate_hz))


@quantity("samples")
def num_samples(*, duration_s: float, sample_rate_hz: float) -> float:
    """The samples of one channel in a duration."""
    return duration_s * sample_rate_hz


@rule
def resampling_ratio(option: str, *, from_hz: int, to_hz: int) -> bool:
    """Whether the option, such as "160/147", is the factor between two rates in lowest terms."""
    return option == str(Fraction(to_hz, from_hz))


@quantity("s")
def sample_period(*, sample_rate_hz: float, samples: int = 1) -> float:
    """The time that so many samples take."""
    return samples / sample_rate_hz


@quantity("samples")
def delay_samples(*, delay_s: float, sample_rate_hz: float) -> float:
    """The samples that a delay takes."""
    return delay_s * sample_rate_hz


@quantity("bits")
def bits_for_levels(*, levels: int) -> float:
    """The fewest bits that tell so many levels apart."""
    return math.ceil(math.log2(levels))


@quantity("levels")
def quantizer_levels(*, bits: int) -> float:
    """The values that a sample can take."""
    return 2**bits


@quantity("dB")
def quantizer_snr(*, bits: int) -> float:
    """The ratio of a full-scale sine to the error of a uniform quantizer, uniform over a step: 6.02 n + 1.76 dB."""
    return 10 * math.log10(1.5 * 4**bits)


@quantity("V")
def quantizer_step(*, span_v: float, bits: int) -> float:
    """The step of a uniform quantizer whose range is divided into 2^bits steps."""
    return span_v / 2**bits


@quantity("Hz")
def fft_bin_width(*, sample_rate_hz: float, size: int) -> float:
    """The distance of neighbouring bins of a discrete Fourier transform."""
    return sample_rate_hz / size


@quantity("Hz")
def bin_frequency(*, number: int, sample_rate_hz: float, size: int) -> float:
    """The centre of a bin of a discrete Fourier transform, the bin of 0 Hz being number 0."""
    return number * sample_rate_hz / size


@quantity("bins")
def real_fft_bins(*, size: int) -> float:
    """The bins from 0 Hz to half the sampling rate, both counted, for a real signal of even length."""
    return size // 2 + 1


@quantity("frames")
def num_frames(*, samples: int, window: int, hop: int) -> float:
    """The whole windows that fit in a signal without padding."""
    return 1 + (samples - window) // hop


@quantity("dB")
def filter_slope(*, order: int, frequency_ratio: float) -> float:
    """The fall of an all-pole low-pass filter's gain over a frequency ratio, far above its cutoff."""
    return order * 20 * math.log10(frequency_ratio)


@quantity("dB")
def butterworth_attenuation(*, order: int, frequency_ratio: float) -> float:
    """The attenuation of a Butterworth low-pass filter at a ratio to its cutoff (S. Butterworth, 1930)."""
    return 10 * math.log10(1 + frequency_ratio ** (2 * order))


@quantity("Hz")
def rc_cutoff(*, resistance_ohm: float, capacitance_f: float) -> float:
    """The frequency at which a first-order RC filter passes half the power."""
    return 1 / (2 * math.pi * resistance_ohm * capacitance_f)


@quantity("bit/s")
def pcm_bit_rate(*, sample_rate_hz: int, bits: int, channels: int) -> float:
    """The bit rate of uncompressed audio."""
    return sample_rate_hz * bits * channels


@quantity("byte")
def pcm_bytes(*, duration_s: float, sample_rate_hz: int, bits: int, channels: int) -> float:
    """The size of uncompressed audio without a header."""
    return duration_s * pcm_bit_rate(sample_rate_hz=sample_rate_hz, bits=bits, channels=channels) / 8


@quantity("byte")
def coded_bytes(*, duration_s: float, bit_rate: float) -> float:
    """The size of audio coded at a constant bit rate in bit/s."""
    return duration_s * bit_rate / 8


@quantity("s")
def coded_duration(*, size_bytes: float, bit_rate: float) -> float:
    """The duration of audio of a constant bit rate in bit/s that fills so many bytes."""
    return size_bytes * 8 / bit_rate


@quantity("")
def compression_ratio(*, before_bit_s: float, after_bit_s: float) -> float:
    """How many times smaller audio becomes by a lower bit rate."""
    return before_bit_s / after_bit_s


@quantity("mel")
def mel(*, frequency_hz: float) -> float:
    """The mel value by 2595 log10(1 + f / 700) (D. O'Shaughnessy, "Speech Communication", 1987)."""
    return 2595 * math.log10(1 + frequency_hz / 700)


@quantity("")
def stacked_features(*, coefficients: int, derivatives: int) -> float:
    """The length of a feature vector with its time derivatives appended."""
    return coefficients * (1 + derivatives)


@quantity("")
def zero_crossings(*, frequency_hz: float, duration_s: float) -> float:
    """How often a sine crosses zero in a whole number of periods."""
    return 2 * frequency_hz * duration_s
