"""Where values are kept: sealed for one owner and name, or a Secret each that nobody of ours reads."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from hub.credentials.credential import Content, Credential, Owner, Purpose
from hub.credentials.errors import ValueLost, VaultAway
from hub.credentials.keeping import SealedVault
from hub.credentials.secret_keeping import SecretVault, secret_manifest
from hub.database import Database
from hub.settings import Settings
from spawner.credential_keys import secret_key
from spawner.credentials import CredentialKind
from spawner.installation import Installation
from tests.fakes.fake_kubernetes import NAMESPACE, FakeKubernetes

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
INSTALLATION = Installation(namespace=NAMESPACE, release="studiolo", homes=None)
CONTENT = Content(env={"HF_TOKEN": "v1"}, files={"~/.x/y z": "ä\n"})


def credential(owner: str = "alice", name: str = "hf") -> Credential:
    return Credential(
        owner=Owner.person(owner),
        name=name,
        purpose=Purpose(kind=CredentialKind.ENV, variable="HF_TOKEN"),
        always=True,
        env=("HF_TOKEN",),
        files=(),
        public_key="",
        fingerprint="",
        created=NOON,
        changed=NOON,
    )


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = Database(settings.database_url)
    database.upgrade()
    yield database
    database.close()


@pytest.fixture
def sealed(database: Database) -> SealedVault:
    return SealedVault(database, lambda: b"k" * 32)


@pytest.fixture
async def kubernetes() -> AsyncIterator[FakeKubernetes]:
    async with FakeKubernetes() as fake:
        yield fake


async def test_what_was_sealed_opens_again_and_the_last_value_counts(sealed: SealedVault) -> None:
    await sealed.save(credential(), Content(env={"HF_TOKEN": "v0"}))
    await sealed.save(credential(), CONTENT)
    assert await sealed.open(credential()) == CONTENT
    await sealed.remove(credential())
    await sealed.remove(credential())
    with pytest.raises(ValueLost):
        await sealed.open(credential())


async def test_a_row_that_was_copied_to_another_person_or_name_does_not_open(
    sealed: SealedVault, database: Database
) -> None:
    await sealed.save(credential(), CONTENT)
    for other in (credential("bob"), credential(name="other")):
        await database.run(
            lambda session, other=other: session.execute(
                text("INSERT INTO sealed_credential SELECT :to, sealed FROM sealed_credential WHERE reference = :of"),
                {"to": other.reference, "of": credential().reference},
            )
        )
        with pytest.raises(ValueLost):
            await sealed.open(other)


async def test_the_same_value_is_sealed_differently_each_time(sealed: SealedVault, database: Database) -> None:
    seen = set()
    for _ in range(3):
        await sealed.save(credential(), CONTENT)
        seen.add(await database.run(lambda session: session.scalar(text("SELECT sealed FROM sealed_credential"))))
    assert len(seen) == 3


async def test_another_key_opens_nothing(sealed: SealedVault, database: Database) -> None:
    await sealed.save(credential(), CONTENT)
    with pytest.raises(ValueLost) as lost:
        await SealedVault(database, lambda: b"x" * 32).open(credential())
    assert lost.value.__cause__ is None


def test_a_secret_has_a_key_for_each_variable_and_file_and_says_whose_it_is() -> None:
    manifest = secret_manifest(credential("Alice@x.org"), CONTENT, INSTALLATION)
    labels = manifest["metadata"]["labels"]
    assert labels["studiolo.dev/release"] == "studiolo"
    assert labels["studiolo.dev/kind"] == "credential"
    assert labels["studiolo.dev/owner"].startswith("alice-x-org---")
    assert labels["studiolo.dev/owner-kind"] == "person"
    assert {key: base64.b64decode(value).decode() for key, value in manifest["data"].items()} == {
        "HF_TOKEN": "v1",
        secret_key("~/.x/y z"): "ä\n",
    }


def test_the_secret_of_a_team_is_told_from_that_of_a_person_of_its_name() -> None:
    own, of_team = credential("vision"), replace(credential(), owner=Owner.of_team("vision"))
    manifests = [secret_manifest(one, CONTENT, INSTALLATION)["metadata"] for one in (own, of_team)]
    assert [manifest["name"] for manifest in manifests] == ["credential-vision--hf", "team-credential-vision--hf"]
    assert [manifest["labels"]["studiolo.dev/owner-kind"] for manifest in manifests] == ["person", "team"]


def test_the_names_of_secrets_are_one_to_one_with_owner_and_name() -> None:
    owners = ("alice", "Alice", "alice--a", "alice---a", "x" * 200, "..", "a/b", "ä", "credential-alice")
    people = [credential(owner, name) for owner in owners for name in ("a", "b-c", "x" * 40)]
    everyone = [
        one.reference for one in (*people, *(replace(one, owner=Owner.of_team(one.owner.name)) for one in people))
    ]
    assert len(set(everyone)) == len(everyone)
    assert all(len(name) <= 253 and name.strip("abcdefghijklmnopqrstuvwxyz0123456789-") == "" for name in everyone)


async def test_a_secret_is_made_replaced_and_removed_and_never_read(kubernetes: FakeKubernetes) -> None:
    async with kubernetes.kube() as kube:

        async def connect() -> object:
            return kube

        vault = SecretVault(connect, INSTALLATION)  # type: ignore[arg-type]
        await vault.save(credential(), CONTENT)
        await vault.save(credential(), CONTENT)
        assert vault.secret_of(credential()) == "credential-alice--hf"
        await vault.remove(credential())
        await vault.remove(credential())
    assert kubernetes.requests_for_test == {"update secrets": 2, "create secrets": 1, "delete secrets": 2}


@pytest.mark.parametrize("status", [403, 422, 429, 500, 503])
async def test_a_refusal_of_kubernetes_is_told_without_its_words(
    kubernetes: FakeKubernetes, status: int, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    async with kubernetes.kube() as kube:

        async def connect() -> object:
            return kube

        vault = SecretVault(connect, INSTALLATION)  # type: ignore[arg-type]
        kubernetes.fail_for_test(status, body=b'{"message": "data: Invalid value: \\"canary\\"", "reason": "Invalid"}')
        with pytest.raises(VaultAway) as away:
            await vault.save(credential(), CONTENT)
    assert away.value.__cause__ is None
    assert away.value.__suppress_context__
    assert "canary" not in f"{away.value} {away.value.hint} {caplog.text} {capfd.readouterr()}"
