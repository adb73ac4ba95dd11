"""A registry with a certificate by an authority of its owner's, as the services process meets it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.settings import Settings, effective
from spawner.data_directory import DataDirectory
from studiolo.client import ServiceAway
from tests.authorities import Authority
from tests.hub.builder.conftest import client_of, files_of, wanted
from tests.hub.conftest import free_port
from tests.real_registry import RealRegistry


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def registry(authority: Authority, tmp_path: Path) -> Iterator[RealRegistry]:
    with RealRegistry(tmp_path, certificate=authority.certificate("127.0.0.1")) as running:
        yield running


@pytest.fixture
def trusted(tmp_path: Path) -> Path:
    """The file that the setting names."""
    return tmp_path / "trusted.crt"


@pytest.fixture
def settings(data: DataDirectory, registry: RealRegistry, trusted: Path) -> Settings:
    return effective(
        data.root,
        {
            "hub.port": free_port(),
            "services.url": f"http://127.0.0.1:{free_port()}",
            "proxy.port": 1024,
            "models.registry.host": registry.host,
            "models.registry.caFile": trusted,
        },
    )


def name(trusted: Path, authority: Authority) -> None:
    """As the kubelet changes what it mounts: another file of that name."""
    fresh = trusted.with_suffix(".new")
    fresh.write_bytes(authority.file.read_bytes())
    fresh.rename(trusted)


async def test_a_model_is_packaged_once_the_setting_names_the_registry_s_authority_and_nothing_restarts(
    *,
    services: httpx.AsyncClient,
    settings: Settings,
    fake_hub: Any,
    folder: Path,
    authority: Authority,
    registry: RealRegistry,
    trusted: Path,
) -> None:
    del services
    async with client_of(settings.services.url, fake_hub.knows_for_test("alice")) as alice:
        with pytest.raises(ServiceAway, match=r"models\.registry\.caFile: .* holds no certificates"):
            await alice.package_model(wanted(), files_of(folder))
        name(trusted, Authority(trusted.parent / "other"))
        with pytest.raises(ServiceAway, match=rf"{registry.host} is not trusted: .*models\.registry\.caFile"):
            await alice.package_model(wanted(), files_of(folder))
        name(trusted, authority)
        made = await alice.package_model(wanted(), files_of(folder))
    assert made.is_new
    assert made.reference.startswith(registry.host)
