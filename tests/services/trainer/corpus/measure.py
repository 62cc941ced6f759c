"""What tests measure on rendered sound, without looking at how it was made."""

import numpy as np

from earwitness.audio import SAMPLE_RATE


def rms(samples):
    return float(np.sqrt(np.mean(samples**2)))


def fundamental(samples, low_hz=60, high_hz=400):
    """The median over 50 ms windows with a voice in them of the strongest autocorrelation, in Hz."""
    width = SAMPLE_RATE // 20
    lags = np.arange(SAMPLE_RATE // high_hz, SAMPLE_RATE // low_hz)
    found = []
    for start in range(0, len(samples) - width, width // 2):
        window = samples[start : start + width] - samples[start : start + width].mean()
        if rms(window) < 0.5 * rms(samples):
            continue
        products = np.fft.irfft(np.abs(np.fft.rfft(window, 4 * width)) ** 2)
        likeness = products[lags] * width / (width - lags)
        if likeness.max() > 0.5 * products[0]:
            found.append(SAMPLE_RATE / lags[likeness.argmax()])
    return float(np.median(found))


def strongest_hz(samples):
    """The frequency of the highest line of the spectrum."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 8 * len(samples)))
    return float(spectrum.argmax() * SAMPLE_RATE / (8 * len(samples)))


def levels(samples, frame_s=0.005):
    """The root mean square of consecutive frames."""
    frame = round(frame_s * SAMPLE_RATE)
    return np.sqrt(np.mean(samples[: len(samples) // frame * frame].reshape(-1, frame) ** 2, axis=1))


def onsets(samples, frame_s=0.005):
    """When the level jumps to over twice what it was 10 and 15 ms before, in seconds; at most one in 50 ms."""
    level = np.concatenate([np.zeros(3), levels(samples, frame_s)])
    loud = level[3:] > 0.08 * level.max()
    jumps = np.flatnonzero(loud & (level[3:] > 2 * level[1:-2]) & (level[3:] > 2 * level[:-3])) * frame_s
    return [float(at) for at, before in zip(jumps, [-1.0, *jumps[:-1]], strict=True) if at - before > 0.05]
