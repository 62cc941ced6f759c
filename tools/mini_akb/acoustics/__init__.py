"""The rules of music, audio quality and audio technology; importing the package registers them all."""

from tools.mini_akb.acoustics import music, signals, sound

__all__ = ["music", "signals", "sound"]
