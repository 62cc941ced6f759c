"""A Prometheus beside the cluster that scrapes what the release's monitors name, as the Prometheus operator would.

Pods come and go; whom to scrape is read from the cluster every few seconds. It reaches them through the API server's
proxy, so that it need not be in their network: that it would be let in is the NetworkPolicy's part, which has a test.
"""

import json
import re
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.cluster import release as r
from tests.cluster.release import Tree
from tools.bench.page import Table
from tools.monitoring import grafana
from tools.monitoring.draw import RULES, Page
from tools.monitoring.panels import Panel
from tools.monitoring.ports import free_port
from tools.monitoring.prometheus import Prometheus

EVERY_S = 5
POD_LABEL = "__meta_kubernetes_pod_label_"
SERVICES = ("llm", "captioner", "lalm")
ABSENT = ("GPU", "a replica that fails", "priority")
"""Words of what a panel needs and this release has not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scraping:
    """A running one."""

    prometheus: Prometheus
    began: float
    """In seconds since 1970."""

    def ports(self) -> list[tuple[dict[str, str], bool]]:
        """The labels of every port that the monitors name, and whether it has ever answered."""
        expr = "max by (instance, pod, component, endpoint) (max_over_time(up[2h]))"
        found = self.prometheus.query(expr, time.time() - 1, time.time())
        return [(dict(line.labels), bool(line.points[-1][1])) for line in found]

    def seen(self) -> Table:
        """How many pods of each kind answered on a port."""
        counts = Counter(
            (port.get("component", "evaluator"), port["endpoint"]) for port, is_up in self.ports() if is_up
        )
        rows = [(*key, str(count)) for key, count in sorted(counts.items())]
        return Table(title="Scraped by Prometheus", columns=("component", "port", "pods"), rows=rows)

    def answers(self) -> tuple[Table, list[str]]:
        """What each dashboard's queries answered so far, and the panels that have nothing to show and should."""
        rows: list[tuple[str, ...]] = []
        silent: list[str] = []
        for dashboard in grafana.DASHBOARDS:
            panels = list(dashboard.panels())
            empty = [panel for panel in panels if not any(self._shown(panel))]
            missing = [panel for panel in empty if not any(word in panel.needs for word in ABSENT)]
            lines = sum(sum(self._shown(panel)) for panel in panels)
            names = "; ".join(f"{panel.title} (needs {panel.needs})" for panel in empty if panel not in missing)
            rows.append((dashboard.title, str(len(panels)), str(len(panels) - len(empty)), str(lines), names))
            silent += [f"{dashboard.name}: {panel.title}" for panel in missing]
        columns = ("dashboard", "panels", "with an answer", "series", "without")
        return Table(title="What the dashboards' queries answered", columns=columns, rows=rows, num_names=1), silent

    def _shown(self, panel: Panel) -> Iterator[int]:
        """The series of each query, over the services that a reader may choose."""
        for service in SERVICES if any("{service}" in query.expr for query in panel.queries) else ("",):
            page = Page(dashboard=grafana.DASHBOARDS[0], service=service)
            for query in panel.queries:
                yield len(self.prometheus.query(page.filled(query.expr), self.began, time.time(), EVERY_S))


@contextmanager
def scraping(folder: Path) -> Generator[Scraping]:
    """Scrapes until the block is left."""
    gate, own = free_port(), free_port()
    files = {"file_sd_configs": [{"files": [str(folder / "targets.json")], "refresh_interval": f"{EVERY_S}s"}]}
    config = {
        "global": {"scrape_interval": f"{EVERY_S}s", "evaluation_interval": "15s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [{"job_name": "release", **files}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    (folder / "targets.json").write_text("[]")
    server = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{own}",
    ]
    found = Scraping(prometheus=Prometheus(url=f"http://127.0.0.1:{own}"), began=time.time())
    stop = threading.Event()
    watch = threading.Thread(target=_follow, args=(folder / "targets.json", f"127.0.0.1:{gate}", stop), daemon=True)
    with (
        (folder / "prometheus.log").open("wb") as log,
        subprocess.Popen(["kubectl", "proxy", f"--port={gate}"], stdout=log, stderr=log) as proxy,
        subprocess.Popen(server, stdout=log, stderr=log) as process,
    ):
        try:
            watch.start()
            r.wait_for("Prometheus", lambda: _is_up(found.prometheus), within_s=60)
            yield found
        finally:
            stop.set()
            process.terminate()
            proxy.terminate()


def _is_up(prometheus: Prometheus) -> bool:
    with suppress(OSError):
        prometheus.scraped()
        return True
    return False


def _follow(file: Path, gate: str, stop: threading.Event) -> None:
    while not stop.wait(EVERY_S):
        with suppress(AssertionError, KeyError):
            scratch = file.with_suffix(".new")
            scratch.write_text(json.dumps([_target(gate, labels) for labels in endpoints()]))
            scratch.replace(file)


def _target(gate: str, labels: dict[str, str]) -> Tree:
    path = f"/api/v1/namespaces/{labels['namespace']}/pods/{labels['instance']}/proxy/metrics"
    return {"targets": [gate], "labels": {**labels, "__metrics_path__": path}}


def endpoints() -> list[dict[str, str]]:
    """The labels of every port that a monitor of the release names."""
    pods = [pod for pod in r.objects("pods", r.OURS) if pod["status"]["phase"] == "Running"]
    found: list[dict[str, str]] = []
    for monitor in r.objects("podmonitors"):
        for endpoint in monitor["spec"]["podMetricsEndpoints"]:
            found += _named(pods, monitor["spec"]["selector"]["matchLabels"], endpoint["port"], endpoint["relabelings"])
    for monitor in r.objects("servicemonitors"):
        wanted = monitor["spec"]["selector"]["matchLabels"]
        for service in (item for item in r.objects("services") if wanted.items() <= item["metadata"]["labels"].items()):
            for endpoint in monitor["spec"]["endpoints"]:
                found += _named(pods, service["spec"]["selector"], endpoint["port"], [])
    return found


def _named(pods: Sequence[Tree], selector: Tree, port: str, relabelings: Sequence[Tree]) -> Iterator[dict[str, str]]:
    for pod in pods:
        labels = pod["metadata"]["labels"]
        if not selector.items() <= labels.items():
            continue
        plain = {f"{POD_LABEL}{re.sub(r'[^0-9A-Za-z_]', '_', name)}": value for name, value in labels.items()}
        for container in pod["spec"]["containers"]:
            for each in container.get("ports", []):
                if each.get("name") == port:
                    added = {one["targetLabel"]: plain.get(one["sourceLabels"][0], "") for one in relabelings}
                    name = r.name_of(pod)
                    place = {"namespace": r.NAMESPACE, "pod": name, "endpoint": port}
                    yield {**place, "instance": f"{name}:{each['containerPort']}", **added}
