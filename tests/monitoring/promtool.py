"""Prometheus' own judge of rules and queries."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REQUIRE = "EARWITNESS_REQUIRE_PROMTOOL"


def promtool(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    binary = shutil.which("promtool")
    if binary is None:
        missing = "no promtool: it comes with Prometheus (Debian: `apt-get install prometheus`)"
        if os.environ.get(REQUIRE) == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    return subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True, check=False)
