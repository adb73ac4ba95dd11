"""Model packages over REST, into a real folder and a real registry: what their owner may do, and what nobody may."""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from hub.app import RunningServices
from hub.keys import Keys
from hub.settings import Settings, effective
from spawner.data_directory import DataDirectory
from studiolo.client import HubFault, NotAllowed, NotFound, Refused, Studiolo
from studiolo.packaging.image_archive import keep_archive
from studiolo.packaging.layout_store import LayoutStore
from studiolo.packaging.provenance import statements_of
from studiolo.packaging.registry_store import RegistryPlace, RegistryStore
from studiolo.packaging.stores import Store
from studiolo.packaging.transport import archive_of
from tests.hub.builder.conftest import client_of, files_of, notebook_of, wanted
from tests.hub.conftest import free_port
from tests.real_registry import RealRegistry

Headers = dict[str, str]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    with RealRegistry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(params=["folder", "registry"])
def settings(data: DataDirectory, request: pytest.FixtureRequest) -> Settings:
    """Settings with each kind of place."""
    place: dict[str, Any] = {}
    if request.param == "registry":
        found: RealRegistry = request.getfixturevalue("registry")
        place = {
            "models.registry.host": found.host,
            "models.registry.allowHttp": True,
            "models.registry.prefix": uuid4().hex,
        }
    address = f"http://127.0.0.1:{free_port()}"
    return effective(data.root, {"hub.port": free_port(), "services.url": address, "proxy.port": 1024, **place})


@pytest.fixture
def url(settings: Settings) -> str:
    return settings.services.url


@pytest.fixture
async def alice(services: httpx.AsyncClient, fake_hub: Any, url: str) -> Any:
    async with client_of(url, fake_hub.knows_for_test("alice")) as client:
        yield client


@pytest.fixture
async def bob(services: httpx.AsyncClient, fake_hub: Any, url: str) -> Any:
    async with client_of(url, fake_hub.knows_for_test("bob")) as client:
        yield client


def store_of(settings: Settings, repository: str) -> Store:
    found = settings.models.registry
    if found.host:
        return RegistryStore(RegistryPlace(host=found.host, allow_http=True), f"{found.prefix}/{repository}")
    return LayoutStore(settings.data.models, repository)


async def test_a_person_plans_packages_lists_and_deletes(alice: Studiolo, settings: Settings, folder: Path) -> None:
    plan = await alice.plan_model(wanted(), files_of(folder))
    assert (plan.name, plan.problems, plan.is_packaged) == ("iris", (), False)
    assert plan.methods == ("train", "predict")
    assert [cell.kept for cell in plan.cells] == [True, False]
    assert await alice.models() == ()

    made = await alice.package_model(wanted(), files_of(folder))
    assert (made.is_new, made.version, made.files) == (True, plan.version, 3)
    assert made.hyperparameters["properties"]["rounds"] == {"default": 3, "type": "integer"}
    assert made.reference.endswith(f"models/alice/iris@{made.digest}")
    images = store_of(settings, "models/alice/iris")
    try:
        found = await images.manifest(made.version)
        assert found is not None
        assert found.digest == made.digest

        (listed,) = await alice.models()
        assert listed == made.model_copy(update={"is_new": False})
        assert await alice.model("iris") == listed
        assert (await alice.plan_model(wanted(), files_of(folder))).is_packaged
        await alice.delete_model("iris", made.version)
        assert await alice.models() == ()
        assert await images.manifest(made.version) is None
    finally:
        await images.close()
    with pytest.raises(NotFound, match='You have no model package "iris"'):
        await alice.model("iris")


async def test_a_second_click_says_that_it_is_packaged_already(alice: Studiolo, folder: Path) -> None:
    first = await alice.package_model(wanted(), files_of(folder))
    again = await alice.package_model(wanted(), files_of(folder))
    assert (first.is_new, again.is_new) == (True, False)
    assert again == first.model_copy(update={"is_new": False})


async def test_two_clicks_at_once_make_one_package(alice: Studiolo, folder: Path) -> None:
    both = await asyncio.gather(*(alice.package_model(wanted(), files_of(folder)) for _ in range(2)))
    assert sorted(one.is_new for one in both) == [False, True]
    assert len(await alice.models()) == 1


async def test_other_content_under_a_version_is_refused_with_what_to_do(alice: Studiolo, folder: Path) -> None:
    await alice.package_model(wanted(version="1.0"), files_of(folder))
    (folder / "rows.csv").write_text("changed\n")
    with pytest.raises(Refused, match=r"iris 1.0 is there already, with other content.*another version"):
        await alice.package_model(wanted(version="1.0"), files_of(folder))
    second = await alice.package_model(wanted(version="1.1"), files_of(folder))
    assert [one.version for one in await alice.models()] == ["1.1", "1.0"]
    assert (await alice.model("iris")).digest == second.digest


