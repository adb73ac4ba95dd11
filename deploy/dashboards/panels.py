"""What a dashboard is made of, and how Grafana writes it down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS: Final = 24
"""Of Grafana's grid."""

HEIGHT: Final = 7
"""Of a row of panels, in Grafana's units."""

SOURCE: Final = {"type": "prometheus", "uid": "${source}"}
"""The Prometheus that is chosen at the top of the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One question to Prometheus, and what its answers are called."""

    expression: str
    name: str = ""
    """With labels as in `{{environment}}`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One picture."""

    title: str
    text: str
    """What to read from it and what to do about it: shown behind the i beside the title."""
    queries: tuple[Query, ...]
    kind: Literal["timeseries", "stat"] = "timeseries"
    unit: str = "short"
    """Grafana's name of it: s, bytes, reqps."""
    is_stacked: bool = False
    words: tuple[str, str] | None = None
    """What 0 and 1 are shown as, where they are no numbers but no and yes; 0 is red."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Panels side by side, below a heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A choice at the top of the page among the values that a label has."""

    name: str
    title: str
    metric: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """One page."""

    title: str
    identity: str
    """Stays the same for ever: an import with the same one replaces the page before."""
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]

    @property
    def queries(self) -> tuple[Query, ...]:
        """Everything it asks Prometheus."""
        return tuple(query for row in self.rows for panel in row.panels for query in panel.queries)


def render(dashboard: Dashboard) -> dict[str, Any]:
    """The dashboard as Grafana imports it."""
    return {
        "title": dashboard.title,
        "uid": dashboard.identity,
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,  # the same moment in every panel
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "tags": ["studiolo"],
        "templating": {"list": [_source(), *(_variable(variable) for variable in dashboard.variables)]},
        "panels": list(_panels(dashboard.rows)),
    }


def _source() -> dict[str, Any]:
    return {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus", "refresh": 1}


def _variable(variable: Variable) -> dict[str, Any]:
    query = f"label_values({variable.metric}, {variable.label})"
    return {
        "name": variable.name,
        "label": variable.title,
        "type": "query",
        "datasource": SOURCE,
        "definition": query,
        "query": {"query": query, "refId": variable.name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _panels(rows: tuple[Row, ...]) -> Iterator[dict[str, Any]]:
    number, top = 1, 0
    for row in rows:
        heading = {"x": 0, "y": top, "w": COLUMNS, "h": 1}
        yield {"id": number, "type": "row", "title": row.title, "collapsed": False, "gridPos": heading, "panels": []}
        width = COLUMNS // len(row.panels)
        for index, panel in enumerate(row.panels):
            place = {"x": index * width, "y": top + 1, "w": width, "h": HEIGHT}
            yield {"id": number + index + 1, "gridPos": place, **_panel(panel)}
        number, top = number + len(row.panels) + 1, top + 1 + HEIGHT


def _panel(panel: Panel) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0}
    if panel.words is not None:
        no, yes = panel.words
        answers = {"0": {"text": no, "color": "red", "index": 0}, "1": {"text": yes, "color": "green", "index": 1}}
        defaults["mappings"] = [{"type": "value", "options": answers}]
    if panel.kind == "timeseries":
        stacking = {"mode": "normal" if panel.is_stacked else "none", "group": "A"}
        defaults["custom"] = {"fillOpacity": 30 if panel.is_stacked else 0, "lineWidth": 1, "stacking": stacking}
        options: dict[str, Any] = {
            "legend": {"displayMode": "list", "placement": "bottom"},
            "tooltip": {"mode": "multi"},
        }
    else:
        color = "background" if panel.words is not None else "none"
        options = {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": color, "textMode": "value_and_name"}
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.text,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": SOURCE,
                "expr": query.expression,
                "legendFormat": query.name or "__auto",
            }
            for index, query in enumerate(panel.queries)
        ],
    }
