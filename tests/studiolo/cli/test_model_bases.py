"""Packages that stand on an image: named by its digest, never fetched, mounted where it is."""

from __future__ import annotations

import asyncio
import json
import platform
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from studiolo.cli import main
from studiolo.packaging.images import Base, as_object
from studiolo.packaging.layout_store import LayoutStore
from studiolo.packaging.provenance import statements_of
from studiolo.packaging.registry_store import RegistryPlace, RegistryStore
from tests.real_registry import RealRegistry
from tests.studiolo.packaging.conftest import put_base

ZOO = Path(__file__).parents[2] / "data" / "notebooks"
HERE = f"PYTHON_VERSION={platform.python_version()}"


@dataclass(frozen=True)
class Person:
    """Somebody at a terminal, with a notebook that needs nothing."""

    home: Path

    @property
    def notebook(self) -> Path:
        return self.home / "plain" / "plain.ipynb"

    @property
    def images(self) -> Path:
        return self.home / "data" / "studiolo" / "models"

    def types(self, *words: str) -> Result:
        env = {"XDG_DATA_HOME": str(self.home / "data"), "XDG_CACHE_HOME": str(self.home / "cache")}
        return CliRunner(env=env).invoke(main, ["model", *words], prog_name="studiolo")

    def reads(self, *words: str) -> Any:
        done = self.types(*words, "--json")
        assert done.exit_code == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def alice(tmp_path: Path) -> Person:
    (tmp_path / "plain").mkdir()
    shutil.copyfile(ZOO / "plain.ipynb", tmp_path / "plain" / "plain.ipynb")
    return Person(home=tmp_path)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[RealRegistry]:
    with RealRegistry(tmp_path) as running:
        yield running


@asynccontextmanager
async def store_in(registry: RealRegistry, repository: str) -> AsyncIterator[RegistryStore]:
    store = RegistryStore(RegistryPlace(host=registry.host, allow_http=True), repository)
    yield store
    await store.close()


def base_in(registry: RealRegistry, *env: str, repository: str = "images/python") -> Base:
    async def put() -> Base:
        async with store_in(registry, repository) as store:
            return await put_base(store, env=env)

    return asyncio.run(put())


def tags_in(registry: RealRegistry, repository: str) -> tuple[str, ...]:
    async def ask() -> tuple[str, ...]:
        async with store_in(registry, repository) as store:
            return await store.tags()

    return asyncio.run(ask())


def statements_in(registry: RealRegistry, repository: str, tag: str) -> tuple[dict[str, Any], ...]:
    async def ask() -> tuple[dict[str, Any], ...]:
        async with store_in(registry, repository) as store:
            found = await store.manifest(tag)
            assert found is not None
            return await statements_of(store, found.digest)

    return asyncio.run(ask())


def image_in(registry: RealRegistry, repository: str, tag: str) -> dict[str, Any]:
    """The manifest of an image, all of whose layers are there."""

    async def read() -> dict[str, Any]:
        async with store_in(registry, repository) as store:
            found = await store.manifest(tag)
            assert found is not None
            manifest = as_object(found.content)
            for layer in manifest["layers"]:
                assert b"".join([piece async for piece in store.read(layer["digest"])])
            return {**manifest, "digest": found.digest}

    return asyncio.run(read())


def test_what_a_package_stands_on_is_named_and_not_fetched(alice: Person, registry: RealRegistry) -> None:
    base = base_in(registry, HERE)
    name = f"{registry.host}/images/python@{base.digest}"
    made = alice.reads("package", str(alice.notebook), "--base", name, "--plain-http")
    assert made["warnings"] == []
    shown = alice.reads("show", "plain")
    assert [one["digest"] for one in shown["layers"][:2]] == [layer.digest for layer in base.layers]
    assert shown["record"]["base"]["kind"] == "image"
    assert (shown["record"]["base"]["name"], shown["record"]["base"]["digest"]) == (name, base.digest)
    folder = next(alice.images.glob("models/*/plain"))
    store = LayoutStore(alice.images, folder.relative_to(alice.images).as_posix())
    assert not any(asyncio.run(store.has(layer)) for layer in base.layers)
    again = alice.reads("package", str(alice.notebook), "--base", name, "--plain-http")
    assert (again["digest"], again["is_new"]) == (made["digest"], False)


