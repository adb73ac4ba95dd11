"""Who measures homes here, and who makes them: it follows from the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.homes.wiring import home_service, measurements_here
from hub.settings import Settings
from spawner.data_directory import DataDirectory
from studiolo.errors import StudioloError


async def test_on_one_machine_the_folder_itself_is_looked_at(tmp_path: Path) -> None:
    data = DataDirectory(root=tmp_path)
    measurements = measurements_here(data)
    assert (await measurements.of("alice")).used_bytes == 0
    write(data.home("bob") / "data", b"x" * 100_000)
    assert (await measurements.of("bob")).used_bytes >= 100_000
    measurements.close()


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(content)


async def test_a_home_service_is_asked_only_where_one_is_named(tmp_path: Path) -> None:
    raw = {"dataDirectory": tmp_path, "secretsDirectory": tmp_path}
    assert home_service(Settings.model_validate(raw)) is None
    named = Settings.model_validate({**raw, "homes": {"service": {"url": "http://homes:8084"}}})
    with pytest.raises(StudioloError, match="homes_token"):
        home_service(named)
    write(tmp_path / "keys" / "homes_token", b"token\n")
    with_key = named.model_copy(update={"secrets_directory": tmp_path / "keys"})
    service = home_service(with_key)
    assert service is not None
    await service.close()


@pytest.mark.parametrize("quota", ["-1Gi", "0Gi", 0, "ten"], ids=str)
def test_a_quota_is_more_than_nothing(quota: object, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="quota"):
        Settings.model_validate({"dataDirectory": tmp_path, "homes": {"quota": quota}})


@pytest.mark.parametrize(
    ("teams", "gib"),
    [((), 10), (("other",), 10), (("vision",), 50), (("small", "vision", "other"), 50), (("small",), 1)],
    ids=str,
)
def test_a_team_may_have_a_quota_of_its_own(teams: tuple[str, ...], gib: int, tmp_path: Path) -> None:
    homes = {"quota": "10Gi", "quotaByTeam": {"vision": "50Gi", "small": "1Gi"}}
    settings = Settings.model_validate({"dataDirectory": tmp_path, "homes": homes})
    assert settings.homes.quota_of(teams) == gib * 1024**3


def test_without_any_quota_nobody_has_one(tmp_path: Path) -> None:
    homes = Settings.model_validate({"dataDirectory": tmp_path}).homes
    assert (homes.has_quota, homes.quota_of(("vision",))) == (False, None)
    only = Settings.model_validate({"dataDirectory": tmp_path, "homes": {"quotaByTeam": {"vision": "1Gi"}}}).homes
    assert (only.has_quota, only.quota_of(()), only.quota_of(("vision",))) == (True, None, 1024**3)
