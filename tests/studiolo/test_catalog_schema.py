from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from studiolo.catalog import check_catalog
from studiolo.catalog_keys import Key
from studiolo.catalog_schema import DATA_KEYS, ENVIRONMENT_KEYS, HARDWARE_KEYS, SCHEMAS, json_schema
from studiolo.cli.catalog import SCHEMA_DIRECTORY, schema_text

ROOT = Path(__file__).parents[2]
SHIPPED = ("environments", "hardware")
"""Whoever has data adds a data.yaml: nobody's data can ship."""


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_committed_schema_is_up_to_date(name: str) -> None:
    committed = (SCHEMA_DIRECTORY / f"{name}.json").read_text(encoding="utf-8")
    assert committed == schema_text(name), "stale: run `studiolo catalog schema --write`"


@pytest.mark.parametrize("name", SHIPPED)
def test_editors_find_the_schema_by_the_first_line_of_the_catalog(name: str) -> None:
    first = (ROOT / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[0]
    path = first.removeprefix("# yaml-language-server: $schema=")
    assert (ROOT / path).read_text(encoding="utf-8") == schema_text(name)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_catalogs_that_ship_fit_their_schema(name: str) -> None:
    schema = json_schema(name)
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load((ROOT / f"{name}.yaml").read_text(encoding="utf-8")), schema)


@pytest.mark.parametrize(
    "hardware",
    [
        {},
        {"title": "A", "cpu": 1},
        {"title": "A", "cpu": 1, "memory": "2GB"},
        {"title": "A", "cpu": {}, "memory": "2Gi"},
        {"title": "A", "cpu": "two", "memory": "2Gi"},
        {"title": 1, "cpu": 1, "memory": "2Gi"},
        {"title": "A", "cpu": 1, "memory": "2Gi", "gpu": {"count": 1}},
        {"title": "A", "cpu": 1, "memory": "2Gi", "price_per_hour": -1},
        {"title": "A", "cpu": 1, "memory": "2Gi", "teams": []},
        {"title": "A", "cpu": 1, "memory": "2Gi", "warm": {}},
    ],
)
def test_what_the_schema_refuses_the_check_refuses_too(
    hardware: dict[str, Any], write_catalog: Callable[..., Path]
) -> None:
    document = {"hardware": {"a": hardware}}
    assert not jsonschema.Draft7Validator(json_schema("hardware")).is_valid(document)
    write_catalog(hardware=json.dumps(document))
    assert check_catalog(Path()).errors


@pytest.mark.parametrize(
    ("key", "value"),
    [*((key.name, key.example) for key in (*ENVIRONMENT_KEYS, *HARDWARE_KEYS) if "…" not in key.example)],
)
def test_the_example_of_each_key_is_valid(key: str, value: str, write_catalog: Callable[..., Path]) -> None:
    is_hardware = any(key == known.name for known in HARDWARE_KEYS)
    facts = {"title": "A", "cpu": "1", "memory": "2Gi"} if is_hardware else {"title": "A", "requirements": "x.lock"}
    block = "".join(f"    {name}: {text}\n" for name, text in {**facts, key: value}.items())
    for lock in ("x.lock", "images/python/requirements.lock"):
        Path(lock).parent.mkdir(parents=True, exist_ok=True)
        Path(lock).write_text("", encoding="utf-8")
    write_catalog(
        **{
            "hardware"
            if is_hardware
            else "environments": f"{'hardware' if is_hardware else 'environments'}:\n  a:\n{block}"
        }
    )
    assert check_catalog(Path()).errors == ()


@pytest.mark.parametrize("key", DATA_KEYS, ids=lambda key: key.name)
def test_the_example_of_each_key_of_data_is_valid(key: Key, write_catalog: Callable[..., Path]) -> None:
    facts = {"title": "A", "claim": "datasets", "folder": "a", "read_only": "false", key.name: key.example}
    text = "data:\n  a:\n" + "".join(f"    {name}: {value}\n" for name, value in facts.items())
    write_catalog(data=text)
    assert check_catalog(Path()).errors == ()
    jsonschema.validate(yaml.safe_load(text), json_schema("data"))


@pytest.mark.parametrize(
    "data",
    [
        {"title": "A"},
        {"claim": "datasets"},
        {"title": "A", "claim": "Data Sets"},
        {"title": "A", "claim": "datasets", "folder": "../homes"},
        {"title": "A", "claim": "datasets", "mount": "/data/../etc"},
        {"title": "A", "path": "srv"},
        {"title": "A", "path": "/srv", "read_only": "no"},
        {"title": "A", "path": "/srv", "default": True},
    ],
)
def test_what_the_schema_of_data_refuses_the_check_refuses_too(
    data: dict[str, Any], write_catalog: Callable[..., Path]
) -> None:
    document = {"data": {"a": data}}
    assert not jsonschema.Draft7Validator(json_schema("data")).is_valid(document)
    write_catalog(data=json.dumps(document))
    assert check_catalog(Path()).errors