def test_a_push_mounts_what_it_stands_on_and_keeps_the_digest(alice: Person, registry: RealRegistry) -> None:
    base = base_in(registry, HERE)
    name = f"{registry.host}/images/python@{base.digest}"
    digest = alice.reads("package", str(alice.notebook), "--base", name, "--version", "1", "--plain-http")["digest"]
    place = f"{registry.host}/models/alice/plain:1"
    assert alice.reads("push", "plain:1", place, "--plain-http") == {"reference": place, "digest": digest}
    assert image_in(registry, "models/alice/plain", "1")["digest"] == digest
    pulled = alice.reads("pull", place, "--name", "again", "--plain-http")
    assert pulled["digest"] == digest
    assert alice.types("run", "again", "train", "--output", str(alice.home / "out")).exit_code == 0
    folder = next(alice.images.glob("models/*/again"))
    store = LayoutStore(alice.images, folder.relative_to(alice.images).as_posix())
    assert not any(asyncio.run(store.has(layer)) for layer in base.layers)


def test_a_push_to_another_registry_brings_what_it_stands_on(
    alice: Person, registry: RealRegistry, tmp_path: Path
) -> None:
    base = base_in(registry, HERE)
    name = f"{registry.host}/images/python@{base.digest}"
    digest = alice.reads("package", str(alice.notebook), "--base", name, "--version", "1", "--plain-http")["digest"]
    (tmp_path / "other").mkdir()
    with RealRegistry(tmp_path / "other") as other:
        alice.reads("push", "plain:1", f"{other.host}/models/plain:1", "--plain-http")
        assert image_in(other, "models/plain", "1")["digest"] == digest
        base_in(other, HERE, repository="mirror/python")
        registry.kill()
        place, mirror = f"{other.host}/elsewhere/plain:1", f"{other.host}/mirror/python:1"
        assert alice.reads("push", "plain:1", place, "--base", mirror, "--plain-http")["digest"] == digest
        wrong = alice.types("push", "plain:1", place, "--base", f"{other.host}/models/plain:1", "--plain-http")
        assert f"This package stands on {name}, and that is not where" in wrong.stderr


def test_a_package_of_one_machine_gets_something_to_stand_on_and_another_digest(
    alice: Person, registry: RealRegistry
) -> None:
    base = base_in(registry, HERE)
    name = f"{registry.host}/images/python@{base.digest}"
    here = alice.reads("package", str(alice.notebook), "--version", "1")["digest"]
    place = f"{registry.host}/models/alice/plain:1"
    pushed = alice.types("push", "plain:1", place, "--base", name, "--plain-http")
    assert pushed.exit_code == 0, pushed.stderr
    assert f"It stands on {name} there, so its digest is another one than here." in pushed.stderr
    image = image_in(registry, "models/alice/plain", "1")
    assert image["digest"] != here
    assert [one["digest"] for one in image["layers"][:2]] == [layer.digest for layer in base.layers]
    assert image["annotations"]["org.opencontainers.image.base.digest"] == base.digest
    (said,) = statements_in(registry, "models/alice/plain", "1")
    made_from = {one["name"]: one for one in said["predicate"]["buildDefinition"]["resolvedDependencies"]}
    assert made_from["base"] == {"name": "base", "uri": name, "digest": {"sha256": base.digest[7:]}}
    assert made_from["source"]["uri"] == "file:plain.ipynb"
    again = alice.reads("push", "plain:1", place, "--base", name, "--plain-http")
    assert len(statements_in(registry, "models/alice/plain", "1")) == 1
    assert again == {"reference": place, "digest": image["digest"], "base": name}
    on_base = alice.reads("package", str(alice.notebook), "--version", "2", "--base", name, "--plain-http")
    assert on_base["digest"] == image["digest"], "the same image, whichever way it came onto its base"


def test_a_tag_is_written_down_with_the_digest_that_it_has_now(alice: Person, registry: RealRegistry) -> None:
    base = base_in(registry, HERE)
    alice.reads("package", str(alice.notebook), "--base", f"{registry.host}/images/python:1", "--plain-http")
    named = alice.reads("show", "plain")["record"]["base"]["name"]
    assert named == f"{registry.host}/images/python:1@{base.digest}"


