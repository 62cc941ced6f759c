"""Recordings that Debian packages install: Sonic Pi's samples (CC0) and Asterisk's English prompts (CC-BY-SA-3.0).

The answers of items verified by "source" rest on the names that these packages give to their files.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import soundfile
import soxr

from tools.mini_mmau.clips import SAMPLE_RATE, Clip, Samples, Source, cut, peaked

SAMPLES = Path("/usr/share/sonic-pi/samples")
"""Where Debian's `sonic-pi-samples` installs."""
PROMPTS = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
"""Where Debian's `asterisk-core-sounds-en-wav` installs."""

_CREDIT = re.compile(r"\* `:(\w+)`\s*-\s*(https?://\S*freesound\.org/people/([^/]+)/\S+)")


def _read(path: Path) -> Samples:
    """Returns a file as mono samples at 16 kHz."""
    channels, rate = soundfile.read(path, always_2d=True)
    return soxr.resample(channels.mean(axis=1), rate, SAMPLE_RATE)


def _trimmed(samples: Samples) -> Samples:
    """Returns the samples without the silence, under -50 dB of the peak, at either end."""
    heard = np.flatnonzero(np.abs(samples) > 10 ** (-50 / 20) * np.abs(samples).max())
    return samples[heard[0] : heard[-1] + 1]


@dataclass(frozen=True)
class SonicPi:
    """The folder of Sonic Pi's samples; its README names the author and the page of each and puts all under CC0."""

    folder: Path = SAMPLES

    @cached_property
    def _credits(self) -> dict[str, tuple[str, str]]:
        text = (self.folder / "README.md").read_text(encoding="utf-8")
        return {name.replace("_", ""): (url, author) for name, url, author in _CREDIT.findall(text)}

    def __call__(self, name: str, end_s: float = 60.0, start_s: float = 0.0) -> Clip:
        """Returns the recording `name` with its peak at 0.7, cut to `start_s`..`end_s`."""
        url, author = self._credits[name.replace("_", "")]
        source = Source(
            dataset="sonic-pi-samples",
            name=f"{name}.flac",
            licence="CC0-1.0",
            credit=f"{author.replace('%20', ' ')} on freesound.org",
            url=url,
            recorded=True,
        )
        whole = Clip(samples=_trimmed(_read(self.folder / f"{name}.flac")), sources=(source,))
        return peaked(cut(whole, start_s, end_s))


@dataclass(frozen=True)
class Asterisk:
    """The folder of Asterisk's English prompts, spoken by Allison Smith; a file's name tells its words."""

    folder: Path = PROMPTS

    def __call__(self, name: str) -> Clip:
        """Returns the prompt `name`, such as `tt-weasels` or `phonetic/k_p`, with its peak at 0.7."""
        source = Source(
            dataset="asterisk-core-sounds-en",
            name=f"{name}.wav",
            licence="CC-BY-SA-3.0",
            credit="Allison Smith, with support from Digium, Inc.",
            url="http://downloads.asterisk.org/pub/telephony/asterisk/",
            recorded=True,
        )
        return peaked(Clip(samples=_read(self.folder / f"{name}.wav"), sources=(source,)))
