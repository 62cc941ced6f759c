"""`python -m tools.monitoring.draw`: every panel of every dashboard, as a real Prometheus answers over a real run.

It runs an LLM, a captioner and an evaluator with runs of real benchmarks, scrapes them, asks Prometheus for what each
panel asks, draws a picture for each dashboard, and says which panels stayed empty. `--with` adds what takes longer:
`vllm` (a small model in place of the echo engine), `trainer` (a small training) and `ray` (the LLM on Ray Serve).
Fails where a panel is empty that should not be, or a rule of the chart's cannot be evaluated.
"""

import argparse
import asyncio
import contextlib
import re
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from tools.monitoring import feed, grafana, picture
from tools.monitoring.panels import Dashboard, Panel
from tools.monitoring.picture import Drawn
from tools.monitoring.prometheus import Prometheus, running
from tools.serving import child

ROOT = Path(__file__).parents[2]
RULES = ROOT / "helm" / "earwitness" / "files" / "alerts.yaml"
OUT = ROOT / "docs" / "img"
EXTRAS = ("vllm", "trainer", "ray")
RATE_INTERVAL = "15s"
LEAD_S, RAY_LEAD_S = 5.0, 25.0
"""Ray shows its replicas' metrics every ten seconds."""
SERVICES = ("llm", "captioner")


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """One picture: a dashboard for one choice of its service."""

    dashboard: Dashboard
    service: str = ""

    @property
    def name(self) -> str:
        """Its file's."""
        return "-".join(filter(None, ("monitoring", self.dashboard.name, self.service)))

    @property
    def title(self) -> str:
        """What stands above it."""
        return f"{self.dashboard.title}{', ' if self.service else ''}{self.service}"

    def filled(self, text: str) -> str:
        """Puts values in place of Grafana's variables; any is taken of those that a reader may choose."""
        chosen = text.replace("$__rate_interval", RATE_INTERVAL)
        chosen = re.sub(r"\$\{?service\}?", self.service, chosen)
        return re.sub(r"\$(namespace|model|caller|setting|benchmark)\b", ".*", chosen)


def main(options: argparse.Namespace) -> int:
    """Runs, draws and tells; returns the exit status."""
    console = Console(highlight=False, markup=False)
    extras: set[str] = set(options.extras)
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        served = stack.enter_context(feed.services(folder, feed.VLLM if "vllm" in extras else feed.ECHO))
        targets = dict(served.metrics)
        train = stack.enter_context(feed.training(folder, served.grpc["llm"])) if "trainer" in extras else None
        lead_s = LEAD_S
        if "ray" in extras:
            on_ray = stack.enter_context(child.child("tools.monitoring.on_ray", log=folder / "ray.log")).ready
            targets["ray"] = on_ray["metrics"][0]
            stack.enter_context(feed.people(on_ray["grpc"]))
            lead_s = RAY_LEAD_S
        wait = None
        if train:
            targets["trainer"], wait = train()
        prometheus = stack.enter_context(running(targets, RULES, folder))
        start = time.time()
        time.sleep(lead_s)
        with feed.people(served.grpc["llm"]):
            asyncio.run(feed.sweep(served.grpc["evaluator"]))
            if wait:
                wait()
        time.sleep(LEAD_S)
        return _report(prometheus, start, time.time(), extras, options.out, console)


def _report(prometheus: Prometheus, start: float, end: float, extras: set[str], out: Path, console: Console) -> int:
    wrong = [f"not evaluated: {rule}" for rule in prometheus.broken_rules()]
    out.mkdir(parents=True, exist_ok=True)
    for page in _pages():
        rows = [
            (page.filled(row.title), [_asked(prometheus, page, panel, start, end) for panel in row.panels])
            for row in page.dashboard.rows
        ]
        if page.dashboard.name == "trainer" and "trainer" not in extras:
            continue
        picture.draw(page.title, rows, start, end, out / f"{page.name}.png")
        empty = [drawn.panel for _, row in rows for drawn in row if drawn.is_empty]
        shown = sum(len(row) for _, row in rows) - len(empty)
        console.print(f"{page.name}: {shown} panels have something to show, {len(empty)} have not")
        for panel in empty:
            console.print(f"    {panel.title}: needs {panel.needs or 'to be looked into'}")
        wrong += [f"empty: {page.name}, {panel.title}" for panel in empty if not panel.needs]
    for target, is_up in prometheus.scraped().items():
        console.print(f"scraped {target}: {'well' if is_up else 'not at the end'}")
    console.print(f"alerts: {', '.join(prometheus.firing()) or 'none'}")
    for line in wrong:
        console.print(line)
    return 1 if wrong else 0


def _pages() -> Iterator[Page]:
    for dashboard in grafana.DASHBOARDS:
        choices = SERVICES if any(variable.name == "service" for variable in dashboard.variables) else ("",)
        yield from (Page(dashboard=dashboard, service=service) for service in choices)


def _asked(prometheus: Prometheus, page: Page, panel: Panel, start: float, end: float) -> Drawn:
    lines = [
        (picture.legend(query.legend, line.labels), line)
        for query in panel.queries
        for line in prometheus.query(page.filled(query.expr), start, end)
    ]
    return Drawn(panel=panel, lines=lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tools.monitoring.draw", description=__doc__)
    parser.add_argument("--with", dest="extras", nargs="*", choices=EXTRAS, default=[], help="what takes longer")
    parser.add_argument("--out", type=Path, default=OUT, help="the folder of the pictures")
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that what runs is ended
    sys.exit(main(parser.parse_args()))
