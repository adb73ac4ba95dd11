"""What a person types to use a package of theirs: shown in JupyterLab and on its page in the hub. Pure."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MOST_SET: Final = 3
"""Hyperparameters that an example names: more make a line that nobody reads."""


def pull_command(name: str, version: str, *, team: str = "") -> str:
    """Fetches it from the hub."""
    of_team = f" --team {shlex.quote(team)}" if team else ""
    return f"studiolo model pull{of_team} {name}:{version}"


def run_commands(
    name: str,
    version: str,
    *,
    methods: Sequence[str],
    schema: Mapping[str, Any],
    parameters: Mapping[str, Sequence[str]],
) -> tuple[tuple[str, str], ...]:
    """Title and text of each. `schema`: of its hyperparameters; `parameters`: of its methods, by name."""
    run = f"studiolo model run {name}:{version}"
    found: list[tuple[str, str]] = []
    if "train" in methods:
        found.append(("Train", " ".join([f"{run} train", *_set(schema)])))
    if "batch_predict" in methods:
        found.append(("Predict in batch", f"{run} batch_predict"))
    if "predict" in methods:
        found.append(("Serve", f"{run} serve"))
        found.append(("Ask what is served", _curl(parameters.get("predict", ()))))
    return tuple(found)


def _set(schema: Mapping[str, Any]) -> Iterator[str]:
    """What must be said, and then some of what may be."""
    required, described = schema.get("required", ()), schema.get("properties", {})
    may = [name for name, one in described.items() if name not in required and one.get("default") is not None]
    for name in [*required, *may[: max(0, MOST_SET - len(required))]]:
        default = described.get(name, {}).get("default", "…")
        value = default if isinstance(default, str) else json.dumps(default, ensure_ascii=False)
        yield f"--set {shlex.quote(f'{name}={value}')}"


def _curl(parameters: Sequence[str]) -> str:
    body = json.dumps({"instances": [dict.fromkeys(parameters, 0)]}, ensure_ascii=False)
    return f"curl -H 'Content-Type: application/json' -d {shlex.quote(body)} http://127.0.0.1:8080/invocations"
