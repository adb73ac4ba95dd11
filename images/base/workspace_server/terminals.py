"""Terminals have the environment's programs on their PATH, which a login shell takes from them.

Stock starts `bash -l`, and what it reads first, /etc/profile, sets a PATH without them: `python` was the system's own.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

BASH = "/bin/bash"
BEGINNING = Path(__file__).with_name("terminal.bash")


def with_our_terminals(server_app: Any) -> Any:
    """The same ServerApp, whose terminals begin so where a person's own settings say nothing else."""
    from traitlets import default  # noqa: PLC0415 - only once the short way is taken, or given up

    class WithOurTerminals(server_app):  # type: ignore[misc]  # untyped upstream
        name = server_app.name

        @default("terminado_settings")
        def _default_terminado_settings(self) -> dict[str, list[str]]:
            is_bash = os.environ.get("SHELL") == BASH and Path(BASH).is_file()
            return {"shell_command": [BASH, "--rcfile", str(BEGINNING)]} if is_bash else {}

    return WithOurTerminals
