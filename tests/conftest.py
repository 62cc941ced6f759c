"""Fixtures that many tests share: the embedded models, and spoken words."""

from pathlib import Path

import pytest

from earwitness import embedded
from earwitness.audio import Clip, from_samples
from earwitness.speech import synthesise

SPOKEN = "Please call me tomorrow at nine in the morning."


@pytest.fixture(scope="session")
def smollm2_folder() -> Path:
    """SmolLM2-135M-Instruct, fetched and converted once for this machine."""
    return embedded.prepare("smollm2-135m-instruct")


@pytest.fixture(scope="session")
def whisper_folder() -> Path:
    """Whisper tiny.en, fetched and converted once for this machine."""
    return embedded.prepare("whisper-tiny-en")


@pytest.fixture(scope="session")
def speech_clip() -> tuple[Clip, str]:
    """A synthetic voice, and what it says."""
    return from_samples(*synthesise(SPOKEN, sex="female", words_per_minute=150)), SPOKEN
