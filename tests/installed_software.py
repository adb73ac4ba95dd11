"""Software that tests use and do not test: installed once, and kept from run to run."""

from __future__ import annotations

from pathlib import Path

from spawner.data_directory import default_cache_directory

SHARED = default_cache_directory() / "tests" / "environments"
"""A folder of environments, complete or not there, as in every data directory."""


def share_software(data_directory: Path) -> None:
    """Let a data directory that is new use what other tests installed."""
    SHARED.mkdir(parents=True, exist_ok=True)
    (data_directory / "environments").symlink_to(SHARED)
