"""What a person picked: software and hardware by name, and variables of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An environment and a hardware of the catalog, by name. The same everywhere: form, REST, CLI, link, database."""

    environment: str
    hardware: str
    env: tuple[tuple[str, str], ...] = ()
    """Environment variables, in the order they were given. Nothing secret: user options can be read by others."""

    def as_user_options(self) -> dict[str, Any]:
        """The choice as JupyterHub keeps it: `{"environment": …, "hardware": …, "env": {…}}`; env only if any."""
        options: dict[str, Any] = {"environment": self.environment, "hardware": self.hardware}
        if self.env:
            options["env"] = dict(self.env)
        return options
