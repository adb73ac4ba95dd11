"""The schema of the chart's values: the settings' own, less what the chart decides, plus what only Kubernetes needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from deploy.charting.values import CHART_DECIDES, ChartValues
from hub.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pydantic import BaseModel

Schema = dict[str, Any]

DIALECT: Final = "http://json-schema.org/draft-07/schema#"
"""What Helm 3 understands in every version."""


def values_schema() -> Schema:
    """A JSON schema that refuses every unknown name and wrong type before anything is changed."""
    schema = _merged(_resolved(Settings), chart_schema())
    for path in CHART_DECIDES:
        _remove(schema, path.split("."))
    return {"$schema": DIALECT, **_without_empty_sections(schema), "title": "Values of the chart studiolo"}


def chart_schema() -> Schema:
    """The schema of the values that are no settings."""
    return _resolved(ChartValues)


def chart_only() -> list[str]:
    """The values that are the chart's alone, as `hub.image`: what the template takes out before the hub reads them."""
    return sorted(_chart_only(_resolved(Settings), chart_schema(), ""))


def _chart_only(settings: Schema, chart: Schema, prefix: str) -> Iterator[str]:
    for name, value in chart["properties"].items():
        known = settings["properties"].get(name)
        if known is None:
            yield f"{prefix}{name}"
        else:
            yield from _chart_only(known, value, f"{prefix}{name}.")


def described(schema: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Each value of a schema: its dotted name, and what it means."""
    for name, value in schema["properties"].items():
        if "properties" in value:
            yield from described(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", " ".join(value.get("description", "").split())


def _resolved(model: type[BaseModel]) -> Schema:
    whole = model.model_json_schema(by_alias=True, mode="validation")
    definitions = whole.pop("$defs", {})
    resolved: Schema = _resolve(whole, definitions)
    return resolved


def _resolve(node: Any, definitions: Mapping[str, Any]) -> Any:
    """Every reference replaced by what it means, and no titles."""
    if isinstance(node, list):
        return [_resolve(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        meant = definitions[node["$ref"].rpartition("/")[2]]
        node = {**meant, **{key: value for key, value in node.items() if key not in {"$ref", "default"}}}
    alternatives = [item for item in node.get("anyOf", ()) if item != {"type": "null"}]
    if len(alternatives) == 1 and "$ref" in alternatives[0]:  # a section that may be absent: in values it just is
        return _resolve(alternatives[0], definitions)
    return {
        key: _resolve(value, definitions)
        for key, value in node.items()
        if key != "discriminator" and not (key == "title" and isinstance(value, str))
    }


def _merged(first: Schema, second: Schema) -> Schema:
    """Two schemas of one section: a value of either. Nothing is required; the templates ask for what is missing."""
    if "properties" not in first or "properties" not in second:
        return first
    mine, theirs = first["properties"], second["properties"]
    both = {name: _merged(mine[name], theirs[name]) for name in mine if name in theirs}
    merged = {**second, **first, "properties": {**mine, **theirs, **both}}
    merged.pop("required", None)
    return merged


def _remove(schema: Schema, path: Iterable[str]) -> None:
    *sections, name = path
    for section in sections:
        schema = schema["properties"][section]
    schema["properties"].pop(name)
    schema.pop("required", None)  # the chart completes what it decides a part of


def _without_empty_sections(schema: Schema) -> Schema:
    properties = {
        name: _without_empty_sections(value) if "properties" in value else value
        for name, value in schema["properties"].items()
        if value.get("properties") != {}
    }
    return {**schema, "properties": properties}
