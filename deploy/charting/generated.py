"""Every file of the tree that is written from code for the chart's sake; a test says when one is stale."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from deploy.charting.rights import rights_table, rules_by_account
from deploy.charting.schema import Schema, chart_only, chart_schema, described, values_schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CHECKOUT: Final = Path(__file__).resolve().parents[2]
CHART: Final = CHECKOUT / "deploy" / "chart"
PAGE: Final = CHECKOUT / "docs" / "kubernetes.md"


def generated() -> dict[Path, str]:
    """What each of these files must hold."""
    return {
        CHART / "values.schema.json": _json(values_schema()),
        CHART / "files" / "chart-only.json": _json(chart_only()),
        CHART / "files" / "defaults.json": _json(defaults_by_name()),
        CHART / "files" / "rights.json": _json(rules_by_account()),
        PAGE: with_block(
            with_block(PAGE.read_text(encoding="utf-8"), "rights", rights_table()), "values", values_table()
        ),
    }


def default_values() -> dict[str, Any]:
    """`values.yaml` as it is."""
    values: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    return values


def defaults_by_name() -> dict[str, Any]:
    """The default of each value, by its dotted name: what templates take where a release is older than a value."""
    return dict(_defaults(default_values(), values_schema(), ""))


def _defaults(values: Mapping[str, Any], schema: Schema, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        known = schema["properties"][name]
        if "properties" in known:  # a section; all else is one value, free form too
            yield from _defaults(value, known, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def values_table() -> str:
    """Every value that is no setting, as Markdown."""
    defaults = default_values()
    rows = (
        f"| `{name}` | {_shown(value_at(defaults, name))} | {text.replace('|', chr(92) + '|')} |\n"
        for name, text in described(chart_schema())
        if name != "global"
    )
    return "| Value | Default | Means |\n| --- | --- | --- |\n" + "".join(rows)


def value_at(values: Mapping[str, Any], name: str) -> Any:
    """The value of a dotted name; KeyError where there is none."""
    found: Any = values
    for part in name.split("."):
        found = found[part]
    return found


def with_block(page: str, name: str, text: str) -> str:
    """A page with the text between `<!-- name -->` and `<!-- /name -->` replaced."""
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    found = re.search(f"{re.escape(begin)}.*?{re.escape(end)}", page, flags=re.DOTALL)
    if found is None:
        raise ValueError(f"The page has no block between {begin.strip()} and {end}.")
    return page[: found.start()] + begin + text + end + page[found.end() :]


def _shown(value: object) -> str:
    return f"`{json.dumps(value)}`" if value not in ("", None, [], {}) else "empty"


def _json(value: object) -> str:
    return json.dumps(value, indent=2, sort_keys=True) + "\n"
