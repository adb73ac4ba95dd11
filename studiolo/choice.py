"""What a person picked: software and hardware by name, and variables of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

EMPTY_HOME: Final = "empty"
"""The one value of the option `home`: this time without the person's own, which does not answer or takes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An environment and a hardware of the catalog, by name. The same everywhere: form, REST, CLI, link, database."""

    environment: str
    hardware: str
    env: tuple[tuple[str, str], ...] = ()
    """Environment variables, in the order they were given. Nothing secret: user options can be read by others."""
    data: tuple[str, ...] = ()
    """The data that it has beside the home, by name, in the order of the catalog."""
    credentials: tuple[str, ...] | None = None
    """Which of the person's credentials it gets, by name; None for all that are marked "always"."""

    git: str | None = None
    """The repository that is cloned into the home, with `#` and a branch where one is meant."""
    model: str | None = None
    """The model package that it opens: `iris:1.0`, or of a team `vision/iris:1.0`."""
    has_empty_home: bool = False
    """Whether it gets an empty home of its own, for this one start. No page remembers it."""

    def as_user_options(self) -> dict[str, Any]:
        """The choice as JupyterHub keeps it: `{"environment": …, "hardware": …}`, and what else was chosen."""
        options: dict[str, Any] = {"environment": self.environment, "hardware": self.hardware}
        if self.env:
            options["env"] = dict(self.env)
        if self.data:
            options["data"] = list(self.data)
        if self.credentials is not None:
            options["credentials"] = list(self.credentials)
        if self.git:
            options["git"] = self.git
        if self.model:
            options["model"] = self.model
        if self.has_empty_home:
            options["home"] = EMPTY_HOME
        return options
