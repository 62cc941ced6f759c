"""The dashboards as Grafana reads them: `python -m tools.monitoring.grafana` writes helm/earwitness/dashboards anew.

The fields are those of Grafana's dashboard JSON model, schema 39 (grafana.com/docs/grafana, "Dashboard JSON model").
"""

import json
from pathlib import Path
from typing import Any

from tools.monitoring import cluster, evaluator, services, trainer
from tools.monitoring.panels import Dashboard, Panel, Variable

OUT = Path(__file__).parents[2] / "helm" / "earwitness" / "dashboards"
DASHBOARDS = (services.DASHBOARD, evaluator.DASHBOARD, trainer.DASHBOARD, cluster.DASHBOARD)
ROW_WIDTH, HEIGHT = 24, 8
ACROSS = 4
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
Tree = dict[str, Any]


def tree(dashboard: Dashboard) -> Tree:
    """Returns a dashboard in Grafana's terms."""
    return {
        "uid": f"earwitness-{dashboard.name}",
        "title": dashboard.title,
        "description": dashboard.about,
        "tags": ["earwitness"],
        "editable": True,
        "graphTooltip": 1,
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "links": [{"type": "dashboards", "title": "Earwitness", "tags": ["earwitness"], "keepTime": True}],
        "templating": {"list": _variables(dashboard)},
        "panels": _panels(dashboard),
    }


def text(dashboard: Dashboard) -> str:
    """Returns the file."""
    return json.dumps(tree(dashboard), indent=1) + "\n"


def _variables(dashboard: Dashboard) -> list[Tree]:
    namespace = Variable(name="namespace", label="namespace", of='{__name__=~"(ray_)?earwitness_.+"}')
    source = {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    return [source, *map(_variable, (namespace, *dashboard.variables))]


def _variable(variable: Variable) -> Tree:
    made: Tree = {"name": variable.name, "label": variable.name.capitalize()}
    if variable.options:
        first = variable.options[0]
        return made | {
            "type": "custom",
            "query": ",".join(variable.options),
            "current": {"text": first, "value": first},
            "options": [{"text": one, "value": one, "selected": one == first} for one in variable.options],
        }
    return made | {
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": f"label_values({variable.of}, {variable.label})", "refId": variable.name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def _panels(dashboard: Dashboard) -> list[Tree]:
    made: list[Tree] = []
    top = 0
    for row in dashboard.rows:
        place = {"x": 0, "y": top, "w": ROW_WIDTH, "h": 1}
        made.append({"id": len(made) + 1, "type": "row", "title": row.title, "collapsed": False, "gridPos": place})
        top += 1
        for first in range(0, len(row.panels), ACROSS):
            line = row.panels[first : first + ACROSS]
            width = ROW_WIDTH // len(line)
            for number, panel in enumerate(line):
                place = {"x": number * width, "y": top, "w": width, "h": HEIGHT}
                made.append({"id": len(made) + 1, "gridPos": place, **_panel(panel)})
            top += HEIGHT
    return made


def _panel(panel: Panel) -> Tree:
    custom: Tree = {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 30 if panel.is_stacked else 0,
        "showPoints": "never",
        "stacking": {"mode": "normal" if panel.is_stacked else "none", "group": "A"},
    }
    if panel.is_logarithmic:
        custom["scaleDistribution"] = {"type": "log", "log": 10}
    needs = f"Empty without {panel.needs}." if panel.needs else ""
    return {
        "type": "timeseries",
        "title": panel.title,
        "description": " ".join(filter(None, (panel.about, needs))),
        "datasource": SOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0, "custom": custom}, "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": [
            {"refId": chr(ord("A") + number), "datasource": SOURCE, "expr": query.expr, "legendFormat": query.legend}
            for number, query in enumerate(panel.queries)
        ],
    }


def main() -> None:
    """Writes the files, and removes those of dashboards that are no more."""
    for path in OUT.glob("*.json"):
        path.unlink()
    for dashboard in DASHBOARDS:
        (OUT / f"{dashboard.name}.json").write_text(text(dashboard))


if __name__ == "__main__":
    main()
