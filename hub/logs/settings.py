"""How logs are written."""

from __future__ import annotations

from typing import Literal

from hub.settings_types import Section


class LogsSettings(Section):
    """Of hub and services; the proxy writes its own lines."""

    format: Literal["text", "json"] = "text"
    """`text` for people, `json` for a log store: one object a line."""
    level: Literal["debug", "info", "warning"] = "info"
    """From which level on."""
