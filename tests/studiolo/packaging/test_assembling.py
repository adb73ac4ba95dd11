"""From a folder to an image: the same image everywhere, what is there is not sent, and nothing half is ever named."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import zstandard

from studiolo.packaging.assemble import ReadyLayer, assemble, copy_image
from studiolo.packaging.errors import PackagingError, ProjectRefused, StoreConflict, StoreRefused
from studiolo.packaging.images import Base, Blob, as_bytes, stands_on_image
from studiolo.packaging.inspection import inspect_file
from studiolo.packaging.layers import Compression, LayerFile, write_layer
from studiolo.packaging.layout_store import LayoutStore
from studiolo.packaging.plan import Plan
from studiolo.packaging.project import collect
from studiolo.packaging.registry_store import RegistryPlace, RegistryStore
from tests.fakes.registry import FakeRegistry
from tests.real_registry import RealRegistry
from tests.studiolo.packaging.conftest import put_base

if TYPE_CHECKING:
    from pathlib import Path

    from studiolo.packaging.assemble import Packaged
    from studiolo.packaging.plan import Plan
    from studiolo.packaging.stores import Store

PlanOf = "Callable[..., Plan]"
BASES, MODELS = "studiolo/python", "models/alice/iris"


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return tmp_path / "images"


async def packaged(plan: Plan, images: Path, **more: Any) -> Packaged:
    base = await put_base(LayoutStore(images, BASES))
    return await assemble(plan, LayoutStore(images, MODELS), base, tag=plan.version, base_repository=BASES, **more)


async def described(store: Store, reference: str) -> tuple[dict[str, Any], dict[str, Any]]:
    found = await store.manifest(reference)
    assert found is not None
    manifest = json.loads(found.content)
    return manifest, json.loads(await store.get(manifest["config"]["digest"]))


async def test_an_image_says_whether_it_stands_on_another(folder: Path, images: Path, plan_of: PlanOf) -> None:
    done = await packaged(plan_of(folder), images)
    manifest, _ = await described(LayoutStore(images, MODELS), done.digest)
    assert stands_on_image(as_bytes(manifest))
    alone = await assemble(plan_of(folder), LayoutStore(images, "models/alice/alone"), Base(digest=""), tag="1")
    manifest, _ = await described(LayoutStore(images, "models/alice/alone"), alone.digest)
    assert not stands_on_image(as_bytes(manifest))


async def test_the_image_is_the_base_and_one_layer_more(folder: Path, images: Path, plan_of: PlanOf) -> None:
    plan = plan_of(folder)
    done = await packaged(plan, images)
    store = LayoutStore(images, MODELS)
    manifest, config = await described(store, plan.version)
    base_manifest, base_config = await described(LayoutStore(images, BASES), "1")
    assert [layer["digest"] for layer in manifest["layers"][:-1]] == [one["digest"] for one in base_manifest["layers"]]
    assert {layer["mediaType"] for layer in manifest["layers"]} == {
        "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.oci.image.layer.v1.tar+zstd",
    }
    assert config["rootfs"]["diff_ids"] == [*base_config["rootfs"]["diff_ids"], done.project.diff_id]
    assert config["config"]["User"] == "1000"
    assert "PATH=/usr/bin" in config["config"]["Env"]
    assert manifest["annotations"]["org.opencontainers.image.base.name"] == "base:1"
    content = await store.get(done.project.digest)
    plain = zstandard.ZstdDecompressor().decompressobj().decompress(content)
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        names = archive.getnames()
    assert [name for name in names if "." in name] == [
        "opt/studiolo/entry/contract.json",
        "opt/studiolo/entry/model.py",
        "opt/studiolo/model/features/scale.py",
        "opt/studiolo/model/iris.ipynb",
        "opt/studiolo/model/rows.csv",
    ]


async def test_the_contract_is_in_a_label_and_in_the_image(folder: Path, images: Path, plan_of: PlanOf) -> None:
    plan = plan_of(folder)
    await packaged(plan, images)
    _, config = await described(LayoutStore(images, MODELS), plan.version)
    contract = json.loads(config["config"]["Labels"]["dev.studiolo.model.contract"])
    assert contract["methods"] == ["train"]
    assert contract["hyperparameters"]["properties"]["rounds"] == {"type": "integer", "default": 3}


async def test_nothing_of_a_person_a_place_or_a_time_is_in_it(folder: Path, images: Path, plan_of: PlanOf) -> None:
    plan = plan_of(folder)
    done = await packaged(plan, images)
    _, config = await described(LayoutStore(images, MODELS), plan.version)
    assert config["created"] == "1970-01-01T00:00:00Z"
    assert str(folder) not in json.dumps(config)
    assert str(folder).encode() not in await LayoutStore(images, MODELS).get(done.project.digest)


async def test_a_second_time_nothing_is_sent_and_it_is_the_same(folder: Path, images: Path, plan_of: PlanOf) -> None:
    first = await packaged(plan_of(folder), images)
    second = await packaged(plan_of(folder), images)
    assert (first.is_new, second.is_new, second.sent_bytes) == (True, False, 0)
    assert first.sent_bytes == first.project.size
    assert second.digest == first.digest


async def test_a_copy_of_the_folder_elsewhere_gives_the_same_digest(
    folder: Path, tmp_path: Path, images: Path, plan_of: PlanOf
) -> None:
    first = await packaged(plan_of(folder), images)
    other = tmp_path / "another place" / "copy"
    shutil.copytree(folder, other, copy_function=shutil.copyfile)
    second = await packaged(plan_of(other), tmp_path / "other images")
    assert second.digest == first.digest


async def test_both_stores_give_the_same_digest(folder: Path, tmp_path: Path, images: Path, plan_of: PlanOf) -> None:
    plan = plan_of(folder)
    first = await packaged(plan, images)
    with RealRegistry(tmp_path) as real:
        place = RegistryPlace(host=real.host, allow_http=True)
        bases, store = RegistryStore(place, BASES), RegistryStore(place, MODELS)
        base = await put_base(bases)
        second = await assemble(plan, store, base, tag=plan.version, base_repository=BASES)
        assert second.digest == first.digest
        assert second.sent_bytes == second.project.size
        assert (await assemble(plan, store, base, tag=plan.version, base_repository=BASES)).sent_bytes == 0
        for one in (bases, store):
            await one.close()


async def test_an_image_in_a_folder_moves_to_a_registry_and_keeps_its_digest(
    folder: Path, tmp_path: Path, images: Path, plan_of: PlanOf
) -> None:
    plan = plan_of(folder)
    first = await packaged(plan, images)
    with RealRegistry(tmp_path) as real:
        place = RegistryPlace(host=real.host, allow_http=True)
        target = RegistryStore(place, MODELS)
        assert await copy_image(plan.version, LayoutStore(images, MODELS), target, tag="7") == first.digest
        assert await target.tags() == ("7",)
        await target.close()


async def test_the_same_version_with_other_content_is_refused(folder: Path, images: Path, plan_of: PlanOf) -> None:
    base = await put_base(LayoutStore(images, BASES))
    store = LayoutStore(images, MODELS)
    await assemble(plan_of(folder), store, base, tag="1.0", base_repository=BASES)
    (folder / "rows.csv").write_text("other")
    with pytest.raises(StoreConflict, match=r"iris:1\.0 is there already, with other content"):
        await assemble(plan_of(folder), store, base, tag="1.0", base_repository=BASES)


async def test_layers_between_base_and_project_are_sent_once_and_mounted_after(
    folder: Path, images: Path, plan_of: PlanOf
) -> None:
    target = io.BytesIO()
    runner = write_layer(
        [LayerFile(path="opt/studiolo/runner/run.py", size=1, read=lambda: b"x")], target, compression=Compression.ZSTD
    )
    ready = ReadyLayer(layer=runner, opened=lambda: io.BytesIO(target.getvalue()))
    done = await packaged(plan_of(folder), images, below=[ready])
    assert done.sent_bytes == runner.size + done.project.size
    await LayoutStore(images, "studiolo/runner").mount(
        Blob(digest=runner.digest, size=runner.size, media_type=runner.media_type), source=MODELS
    )
    base = await put_base(LayoutStore(images, BASES))
    again = await assemble(
        plan_of(folder),
        LayoutStore(images, "models/bob/iris"),
        base,
        tag="1",
        base_repository=BASES,
        below=[ReadyLayer(layer=runner, repository="studiolo/runner")],
    )
    assert again.sent_bytes == again.project.size
    assert again.digest == done.digest


async def test_a_base_that_cannot_be_mounted_is_copied(
    folder: Path, tmp_path: Path, images: Path, plan_of: PlanOf
) -> None:
    other = LayoutStore(tmp_path / "elsewhere", BASES)
    base = await put_base(other)
    store = LayoutStore(images, MODELS)
    done = await assemble(plan_of(folder), store, base, tag="1", base_store=other)
    assert done.sent_bytes == done.project.size + sum(layer.size for layer in base.layers)
    with pytest.raises(StoreRefused, match="is not where it should be"):
        await assemble(plan_of(folder), LayoutStore(images, "models/bob/iris"), base, tag="1")


async def test_without_an_image_below_there_is_the_project_alone(folder: Path, images: Path, plan_of: PlanOf) -> None:
    await assemble(plan_of(folder), LayoutStore(images, MODELS), Base(digest=""), tag="1")
    manifest, config = await described(LayoutStore(images, MODELS), "1")
    assert len(manifest["layers"]) == len(config["rootfs"]["diff_ids"]) == 1
    assert "org.opencontainers.image.base.digest" not in manifest["annotations"]


async def test_a_file_that_changes_meanwhile_ends_it_without_a_trace(
    folder: Path, images: Path, plan_of: PlanOf
) -> None:
    plan = plan_of(folder)
    (folder / "rows.csv").write_text("a,b\n5,6\n")
    with pytest.raises(ProjectRefused, match="changed while it was packaged"):
        await packaged(plan, images)
    assert await LayoutStore(images, MODELS).tags() == ()


class DiesAtRequest:
    """A registry that is killed when it gets its nth request that writes, and stays away."""

    def __init__(self, fake: FakeRegistry, number: int) -> None:
        self._fake = fake
        self.left = number
        self.transport = httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if self.left <= 0:
            raise httpx.ConnectError("connection refused")
        if request.method in {"POST", "PUT", "PATCH"}:
            self.left -= 1
        return self._fake.transport.handle_request(request)


@pytest.mark.parametrize("number", range(12))
async def test_a_registry_that_dies_at_any_moment_names_no_half_image_and_the_next_try_completes_it(
    folder: Path, plan_of: PlanOf, number: int
) -> None:
    fake = FakeRegistry()

    async def no_pause(_: float) -> None: ...

    def store(transport: httpx.AsyncBaseTransport, repository: str) -> RegistryStore:
        place = RegistryPlace(host=fake.host, credentials=lambda _: None)
        return RegistryStore(place, repository, transport=transport, pause=no_pause)

    base = await put_base(store(fake.transport, BASES))
    plan, dying = plan_of(folder), DiesAtRequest(fake, number)
    try:
        await assemble(plan, store(dying.transport, MODELS), base, tag="1", base_repository=BASES)
    except PackagingError:
        assert dying.left == 0
    for content, _ in fake.manifests.values():
        named = json.loads(content)
        assert {blob["digest"] for blob in [named["config"], *named["layers"]]} <= set(fake.content)
    done = await assemble(plan, store(fake.transport, MODELS), base, tag="1", base_repository=BASES)
    assert (await described(store(fake.transport, MODELS), "1"))[0]["layers"][-1]["digest"] == done.project.digest


@pytest.mark.parametrize("number", range(1, 5))
async def test_a_real_registry_killed_after_each_layer_has_no_half_tag(
    folder: Path, tmp_path: Path, plan_of: PlanOf, number: int
) -> None:
    with RealRegistry(tmp_path) as real:
        place = RegistryPlace(host=real.host, allow_http=True)

        async def no_pause(_: float) -> None: ...

        bases = RegistryStore(place, BASES)
        base = await put_base(bases, layers=3)
        writes = 0

        async def count(request: httpx.Request) -> None:
            nonlocal writes
            if request.method in {"POST", "PUT", "PATCH"}:
                writes += 1
                if writes == number:
                    real.kill()

        store = RegistryStore(place, MODELS, pause=no_pause)
        store._http.event_hooks = {"request": [count]}
        with pytest.raises(PackagingError):
            await assemble(plan_of(folder), store, base, tag="1", base_repository=BASES)
        real.start()
        after = RegistryStore(place, MODELS)
        assert await after.manifest("1") is None
        done = await assemble(plan_of(folder), after, base, tag="1", base_repository=BASES)
        assert done.is_new
        for one in (bases, store, after):
            await one.close()


@pytest.mark.parametrize(
    ("asked", "commit", "diff", "version"),
    [
        pytest.param("1.0", "a" * 40, "", "1.0", id="what is asked for"),
        pytest.param("", "a" * 40, "", "a" * 12, id="the commit, where everything is committed"),
        pytest.param("", "a" * 40, "+x", "", id="the content, where something is not"),
        pytest.param("", "", "", "", id="the content, without git"),
    ],
)
def test_which_version_it_is(asked: str, commit: str, diff: str, version: str, folder: Path) -> None:
    plan = Plan(inspection=inspect_file(folder / "iris.ipynb"), project=collect(folder), source="iris.ipynb")
    assert plan.version_at(asked=asked, commit=commit, uncommitted=diff) == (version or plan.version)
