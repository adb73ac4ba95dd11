"""What a package stands on: an environment's image, mounted and never sent. Who signs in there is told to nobody."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tornado.web import create_signed_value

from hub.app import RunningServices
from hub.auth import cookie_secret
from hub.builder.places import Places
from hub.keys import Keys
from hub.settings import Settings, effective
from hub.settings_cluster import KubernetesSettings
from spawner.data_directory import DataDirectory
from studiolo.client import Refused, ServiceAway
from studiolo.packaging.images import as_object
from studiolo.packaging.layout_store import LayoutStore
from studiolo.packaging.registry_store import RegistryPlace, RegistryStore
from tests.hub.builder.conftest import client_of, files_of, wanted
from tests.hub.conftest import free_port
from tests.real_registry import RealRegistry
from tests.studiolo.packaging.conftest import put_base

CANARY = "canary-7f3kq-Zebra"
HASHED = "$2b$04$KgwIugWlP6fGfWf.h59NbeuZoWykaqyTKOzbLeD8DkILwixDdoazK"
"""Of that password."""

ENVIRONMENTS = """\
environments:
  python:
    title: Python
    requirements: python.lock
    image: {image}
    default: true
  mine:
    title: Mine
    requirements: python.lock
    teams: [vision]
"""


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[RealRegistry]:
    with RealRegistry(tmp_path, people={"robot": HASHED}) as running:
        yield running


@pytest.fixture
async def base(registry: RealRegistry) -> Any:
    """An image in that registry."""
    place = RegistryPlace(host=registry.host, credentials=lambda _: ("robot", CANARY), allow_http=True)
    store = RegistryStore(place, "images/python")
    yield await put_base(store)
    await store.close()


@pytest.fixture
def catalog(registry: RealRegistry, base: Any, tmp_path: Path) -> Path:
    place = tmp_path / "catalog"
    place.mkdir()
    (place / "environments.yaml").write_text(ENVIRONMENTS.format(image=f"{registry.host}/images/python@{base.digest}"))
    (place / "hardware.yaml").write_text(
        "hardware: {small: {title: S, cpu: {request: 1, limit: 1}, memory: 1Gi, default: true}}\n"
    )
    (place / "python.lock").write_text("")
    return place


def signs_in(path: Path, host: str, password: str) -> None:
    """As `docker login` writes it."""
    auth = base64.b64encode(f"robot:{password}".encode()).decode()
    path.write_text(json.dumps({"auths": {host: {"auth": auth}}}))


@pytest.fixture
def credentials(registry: RealRegistry, tmp_path: Path) -> Path:
    path = tmp_path / "config.json"
    signs_in(path, registry.host, CANARY)
    return path


@pytest.fixture
def settings(data: DataDirectory, registry: RealRegistry, catalog: Path, credentials: Path) -> Settings:
    return effective(
        data.root,
        {
            "hub.port": free_port(),
            "services.url": f"http://127.0.0.1:{free_port()}",
            "proxy.port": 1024,
            "catalogDirectory": catalog,
            "models.registry.host": registry.host,
            "models.registry.allowHttp": True,
            "models.registry.credentialsFile": credentials,
        },
    )


def without_registry(settings: Settings) -> Settings:
    """Images lie in a folder; base images are read as before."""
    place = settings.models.registry.model_copy(update={"host": ""})
    return settings.model_copy(update={"models": settings.models.model_copy(update={"registry": place})})


async def test_a_base_in_the_same_registry_is_mounted_and_none_of_its_bytes_are_sent(
    services: httpx.AsyncClient, settings: Settings, fake_hub: Any, folder: Path, base: Any
) -> None:
    del services
    async with client_of(settings.services.url, fake_hub.knows_for_test("alice")) as alice:
        made = await alice.package_model(wanted(), files_of(folder))
    assert (made.base_digest, made.is_local_only) == (base.digest, False)
    assert made.sent_bytes < made.layer_size + 100_000
    place = RegistryPlace(host=settings.models.registry.host, credentials=lambda _: ("robot", CANARY), allow_http=True)
    images = RegistryStore(place, "models/alice/iris")
    found = await images.manifest(made.version)
    await images.close()
    assert found is not None
    layers = [layer["digest"] for layer in as_object(found.content)["layers"]]
    assert layers[: len(base.layers)] == [layer.digest for layer in base.layers]


async def test_a_folder_names_the_layers_of_a_base_and_the_digest_is_the_registry_s(
    settings: Settings, keys: Keys, fake_hub: Any, folder: Path, base: Any
) -> None:
    digests = []
    for chosen in (settings, without_registry(settings)):
        async with (
            RunningServices(chosen, keys),
            client_of(chosen.services.url, fake_hub.knows_for_test(f"alice{len(digests)}")) as alice,
        ):
            digests.append((await alice.package_model(wanted(), files_of(folder))).digest)
    assert digests[0] == digests[1]
    images = LayoutStore(settings.data.models, "models/alice1/iris")
    assert not any([await images.has(layer) for layer in base.layers])


async def test_a_base_that_cannot_be_looked_at_leaves_a_package_for_this_machine_alone(
    settings: Settings, keys: Keys, fake_hub: Any, folder: Path, registry: RealRegistry
) -> None:
    registry.kill()
    alone = without_registry(settings)
    async with (
        RunningServices(alone, keys),
        client_of(alone.services.url, fake_hub.knows_for_test("alice")) as alice,
    ):
        made = await alice.package_model(wanted(), files_of(folder))
        assert made.is_local_only
        assert "this machine alone" in made.warnings[-1]


async def test_on_kubernetes_an_environment_stands_on_its_image_also_where_its_lock_is_not_brought_along(
    settings: Settings, catalog: Path, base: Any
) -> None:
    (catalog / "python.lock").unlink()
    where = KubernetesSettings(namespace="workspaces", release="studiolo")
    places = Places(settings.model_copy(update={"kubernetes": where}))
    found = await places.standing("python", ())
    await places.close()
    assert (found.base.digest, found.environment_sha256) == (base.digest, "")


async def test_an_environment_of_another_team_is_not_there(
    services: httpx.AsyncClient, settings: Settings, fake_hub: Any, folder: Path
) -> None:
    del services
    async with client_of(settings.services.url, fake_hub.knows_for_test("alice")) as alice:
        with pytest.raises(Refused, match='none called "mine" for you'):
            await alice.plan_model(wanted(environment="mine"), files_of(folder))
        fake_hub.team_for_test("vision", "alice")
        assert (await alice.plan_model(wanted(environment="mine"), files_of(folder))).base == ""


async def test_a_registry_that_is_away_is_said_and_the_next_click_succeeds(
    services: httpx.AsyncClient, settings: Settings, fake_hub: Any, folder: Path, registry: RealRegistry
) -> None:
    del services
    async with client_of(settings.services.url, fake_hub.knows_for_test("alice")) as alice:
        await alice.plan_model(wanted(), files_of(folder))
        registry.kill()
        with pytest.raises(ServiceAway, match=registry.host):
            await alice.package_model(wanted(), files_of(folder))
        registry.start()
        assert (await alice.package_model(wanted(), files_of(folder))).is_new


async def test_nothing_of_the_registry_s_password_is_in_an_answer_a_page_or_a_log(
    *,
    services: httpx.AsyncClient,
    settings: Settings,
    keys: Keys,
    fake_hub: Any,
    folder: Path,
    registry: RealRegistry,
    credentials: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    headers = fake_hub.knows_for_test("alice")
    told: list[str] = []
    async with client_of(settings.services.url, headers) as alice:
        made = await alice.package_model(wanted(), files_of(folder))
        told.append(made.model_dump_json())
        cookie = create_signed_value(cookie_secret(keys), "service-studiolo", "token-of-alice").decode()
        services.cookies.set("service-studiolo", cookie)
        for path in ("models", f"models/iris/{made.version}"):
            page = await services.get(path, headers={"Sec-Fetch-Mode": "navigate"})
            assert page.status_code == 200
            told.append(page.text)
        signs_in(credentials, registry.host, "wrong")
        with pytest.raises(ServiceAway) as refused:
            await alice.package_model(wanted(version="2"), files_of(folder))
        told.append(str(refused.value))
    printed = capfd.readouterr()
    everything = "\n".join([*told, caplog.text, printed.out, printed.err])
    assert CANARY not in everything
    assert "d3Jvbmc" not in everything
    assert "cm9ib3Q6" not in everything
