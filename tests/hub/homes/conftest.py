"""A volume with homes on this machine's disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hub.homes.disk import HomesDisk

OWNER = (1000, 1000) if os.geteuid() == 0 else (os.getuid(), os.getgid())
"""Whose homes are: somebody else where the tests may give files away."""


@pytest.fixture
def disk(tmp_path: Path) -> HomesDisk:
    root = tmp_path / "volume"
    root.mkdir()
    return HomesDisk(root=root, folder="people", uid=OWNER[0], gid=OWNER[1])


@pytest.fixture
def homes(disk: HomesDisk) -> Path:
    """The folder in which the homes lie."""
    return disk.root / disk.folder
