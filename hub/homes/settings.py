"""The settings about people's homes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from annotated_types import Gt
from pydantic import Field

from hub.settings_types import HttpUrl, Memory, Section

DEFAULT_HOMES_PORT = 8084


class HomeServiceSettings(Section):
    """The process that makes homes on one volume before their pods (docs/homes.md)."""

    url: HttpUrl | None = None
    """Where the hub reaches the home service. Absent: there is none, and the node makes the folder of a home."""
    host: str = ""
    """The interface that it listens on, at the port of `homes.service.url`. Absent: the host of that address."""
    root: Path = Field(default=Path("/homes"), strict=False)
    """Where it finds the whole volume mounted."""


class HomesSettings(Section):
    """Everybody's homes."""

    quota: Annotated[Memory, Gt(0)] | None = None
    """How much one home should hold, such as `10Gi`. It is measured and shown; a fuller home is told of, not cut off.
    none: what is used is shown, without a limit."""
    service: HomeServiceSettings = HomeServiceSettings()
