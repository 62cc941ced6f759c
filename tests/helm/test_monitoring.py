"""The chart installs every dashboard and every alert, unchanged, where there is somebody to read them."""

import json

import yaml

from tests.helm.chart import CHART, Tree, objects, render
from tools.monitoring import grafana


def of_kind(kind: str, *settings: str, extra: tuple[str, ...] | None = None) -> list[Tree]:
    text = render("cpu", *settings) if extra is None else render("cpu", *settings, extra=extra)
    return [item for item in objects(text) if item["kind"] == kind]


def test_every_dashboard_is_a_config_map_that_grafana_s_sidecar_finds() -> None:
    maps = [item for item in of_kind("ConfigMap") if "-dashboard-" in item["metadata"]["name"]]
    found = {name: json.loads(text) for item in maps for name, text in item["data"].items()}
    assert found == {f"{each.name}.json": grafana.tree(each) for each in grafana.DASHBOARDS}
    assert all(item["metadata"]["labels"]["grafana_dashboard"] == "1" for item in maps)


def test_the_rules_are_those_of_the_file() -> None:
    """Helm leaves Prometheus' own braces alone."""
    (rules,) = of_kind("PrometheusRule")
    assert rules["spec"] == yaml.safe_load((CHART / "files" / "alerts.yaml").read_text())


def test_the_alert_of_what_is_unseen_goes_by_the_labels_that_the_monitors_set() -> None:
    (rule,) = [
        rule
        for group in yaml.safe_load((CHART / "files" / "alerts.yaml").read_text())["groups"]
        for rule in group["rules"]
        if rule.get("alert") == "EarwitnessUnseen"
    ]
    targets = {
        each["targetLabel"]
        for monitor in of_kind("PodMonitor")
        for endpoint in monitor["spec"]["podMetricsEndpoints"]
        for each in endpoint["relabelings"]
    }
    assert {"component", "ray_io_cluster"} <= targets
    (monitor,) = of_kind("ServiceMonitor")
    (deployment,) = of_kind("Deployment")
    names = {container["name"] for container in deployment["spec"]["template"]["spec"]["containers"]}
    assert "evaluator" in names
    assert monitor["spec"]["endpoints"][0]["port"] == "metrics"
    assert 'endpoint="metrics"' in rule["expr"]


def test_what_is_switched_off_is_not_there() -> None:
    assert not of_kind("PrometheusRule", "monitoring.alerts=false")
    assert not of_kind("PrometheusRule", extra=())
    maps = of_kind("ConfigMap", "monitoring.dashboards=false")
    assert not [item for item in maps if "-dashboard-" in item["metadata"]["name"]]
