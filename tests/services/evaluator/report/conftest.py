"""Sample experiments with their answers files, made once."""

import pytest

from services.evaluator.result import Experiment
from tests.services.evaluator.sample import experiment


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Where the answers of all samples lie."""
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="session")
def two(folder) -> Experiment:
    """Two backbones in three settings."""
    return experiment(folder)


@pytest.fixture(scope="session")
def one(folder) -> Experiment:
    return experiment(folder, 1)


@pytest.fixture(scope="session")
def controlled(folder) -> Experiment:
    """Two backbones with controls, and three samples of what they know."""
    return experiment(folder, controls=True, samples=3)


@pytest.fixture(scope="session")
def six(folder) -> Experiment:
    """Six backbones: enough to relate text to audio."""
    return experiment(folder, 6)
