"""A real Prometheus on loopback, for as long as it takes to draw: it scrapes, judges the chart's rules and is asked."""

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from earwitness.errors import DeadlineExceeded, NotReady
from tools.monitoring.ports import free_port

READY_WITHIN_S, ANSWER_WITHIN_S = 30.0, 30.0
SCRAPE_S = 1
RULES_EVERY_S = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One series of an answer: its labels, and its points in time, in seconds since 1970 and values."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Prometheus:
    """A running one."""

    url: str

    def query(self, expr: str, start: float, end: float, step_s: float = 1.0) -> list[Line]:
        """Returns what an expression was worth over time; raises NotReady with Prometheus' own words for a bad one."""
        given = {"query": expr, "start": start, "end": end, "step": step_s}
        found = self._get("query_range?" + urllib.parse.urlencode(given))["result"]
        return [
            Line(labels=one["metric"], points=[(float(at), float(value)) for at, value in one["values"]])
            for one in found
        ]

    def scraped(self) -> dict[str, bool]:
        """Returns each target, and whether its last scrape went well."""
        found = self._get("targets?state=active")["activeTargets"]
        return {one["scrapeUrl"]: one["health"] == "up" for one in found}

    def broken_rules(self) -> list[str]:
        """Returns the rules that could not be evaluated over what was scraped, with the reason."""
        rules = [rule for group in self._get("rules")["groups"] for rule in group["rules"]]
        return [f"{rule['name']}: {rule['lastError']}" for rule in rules if rule["health"] == "err"]

    def firing(self) -> list[str]:
        """Returns the names of the alerts that fire or are about to."""
        return sorted({f"{one['labels']['alertname']} ({one['state']})" for one in self._get("alerts")["alerts"]})

    def _get(self, path: str) -> Any:
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}", timeout=ANSWER_WITHIN_S) as response:
                return json.load(response)["data"]
        except urllib.error.HTTPError as error:
            raise NotReady(f"Prometheus refuses it: {error.read().decode()[:500]}", path) from None


@contextmanager
def running(targets: Mapping[str, str], rules: Path, folder: Path) -> Generator[Prometheus]:
    """Scrapes targets, `host:port` by job, until the block is left; its files are in `folder`.

    Raises NotReady where no prometheus is installed, and DeadlineExceeded where it does not start.
    """
    binary = shutil.which("prometheus")
    if binary is None:
        raise NotReady("it is not installed", "prometheus", "Debian: apt-get install prometheus")
    config = {
        "global": {"scrape_interval": f"{SCRAPE_S}s", "evaluation_interval": f"{RULES_EVERY_S}s"},
        "rule_files": [str(rules)],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [target]}]} for job, target in targets.items()
        ],
    }
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    command = [
        binary,
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address={address}",
    ]
    with (folder / "prometheus.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            _await(address)
            yield Prometheus(url=f"http://{address}")
        finally:
            process.terminate()


def _await(address: str) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://{address}/-/ready", timeout=1.0):
                return
        except OSError:
            time.sleep(0.1)
    raise DeadlineExceeded(f"not ready within {READY_WITHIN_S:g} s", "prometheus")