async def test_a_version_that_was_kept_and_never_recorded_stands_in_nobody_s_way(
    alice: Studiolo, settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: Any) -> None:
        raise RuntimeError("killed before it was recorded")

    with monkeypatch.context() as patched:
        patched.setattr("hub.builder.store.add_package", dies)
        with pytest.raises(HubFault):
            await alice.package_model(wanted(version="1.0"), files_of(folder))
    images = store_of(settings, "models/alice/iris")
    try:
        assert await images.tags() == ("1.0",)
        (folder / "rows.csv").write_text("changed since\n")
        made = await alice.package_model(wanted(version="1.0"), files_of(folder))
        found = await images.manifest("1.0")
    finally:
        await images.close()
    assert made.is_new
    assert found is not None
    assert found.digest == made.digest


async def test_a_version_that_is_the_same_image_as_another_leaves_the_other_when_it_goes(
    alice: Studiolo, folder: Path
) -> None:
    await alice.package_model(wanted(version="a"), files_of(folder))
    second = await alice.package_model(wanted(version="b"), files_of(folder))
    assert second.same_content == ("a",)
    await alice.delete_model("iris", "a")
    saved = io.BytesIO()
    await alice.save_model_image("iris", "b", saved)
    assert (await alice.models())[0].version == "b"


async def test_an_image_can_be_downloaded_and_is_whole(alice: Studiolo, folder: Path, tmp_path: Path) -> None:
    made = await alice.package_model(wanted(), files_of(folder))
    saved = io.BytesIO()
    size = await alice.save_model_image("iris", made.version, saved)
    assert size == len(saved.getvalue())
    saved.seek(0)
    with tarfile.open(fileobj=saved) as archive:
        archive.extractall(tmp_path / "layout", filter="data")
    images = LayoutStore(tmp_path, "layout")
    found = await images.manifest(made.version)
    assert found is not None
    assert found.digest == made.digest
    for blob in json.loads(found.content)["layers"]:
        assert len(await images.get(blob["digest"])) == blob["size"]


async def test_beside_its_image_stands_where_it_comes_from_also_where_that_is_downloaded(
    alice: Studiolo, bob: Studiolo, folder: Path, tmp_path: Path
) -> None:
    made = await alice.package_model(wanted(commit="a" * 40, diff="+password = 'hunter2 hunter2'"), files_of(folder))
    await alice.package_model(wanted(commit="a" * 40, diff="+password = 'hunter2 hunter2'"), files_of(folder))
    (said,) = await alice.model_provenance("iris", made.version)
    assert said["subject"] == [{"name": "models/alice/iris", "digest": {"sha256": made.digest[7:]}}]
    definition = said["predicate"]["buildDefinition"]
    assert definition["internalParameters"]["by"] == "alice"
    parts = {part["name"]: part["digest"] for part in definition["resolvedDependencies"]}
    assert parts["source"] == {"sha256": made.source_sha256}
    assert parts["files"] == {"studioloTree": made.tree_sha256}
    assert parts["commit"] == {"gitCommit": "a" * 40}
    assert list(parts["uncommitted"]) == ["sha256"]
    assert "hunter2" not in json.dumps(said)

    with (tmp_path / "image.tar").open("w+b") as saved:
        await alice.save_model_image("iris", made.version, saved)
        saved.seek(0)
        here = LayoutStore(tmp_path / "here", "models/alice/iris")
        assert await keep_archive(saved, here) == made.digest
    assert await statements_of(here, made.digest) == (said,)
    assert await here.tags() == (made.version,)

    with pytest.raises(NotFound):
        await bob.model_provenance("iris", made.version)


async def test_everything_that_is_wrong_is_said_at_once(alice: Studiolo, folder: Path) -> None:
    (folder / "keys.py").write_text("a = 1\nTOKEN = 'ghp_0123456789abcdefghij'\n")
    with pytest.raises(Refused) as refused:
        await alice.package_model(wanted(name="No Name", version="-x"), files_of(folder))
    said = str(refused.value)
    assert all(part in said for part in ("name: ", "version: ", "keys.py, line 2", "keys.py:2"))
    with pytest.raises(Refused) as refused:
        await alice.package_model(wanted(environment="pythn", source="gone.ipynb"), files_of(folder))
    assert all(part in str(refused.value) for part in ("gone.ipynb", '"pythn"', "python"))


async def test_what_looks_like_a_secret_goes_in_where_it_is_allowed_and_that_is_remembered(
    alice: Studiolo, folder: Path
) -> None:
    (folder / "keys.py").write_text("TOKEN = 'ghp_0123456789abcdefghij'\n")
    made = await alice.package_model(wanted(allowed_secrets=["keys.py:1"]), files_of(folder))
    assert made.overridden == ("keys.py:1",)


