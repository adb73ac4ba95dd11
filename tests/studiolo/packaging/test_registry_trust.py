"""A registry whose certificate is by an authority of its owner's: Debian's docker-registry, with TLS."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from studiolo.cli.model_names import registry_store
from studiolo.packaging.errors import StoreAway, StoreRefused
from studiolo.packaging.registry_store import RegistryPlace, RegistryStore
from tests.authorities import Authority
from tests.real_registry import RealRegistry
from tests.studiolo.packaging.conftest import put_base

SETTING = "models.registry.caFile"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def registry(authority: Authority, tmp_path: Path) -> Iterator[RealRegistry]:
    with RealRegistry(tmp_path, certificate=authority.certificate("127.0.0.1")) as running:
        yield running


def place(registry: RealRegistry, ca_file: Path | None) -> RegistryPlace:
    return RegistryPlace(host=registry.host, credentials=lambda _: None, ca_file=ca_file, ca_setting=SETTING)


async def failure(where: RegistryPlace) -> StoreRefused:
    """What is said, after one question and no pause."""

    async def never(_: float) -> None:
        raise AssertionError("asked again")

    store = RegistryStore(where, "models/alice/iris", pause=never)
    try:
        with pytest.raises(StoreRefused) as refused:
            await store.manifest("1")
    finally:
        await store.close()
    return refused.value


async def test_an_image_goes_there_and_comes_back_where_its_authority_is_named(
    registry: RealRegistry, authority: Authority
) -> None:
    store = RegistryStore(place(registry, authority.file), "models/alice/iris")
    base = await put_base(store)
    found = await store.manifest("1")
    assert found is not None
    assert found.digest == base.digest
    await store.close()


async def test_the_usual_authorities_are_trusted_beside_it(registry: RealRegistry, authority: Authority) -> None:
    usual = place(registry, None).trust.cert_store_stats()["x509_ca"]
    assert place(registry, authority.file).trust.cert_store_stats()["x509_ca"] == usual + 1


@pytest.mark.parametrize("name", ["", "other", "authority"], ids=["none", "another", "another of the same name"])
async def test_where_the_setting_names_another_authority_that_is_said_at_once(
    registry: RealRegistry, tmp_path: Path, name: str
) -> None:
    named = Authority(tmp_path / "other", name=name).file if name else None
    refused = await failure(place(registry, named))
    assert str(refused).startswith(f"The certificate of {registry.host} is not trusted: ")
    assert SETTING in refused.hint


async def test_a_certificate_that_has_run_out_is_its_operator_s_affair(authority: Authority, tmp_path: Path) -> None:
    expired = authority.certificate("127.0.0.1", ends=-timedelta(hours=1))
    with RealRegistry(tmp_path, certificate=expired) as registry:
        refused = await failure(place(registry, authority.file))
    assert "expired" in str(refused)
    assert refused.hint == "Its operator has to renew it."


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_file_without_certificates_is_said_with_the_setting(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.crt"
    if content is not None:
        file.write_text(content)
    with pytest.raises(StoreRefused, match=rf"^{SETTING}: {file} holds no certificates"):
        RegistryStore(RegistryPlace(host="registry.example.org", ca_file=file, ca_setting=SETTING), "a")


async def test_a_file_that_changes_is_read_anew(registry: RealRegistry, authority: Authority, tmp_path: Path) -> None:
    file = tmp_path / "ca.crt"
    file.write_bytes(Authority(tmp_path / "old", name="old").file.read_bytes())
    where = place(registry, file)
    assert (await failure(where)).hint
    file.write_bytes(authority.file.read_bytes())
    os.utime(file, ns=(1, 1))  # as a mounted ConfigMap: another file, with another time
    store = RegistryStore(where, "a")
    assert await store.manifest("1") is None
    await store.close()


async def test_a_registry_that_is_away_is_no_matter_of_trust(registry: RealRegistry, authority: Authority) -> None:
    async def no_pause(_: float) -> None: ...

    registry.kill()
    store = RegistryStore(place(registry, authority.file), "a", pause=no_pause)
    with pytest.raises(StoreAway, match="does not answer"):
        await store.manifest("1")
    await store.close()


async def test_the_command_line_reads_the_file_that_programs_here_read(
    registry: RealRegistry, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    store, tag = registry_store(f"{registry.host}/models/iris:1", allow_http=False)
    assert await store.manifest(tag) is None
    await store.close()
