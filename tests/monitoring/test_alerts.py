"""The alerts of the chart, by promtool: each fires when it should, says what it should, and is quiet otherwise."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.monitoring.cases import CASES, Case, Series
from tests.monitoring.promtool import promtool

ROOT = Path(__file__).parents[2]
RULES = ROOT / "helm" / "earwitness" / "files" / "alerts.yaml"
GROUPS = yaml.safe_load(RULES.read_text())["groups"]
ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule for group in GROUPS for rule in group["rules"] if "alert" in rule
}
BOTH = "(ray_)?"


def on_ray(series: Series) -> Series:
    return {name.replace("earwitness_", "ray_earwitness_", 1): values for name, values in series.items()}


def said(text: str, case: Case) -> str:
    """An annotation as it is sent."""
    return re.sub(
        r"\{\{ \$(labels\.(\w+)|value)[^}]*\}\}", lambda found: case.labels[found[2]] if found[2] else case.value, text
    )


def of_others(series: Series) -> Series:
    """The same of a Serve application that is none of ours."""
    return {name.replace('application="llm"', 'application="chat"'): values for name, values in series.items()}


def trial(name: str, series: Series, expected: list[dict[str, Any]], at: str = "") -> dict[str, Any]:
    return {
        "interval": "1m",
        "input_series": [{"series": each, "values": values} for each, values in series.items()],
        "alert_rule_test": [{"alertname": name, "eval_time": at or CASES[name].at, "exp_alerts": expected}],
    }


def test_prometheus_takes_the_rules() -> None:
    done = promtool("check", "rules", RULES)
    assert done.returncode == 0, done.stderr


def test_every_alert_has_a_case() -> None:
    assert set(ALERTS) == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_an_alert_fires_when_it_should_and_is_quiet_otherwise(name: str, tmp_path: Path) -> None:
    rule, case = ALERTS[name], CASES[name]
    alert = {
        "exp_labels": {**case.labels, **rule["labels"]},
        "exp_annotations": {key: said(text, case) for key, text in rule["annotations"].items()},
    }
    trials = [trial(name, case.fires, [alert]), *(trial(name, series, []) for series in case.quiet)]
    if "for" in rule:
        trials.append(trial(name, case.fires, [], at=case.every))
    if BOTH in rule["expr"] or "namespace_model:" in rule["expr"]:
        trials += [trial(name, on_ray(case.fires), [alert]), *(trial(name, on_ray(each), []) for each in case.quiet)]
    if "application=~" in rule["expr"]:
        trials.append(trial(name, of_others(case.fires), []))
    tests = {
        "rule_files": [str(RULES)],
        "evaluation_interval": case.every,
        "group_eval_order": [group["name"] for group in GROUPS],  # else any, and what is recorded would come too late
        "tests": trials,
    }
    path = tmp_path / "test.yaml"
    path.write_text(yaml.safe_dump(tests))
    done = promtool("test", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_how_bad_it_is_and_leads_to_what_to_do(name: str) -> None:
    rule = ALERTS[name]
    assert set(rule["labels"]) == {"severity"}
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^#+ (.*)$", (ROOT / page).read_text(), re.M)
    assert anchor == name.lower()
    assert name in headings
