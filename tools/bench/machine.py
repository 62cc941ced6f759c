"""Where and when figures were made: what every benchmark's document opens with."""

import importlib.metadata
import os
import platform
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """The machine that a benchmark runs on."""

    cpu: str
    cores: int
    """Logical cores that this process may use."""
    memory_gib: float
    kernel: str
    python: str
    load: float
    """Processes that wanted a core, on average over the minute before."""

    @classmethod
    def here(cls) -> "Machine":
        """Describes this machine now."""
        try:
            cores = len(os.sched_getaffinity(0))
        except AttributeError:  # not on macOS
            cores = os.cpu_count() or 1
        return cls(
            cpu=_cpu(),
            cores=cores,
            memory_gib=psutil.virtual_memory().total / 2**30,
            kernel=f"{platform.system()} {platform.release()}",
            python=f"{platform.python_implementation()} {platform.python_version()}",
            load=os.getloadavg()[0],
        )

    def markdown(self) -> str:
        """Returns the rows of a two-column Markdown table."""
        rows = {
            "CPU": f"{self.cpu}, {self.cores} cores",
            "memory": f"{self.memory_gib:.0f} GiB",
            "kernel": self.kernel,
            "Python": self.python,
            "load before": f"{self.load:.2f}",
        }
        return "\n".join(f"| {name} | {value} |" for name, value in rows.items())


def today() -> str:
    """Returns the date in UTC, such as 2026-11-23."""
    return datetime.now(UTC).date().isoformat()


def versions(*packages: str) -> dict[str, str]:
    """Returns the versions of packages in this environment by their names."""
    return {package: importlib.metadata.version(package) for package in packages}


def revision() -> str:
    """Returns the commit that the working tree is at, with `+` where files differ from it; "" outside of git."""
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        return commit + ("+" if _git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