async def test_where_everything_is_committed_the_version_is_the_commit(alice: Studiolo, folder: Path) -> None:
    clean = await alice.package_model(wanted(commit="0123456789abcdef0123"), files_of(folder))
    assert (clean.version, clean.commit, clean.has_diff) == ("0123456789ab", "0123456789abcdef0123", False)
    changed = await alice.package_model(wanted(commit="0123456789abcdef0123", diff="+ x"), files_of(folder))
    assert changed.version == changed.tree_sha256[:12]
    assert changed.has_diff


async def test_a_notebook_that_means_harm_is_refused_and_hurts_nobody(
    alice: Studiolo, bob: Studiolo, folder: Path
) -> None:
    (folder / "iris.ipynb").write_text(notebook_of("(" * 100_000, "\0", "x = '\ud800'"))
    harm = asyncio.create_task(alice.package_model(wanted(), files_of(folder)))
    assert await bob.models() == ()
    with pytest.raises(Refused, match="Model"):
        await harm


async def test_nobody_else_sees_that_there_is_one(alice: Studiolo, bob: Studiolo, folder: Path) -> None:
    made = await alice.package_model(wanted(), files_of(folder))
    assert await bob.models() == ()
    for asking in (bob.model("iris"), bob.delete_model("iris", made.version)):
        with pytest.raises(NotFound):
            await asking
    with pytest.raises(NotFound):
        await bob.save_model_image("iris", made.version, io.BytesIO())
    same = await bob.package_model(wanted(), files_of(folder))
    assert same.is_new
    assert same.digest == made.digest
    assert "models/bob/iris" in same.reference
    await bob.delete_model("iris", same.version)
    await alice.save_model_image("iris", made.version, io.BytesIO())


async def test_members_add_to_a_team_and_who_leads_it_deletes(
    alice: Studiolo, bob: Studiolo, fake_hub: Any, folder: Path
) -> None:
    fake_hub.team_for_test("vision", "alice", "bob", leads=("alice",))
    made = await bob.package_model(wanted(team="vision"), files_of(folder))
    assert "models/team--vision/iris" in made.reference
    (seen,) = await alice.models(team="vision")
    assert (seen.by, seen.may_delete) == ("bob", True)
    assert not (await bob.model("iris", team="vision")).may_delete
    with pytest.raises(NotAllowed, match="Only who leads"):
        await bob.delete_model("iris", made.version, team="vision")
    await alice.delete_model("iris", made.version, team="vision")
    fake_hub.team_for_test("sound", "carol")
    with pytest.raises(NotFound, match='You are in no team "sound"'):
        await bob.package_model(wanted(team="sound"), files_of(folder))


async def test_a_service_with_a_persons_name_is_not_that_person(
    services: httpx.AsyncClient, fake_hub: Any, keys: Keys
) -> None:
    for headers in (
        fake_hub.knows_for_test("alice", kind="service"),
        {"Authorization": f"token {keys.hub_token}"},
        {},
    ):
        assert (await services.get("api/models", headers=headers)).status_code == 403
        sent = await services.post("api/models", headers=headers | {"Content-Type": "application/x-tar"})
        assert sent.status_code == 403


async def test_archives_that_are_none_are_refused_in_words(
    services: httpx.AsyncClient, fake_hub: Any, folder: Path
) -> None:
    headers = fake_hub.knows_for_test("alice")

    async def post(content: bytes, kind: str = "application/x-tar") -> tuple[int, str]:
        answer = await services.post("api/models", content=content, headers=headers | {"Content-Type": kind})
        return answer.status_code, answer.json()["message"]

    archive = b"".join(archive_of(wanted(), files_of(folder)))
    assert await post(archive, "application/json") == (415, "Send an archive, as application/x-tar.")
    assert (await post(b""))[0] == 400
    assert "breaks off" in (await post(archive[: len(archive) // 2]))[1]
    assert "none of ustar" in (await post(b"x" * 2048))[1]
    sent = await services.post("api/models", content=archive, headers=headers | {"Content-Type": "application/x-tar"})
    assert sent.status_code == 201


async def test_more_than_may_be_is_refused_while_it_arrives(
    data: DataDirectory, keys: Keys, settings: Settings, fake_hub: Any, folder: Path
) -> None:
    (folder / "large.bin").write_bytes(b"x" * 3_000_000)
    small = settings.model_copy(update={"models": settings.models.model_copy(update={"most_bytes": 2**20})})
    async with RunningServices(small, keys), client_of(small.services.url, fake_hub.knows_for_test("alice")) as alice:
        with pytest.raises(Refused, match=r"more than 1 MiB.*\.modelignore"):
            await alice.package_model(wanted(), files_of(folder))
        assert await alice.models() == ()
