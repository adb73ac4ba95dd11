"""What the package says of its model: written when it was packaged, read before anything of the model is."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studiolo_runner.errors import Refused

ROOT_VARIABLE = "STUDIOLO_MODEL_ROOT"
IMAGE_ROOT = "/opt/studiolo"
"""Where a package lies in an image. Run without a container, it lies elsewhere, and the variable says where."""


@dataclass(frozen=True)
class Contract:
    """What can be asked of the model."""

    class_name: str
    module: Path
    folder: Path
    """Of the notebook's files: where the model runs."""
    packages: Path
    methods: tuple[str, ...]
    parameters: dict[str, tuple[str, ...]] = field(default_factory=dict)
    asynchronous: tuple[str, ...] = ()
    schema: dict[str, Any] = field(default_factory=dict)
    """Of its hyperparameters."""
    doc: str = ""

    def must_offer(self, method: str) -> None:
        """Raises Refused where the model has no such method."""
        if method not in self.methods:
            raise Refused(f"This model has no {method}; it has {', '.join(self.methods)}.")


def load_contract(root: Path | None = None) -> Contract:
    """The contract of this image. Raises Refused where it has none."""
    place = root or Path(os.environ.get(ROOT_VARIABLE) or IMAGE_ROOT)
    path = place / "entry" / "contract.json"
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return Contract(
            class_name=told["class"],
            module=_placed(told["module"], place),
            folder=_placed(told["folder"], place),
            packages=place / "packages",
            methods=tuple(told["methods"]),
            parameters={name: tuple(names) for name, names in told.get("parameters", {}).items()},
            asynchronous=tuple(told.get("async", ())),
            schema=told.get("hyperparameters", {}),
            doc=told.get("doc", ""),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(f"{path} does not say what this model is ({type(error).__name__}: {error}).") from error


def _placed(path: str, root: Path) -> Path:
    return root / Path(path).relative_to(IMAGE_ROOT)
