"""A directory with two valid catalogs, in which a test replaces what it is about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

ENVIRONMENTS = "environments:\n  python: {title: Python, requirements: requirements.lock}\n"
HARDWARE = "hardware:\n  small: {title: Small, cpu: 1, memory: 2Gi}\n"


@pytest.fixture
def write_catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes both catalogs and a lock into an empty directory and goes there, so that problems name files shortly."""
    monkeypatch.chdir(tmp_path)

    def write(
        *,
        environments: str | bytes = ENVIRONMENTS,
        hardware: str | bytes = HARDWARE,
        data: str | bytes | None = None,
        lock: str = "jupyterlab==4.5.0\n",
    ) -> Path:
        for name, content in (("environments.yaml", environments), ("hardware.yaml", hardware), ("data.yaml", data)):
            if content is None:
                continue
            Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
        Path("requirements.lock").write_text(lock, encoding="utf-8")
        return Path()

    return write