@pytest.mark.parametrize("version", ["3.9.1", "2.7"])
def test_another_python_in_an_image_is_refused_before_anything_is_made(
    alice: Person, registry: RealRegistry, version: str
) -> None:
    base_in(registry, f"PYTHON_VERSION={version}")
    name = f"{registry.host}/images/python:1"
    refused = alice.types("package", str(alice.notebook), "--base", name, "--plain-http")
    assert refused.exit_code != 0
    assert f"has Python {version}, and this package is made for {platform.python_version()}" in refused.stderr
    assert alice.reads("list") == []
    alice.reads("package", str(alice.notebook))
    pushed = alice.types("push", "plain", f"{registry.host}/models/plain:1", "--base", name, "--plain-http")
    assert f"has Python {version}" in pushed.stderr
    assert tags_in(registry, "models/plain") == ()


def test_an_image_that_does_not_say_its_python_is_taken_and_that_is_said(alice: Person, registry: RealRegistry) -> None:
    base_in(registry)
    made = alice.reads("package", str(alice.notebook), "--base", f"{registry.host}/images/python:1", "--plain-http")
    assert "does not say which Python it has" in made["warnings"][0]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        pytest.param(("--base", "HOST/images/python:9"), "is not there", id="no such tag"),
        pytest.param(("--base", "HOST/images/python@sha256:12"), "names no image", id="half a digest"),
        pytest.param(("--base", "HOST/Images/../x:1"), "names no image", id="a path"),
        pytest.param(("--base", "127.0.0.1:9/x:1"), "does not answer", id="no registry"),
        pytest.param(("--environment", "pyton"), 'Perhaps you meant "python"?', id="no such environment"),
        pytest.param(("--environment", "python", "--base", "HOST/x:1"), "give one of them", id="two bases"),
    ],
)
def test_a_base_that_is_none_is_named(alice: Person, registry: RealRegistry, words: tuple[str, ...], why: str) -> None:
    base = base_in(registry, HERE)
    catalog = catalog_in(alice.home, f"{registry.host}/images/python@{base.digest}", lock="")
    told = [word.replace("HOST", registry.host) for word in words]
    done = alice.types("package", str(alice.notebook), *told, "--catalog", str(catalog), "--plain-http")
    assert done.exit_code != 0
    assert why in done.stderr
    assert "Bug" not in done.stderr


def catalog_in(home: Path, image: str, *, lock: str) -> Path:
    place = home / "catalog"
    place.mkdir()
    (place / "environments.yaml").write_text(
        "environments:\n"
        f"  python: {{title: Python, requirements: python.lock, image: '{image}', default: true}}\n"
        "  mine: {title: Mine, requirements: python.lock}\n"
    )
    (place / "hardware.yaml").write_text(
        "hardware: {small: {title: S, cpu: {request: 1, limit: 1}, memory: 1Gi, default: true}}\n"
    )
    (place / "python.lock").write_text(lock)
    return place


def test_an_environment_of_a_catalog_is_a_base_and_what_its_lock_has_stays_out(
    alice: Person, registry: RealRegistry
) -> None:
    base = base_in(registry, HERE)
    zeros = f"--hash=sha256:{'0' * 64}"
    catalog = catalog_in(alice.home, f"{registry.host}/images/python@{base.digest}", lock=f"six==1.17.0 {zeros}\n")
    (alice.notebook.parent / "requirements.lock").write_text(f"six==1.17.0 {zeros}\n")
    alice.reads("package", str(alice.notebook), "--environment", "python", "--catalog", str(catalog), "--plain-http")
    record = alice.reads("show", "plain")["record"]
    assert record["lock"] == ""
    assert (record["base"]["environment"], record["base"]["digest"]) == ("python", base.digest)
    assert record["base"]["has"] == ["six==1.17.0"]
    (alice.notebook.parent / "requirements.lock").unlink()
    alone = alice.reads(
        "package", str(alice.notebook), "--name", "alone", "--environment", "mine", "--catalog", str(catalog)
    )
    assert alone["is_new"]
    assert alice.reads("show", "alone")["record"]["base"]["kind"] == "local"
