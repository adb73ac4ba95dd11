"""The keys between our processes."""

from __future__ import annotations

import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hub.keys import ensure_keys, homes_token, keys_for
from hub.settings import Settings
from spawner.data_directory import DataDirectory
from studiolo.errors import StudioloError


def test_keys_are_made_once_and_kept(tmp_path: Path) -> None:
    data = DataDirectory(root=tmp_path)
    first = ensure_keys(data)
    assert ensure_keys(data) == first
    keys = [first.cookie_secret, first.proxy_token, first.services_token, first.hub_token]
    assert len(set(keys)) == 4
    assert all(re.fullmatch("[0-9a-f]{64}", key) for key in keys)


def test_keys_can_be_read_by_their_owner_alone(tmp_path: Path) -> None:
    data = DataDirectory(root=tmp_path)
    ensure_keys(data)
    (data.secrets / "hub_token").chmod(0o644)
    ensure_keys(data)
    assert stat.S_IMODE(data.secrets.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in data.secrets.iterdir()} == {0o600}


def test_ten_who_ask_at_once_get_the_same_keys(tmp_path: Path) -> None:
    data = DataDirectory(root=tmp_path)
    with ThreadPoolExecutor(10) as threads:
        answers = set(threads.map(lambda _: ensure_keys(data), range(10)))
    assert len(answers) == 1
    assert len(list(data.secrets.iterdir())) == 4


def test_a_key_file_that_is_empty_is_refused_with_a_way_out(tmp_path: Path) -> None:
    data = DataDirectory(root=tmp_path)
    ensure_keys(data)
    (data.secrets / "hub_token").write_text("\n")
    with pytest.raises(ValueError, match="Remove it"):
        ensure_keys(data)


def test_keys_do_not_show_in_a_traceback_or_log(tmp_path: Path) -> None:
    keys = ensure_keys(DataDirectory(root=tmp_path))
    assert keys.hub_token not in repr(keys)


def test_the_keys_of_a_mounted_secret_are_read_and_never_made(tmp_path: Path) -> None:
    folder = tmp_path / "secret"
    folder.mkdir()
    settings = Settings.model_validate({"dataDirectory": tmp_path, "secretsDirectory": folder})
    (folder / "cookie_secret").write_text("ab12\n")
    with pytest.raises(StudioloError, match="lacks the keys proxy_token, services_token, hub_token"):
        keys_for(settings)
    for name in ("proxy_token", "services_token", "hub_token"):
        (folder / name).write_text(name)
    assert keys_for(settings).cookie_secret == "ab12"
    assert not (tmp_path / "secrets").exists()


def test_the_key_of_the_home_service_is_needed_only_where_there_is_one(tmp_path: Path) -> None:
    """Secrets that were made before there was a home service go on working."""
    folder = tmp_path / "secret"
    folder.mkdir()
    for name in ("cookie_secret", "proxy_token", "services_token", "hub_token"):
        (folder / name).write_text(name)
    settings = Settings.model_validate({"dataDirectory": tmp_path, "secretsDirectory": folder})
    assert keys_for(settings).hub_token == "hub_token"
    with pytest.raises(StudioloError, match="lacks the key homes_token"):
        homes_token(settings)
    (folder / "homes_token").write_text("h" * 64 + "\n")
    assert homes_token(settings) == "h" * 64
