"""Dashboards and alerts say what the code exports, and all of it."""

import importlib.util
import json
import re
from pathlib import Path

import pytest
import yaml
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from earwitness.v1 import model_pb2
from tests.monitoring.promtool import promtool
from tools.monitoring import draw, grafana, known, panels

EXPRS = [query.expr for dashboard in grafana.DASHBOARDS for panel in dashboard.panels() for query in panel.queries]
RULES = [rule for group in yaml.safe_load(draw.RULES.read_text())["groups"] for rule in group["rules"]]
ON_DASHBOARDS = set[str]().union(*map(known.named, EXPRS))
IN_RULES = set[str]().union(*(known.named(rule["expr"]) for rule in RULES))
RECORDED = {rule["record"] for rule in RULES if "record" in rule}


def test_every_metric_that_the_code_exports_is_shown_or_watched() -> None:
    assert known.ours() <= ON_DASHBOARDS | IN_RULES


def test_every_metric_that_is_shown_or_watched_is_exported() -> None:
    assert known.ours() | known.foreign() >= ON_DASHBOARDS | IN_RULES


def test_what_rules_record_is_watched() -> None:
    watched = " ".join(rule["expr"] for rule in RULES if "alert" in rule)
    assert all(name in watched for name in RECORDED)
    assert set(re.findall(r"namespace_model:\S+", watched)) == RECORDED


@pytest.mark.parametrize("name", known.RAY)
def test_ray_s_metrics_are_where_we_say(name: str) -> None:
    found = importlib.util.find_spec("ray")
    assert found and found.origin
    assert f'"{name}"' in (Path(found.origin).parent / known.RAY[name]).read_text()


def test_labels_are_those_that_the_metrics_have() -> None:
    """In every selector of ours, on dashboards and in rules."""
    labels = known.labels()
    for expr in [*EXPRS, *(rule["expr"] for rule in RULES)]:
        for name, inside in known.selectors(expr):
            for one in known.named(name) & set(labels):
                wanted = set(re.findall(r"(\w+)\s*[=!]~?\"", inside)) - {"__name__", "namespace", "instance", "le"}
                assert wanted <= labels[one], f"{one}: {wanted - labels[one]}"


def test_chores_are_methods_that_ask_no_model() -> None:
    files = (health_pb2.DESCRIPTOR, reflection_pb2.DESCRIPTOR, model_pb2.DESCRIPTOR)
    assert {
        method.name for file in files for service in file.services_by_name.values() for method in service.methods
    } == set(panels.CHORES.split("|"))
    assert all(panels.CHORES in rule["expr"] for rule in RULES if "record" in rule)


def test_faults_are_the_same_on_dashboards_and_in_rules() -> None:
    assert all(panels.FAULTS in rule["expr"] for rule in RULES if "record" in rule)


def test_the_files_are_what_the_description_makes() -> None:
    assert {path.stem for path in grafana.OUT.glob("*.json")} == {each.name for each in grafana.DASHBOARDS}
    for dashboard in grafana.DASHBOARDS:
        found = (grafana.OUT / f"{dashboard.name}.json").read_text()
        assert found == grafana.text(dashboard), "run `python -m tools.monitoring.grafana`"


@pytest.mark.parametrize("dashboard", grafana.DASHBOARDS, ids=lambda each: each.name)
def test_a_dashboard_is_one_that_grafana_can_show(dashboard: panels.Dashboard) -> None:
    tree = json.loads(grafana.text(dashboard))
    shown = tree["panels"]
    assert len({panel["id"] for panel in shown}) == len(shown)
    taken: set[tuple[int, int]] = set()
    for panel in shown:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < grafana.ROW_WIDTH
        taken |= cells
    variables = {one["name"] for one in tree["templating"]["list"]} | {"__rate_interval", "__all"}
    assert set(re.findall(r"\$\{?(\w+)", json.dumps(tree))) <= variables


def test_prometheus_takes_every_query(tmp_path: Path) -> None:
    """As rules, which promtool checks."""
    pages = [draw.Page(dashboard=each, service="llm") for each in grafana.DASHBOARDS]
    queries = [
        page.filled(query.expr) for page in pages for panel in page.dashboard.panels() for query in panel.queries
    ]
    rules = [{"record": f"query:{number}", "expr": expr} for number, expr in enumerate(queries)]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    done = promtool("check", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_dashboard_and_every_picture_is_on_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "monitoring.md").read_text()
    for dashboard in grafana.DASHBOARDS:
        assert dashboard.title.removeprefix("Earwitness: ") in page
    assert set(re.findall(r"\(img/(monitoring-\S+\.png)\)", page)) == {
        path.name for path in draw.OUT.glob("monitoring-*.png")
    }
