"""The home comes before the pod; without a home there is no pod, and a sentence."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from spawner.errors import HomeNotUsable, HomesAway
from spawner.file_owner import FileOwner
from spawner.homes import HomeService
from spawner.installation import HomesVolume
from spawner.manifest import pod_traits
from spawner.progress import Phase, PhaseState
from spawner.refusals import to_spawn_exception
from spawner.team_mounts import shared_folders
from studiolo.catalog_model import DataFolder
from tests.spawner.cluster.conftest import INSTALLATION, NAME, PATIENCE_SECONDS, Cluster, run


@dataclass
class Asked:
    """A home service that notes what pods there are when it is asked."""

    cluster: Cluster
    status: int = 200
    state: str = "ok"
    message: str = ""
    homes: list[tuple[str, list[str]]] = field(default_factory=list)
    shared: list[str] = field(default_factory=list)
    refused: tuple[str, ...] = ()
    owners: set[str] = field(default_factory=set)
    """What was said of whose the home is."""

    async def ensure(self, request: web.Request) -> web.Response:
        self.homes.append((request.match_info["home"], self.cluster.names()))
        self.owners.add(request.query_string)
        return web.json_response({"message": self.message, "state": self.state}, status=self.status)

    async def share(self, request: web.Request) -> web.Response:
        team = request.match_info["team"]
        self.shared.append(team)
        self.owners.add(request.query_string)
        is_refused = team in self.refused
        return web.json_response({"message": "It is a file."} if is_refused else {}, status=409 if is_refused else 200)


@asynccontextmanager
async def service_of(asked: Asked) -> AsyncIterator[HomeService]:
    app = web.Application()
    app.router.add_post("/homes/{home}", asked.ensure)
    app.router.add_post("/homes/{home}/shared/{team}", asked.share)
    async with (
        TestServer(app) as server,
        HomeService(f"http://127.0.0.1:{server.port}", "token", seconds=PATIENCE_SECONDS) as homes,
    ):
        yield homes


async def test_the_home_is_made_before_the_pod(cluster: Cluster) -> None:
    asked = Asked(cluster)
    async with service_of(asked) as homes:
        begun = await run(cluster, homes=homes)
        cluster.is_running()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await begun
    assert asked.homes == [("alice", [])]


async def test_the_home_of_somebody_with_a_user_number_is_made_as_theirs(cluster: Cluster) -> None:
    asked = Asked(cluster)
    cluster.plan = cluster.plan.owned_by(FileOwner(uid=5001, gid=6001))
    async with service_of(asked) as homes:
        await mounts_of_a_start_with_teams(cluster, homes)
    assert asked.owners == {"uid=5001&gid=6001"}


async def test_a_home_that_is_being_given_to_its_person_is_said_to_be(cluster: Cluster) -> None:
    said = "Your files are being given to your new user number, one by one."
    async with service_of(Asked(cluster, status=504, message=said)) as homes:
        error = await fails(cluster, homes)
    assert isinstance(error, HomesAway)
    assert said in error.text


async def fails(cluster: Cluster, homes: Any) -> Exception:
    with pytest.raises((HomesAway, HomeNotUsable)) as failed:
        await cluster.start(homes=homes).run()
    assert cluster.names() == []
    assert cluster.names("secrets") == []
    return failed.value


async def test_a_home_that_does_not_answer_ends_the_start_with_a_sentence_and_an_offer(cluster: Cluster) -> None:
    async with HomeService("http://127.0.0.1:9", "token", seconds=0.1) as homes:
        error = await fails(cluster, homes)
    assert isinstance(error, HomesAway)
    assert "Your home directory does not answer" in error.text
    assert "did not answer within 0.1 s" in error.text
    assert [offer.label for offer in error.offers] == ["Try again", "Start with an empty home"]
    assert [offer.choice.has_empty_home for offer in error.offers] == [False, True]
    assert to_spawn_exception(error).status_code == 503


async def test_a_home_that_cannot_be_made_ends_the_start_with_the_reason(cluster: Cluster) -> None:
    async with service_of(Asked(cluster, status=500, message="No space left on device.")) as homes:
        error = await fails(cluster, homes)
    assert isinstance(error, HomeNotUsable)
    assert "No space left on device." in error.text
    assert [offer.label for offer in error.offers] == ["Try again", "Start with an empty home"]


async def test_a_home_of_which_nobody_knows_the_state_ends_the_start(cluster: Cluster) -> None:
    async with service_of(Asked(cluster, state="melted")) as homes:
        error = await fails(cluster, homes)
    assert isinstance(error, HomeNotUsable)
    assert "cannot be understood" in error.text


@pytest.mark.parametrize(
    ("state", "sentence"), [("full", "Your home is full"), ("read_only", "Your home can only be read")]
)
async def test_a_home_that_takes_nothing_keeps_nobody_from_starting_and_it_is_said(
    state: str, sentence: str, cluster: Cluster
) -> None:
    async with service_of(Asked(cluster, state=state)) as homes:
        begun = await run(cluster, homes=homes)
        cluster.is_running()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await begun
    (said,) = cluster.board.progress.notices
    assert said.startswith(sentence)
    assert notices_of(cluster) == [{"key": "home", "level": "warning", "text": said}]


def notices_of(cluster: Cluster) -> Any:
    """What JupyterLab is told."""
    (container,) = cluster.api.objects_for_test("pods")[NAME]["spec"]["containers"]
    variables = {one["name"]: one["value"] for one in container["env"] if "value" in one}
    return json.loads(variables["STUDIOLO_NOTICES"])


async def test_who_starts_with_an_empty_home_waits_for_no_disk(cluster: Cluster) -> None:
    asked = Asked(cluster)
    async with service_of(asked) as homes:
        start = replace(cluster.start(homes=homes), plan=replace(cluster.plan, has_empty_home=True))
        begun = asyncio.create_task(start.run())
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (cluster.names() and cluster.names("secrets")):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.005)
            cluster.is_running()
            await begun
    assert asked.homes == []
    homes_of_teams = replace(INSTALLATION, homes=HomesVolume(claim="homes", has_team_folders=True))
    assert shared_folders(start.plan, homes_of_teams) == ()


async def test_the_offer_of_an_empty_home_leaves_out_data_on_the_volume_that_does_not_answer(cluster: Cluster) -> None:
    entries = [DataFolder(name=name, title=name, claim=name, mount=f"/data/{name}") for name in ("homes", "elsewhere")]
    installation = replace(INSTALLATION, homes=HomesVolume(claim="homes"))
    async with HomeService("http://127.0.0.1:9", "token", seconds=0.1) as homes:
        start = cluster.start(homes=homes)
        plan = replace(start.plan, data=tuple(entries))
        with pytest.raises(HomesAway) as failed:
            await replace(start, plan=plan, installation=installation).run()
    assert [offer.choice.data for offer in failed.value.offers] == [("homes", "elsewhere"), ("elsewhere",)]


async def mounts_of_a_start_with_teams(cluster: Cluster, homes: HomeService) -> list[str]:
    """Where the pod of a person in two teams that have folders mounts what is in the volume of the homes."""
    installation = replace(INSTALLATION, homes=HomesVolume(claim="homes", has_team_folders=True))
    plan = replace(cluster.plan, identity=replace(cluster.plan.identity, teams=("nlp", "vision")))
    start = cluster.start(homes=homes)
    container = {"name": "notebook", "image": "x", "volumeMounts": pod_traits(plan, installation)["volume_mounts"]}
    manifest = {**start.manifest, "spec": {"containers": [container]}}
    begun = asyncio.create_task(replace(start, plan=plan, installation=installation, manifest=manifest).run())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (cluster.names() and cluster.names("secrets")) and not begun.done():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)
        cluster.is_running()
        await begun
    pod = cluster.api.objects_for_test("pods")[NAME]
    return [mount["mountPath"] for mount in pod["spec"]["containers"][0]["volumeMounts"] if mount["name"] == "home"]


async def test_the_folders_of_teams_are_made_before_the_pod_that_mounts_them(cluster: Cluster) -> None:
    asked = Asked(cluster)
    async with service_of(asked) as homes:
        mounts = await mounts_of_a_start_with_teams(cluster, homes)
    assert sorted(asked.shared) == ["nlp", "vision"]
    assert mounts == ["/home/jovyan", "/home/jovyan/shared/nlp", "/home/jovyan/shared/vision"]


async def test_a_start_goes_on_without_a_folder_that_something_of_the_person_s_is_in_the_way_of(
    cluster: Cluster,
) -> None:
    async with service_of(Asked(cluster, refused=("nlp",))) as homes:
        mounts = await mounts_of_a_start_with_teams(cluster, homes)
    assert mounts == ["/home/jovyan", "/home/jovyan/shared/vision"]
    assert cluster.board.progress.notices == ("~/shared/nlp is missing in this workspace. It is a file.",)


async def test_a_pod_of_an_earlier_start_is_not_killed_for_it(cluster: Cluster) -> None:
    """Somebody's work may be in it; the spawner's `stop` comes next and gives it time to save."""
    begun = await run(cluster)
    cluster.is_running()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await begun
    async with HomeService("http://127.0.0.1:9", "token", seconds=0.1) as homes:
        with pytest.raises(HomesAway):
            await cluster.start(homes=homes).run()
    (pod,) = cluster.api.objects_for_test("pods").values()
    assert "deletionTimestamp" not in pod["metadata"]


async def test_the_page_shows_at_what_it_failed(cluster: Cluster) -> None:
    async with HomeService("http://127.0.0.1:9", "token", seconds=0.1) as homes:
        await fails(cluster, homes)
    assert cluster.board.progress.of(Phase.ROOM).state is PhaseState.FAILED
