"""What a start tells its person, handed to JupyterLab too: one variable, which the server reads and no kernel sees."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from spawner.home_state import EMPTY_HOME_SAID, SAID

if TYPE_CHECKING:
    from collections.abc import Sequence

VARIABLE: Final = "STUDIOLO_NOTICES"

_KEYS: Final = {EMPTY_HOME_SAID: "empty_home", **dict.fromkeys(SAID.values(), "home")}
"""By these the server withdraws one of them once it is over."""


def notices_variable(sentences: Sequence[str]) -> dict[str, str]:
    """The variable for what was said; none where nothing was."""
    notices = [
        {"key": _KEYS.get(sentence, f"start-{number}"), "level": "warning", "text": sentence}
        for number, sentence in enumerate(sentences, start=1)
    ]
    return {VARIABLE: json.dumps(notices, ensure_ascii=False)} if notices else {}


def with_variables(manifest: dict[str, Any], variables: dict[str, str]) -> dict[str, Any]:
    """The manifest of a pod whose first container has these variables too."""
    if not variables:
        return manifest
    # Kubernetes would put another variable in the place of `$(NAME)`, and reads `$$` as `$`.
    added = [{"name": name, "value": value.replace("$", "$$")} for name, value in variables.items()]
    first, *others = manifest["spec"]["containers"]
    kept = [one for one in first.get("env") or () if one["name"] not in variables]
    containers = [{**first, "env": [*kept, *added]}, *others]
    return {**manifest, "spec": {**manifest["spec"], "containers": containers}}
