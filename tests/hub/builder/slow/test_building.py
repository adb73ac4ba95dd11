"""From a wish to a base: once for each recipe, wherever the process is ended, and nothing is believed unchecked."""

from __future__ import annotations

import pytest

from hub.builder.slow.derived_base import State
from hub.builder.slow.errors import CannotBuild, NoSuchBase, NothingToBuild, TooManyBuilds
from hub.builder.slow.loop import BETWEEN_LOOKS, LONGEST_PAUSE, PAUSE_WHILE_AWAY
from hub.builder.slow.tables import DerivedBaseRow
from tests.hub.builder.slow.conftest import BUILDS, World


async def test_a_wish_becomes_a_base_that_packages_stand_on(world: World) -> None:
    asked = await world.ask()
    assert asked.state is State.WAITING
    assert await world.look() == BETWEEN_LOOKS
    (job,) = world.jobs()
    assert job.endswith("-1")
    world.pod(job, initContainerStatuses=[{"name": "build", "state": {"running": {"startedAt": "x"}}}])
    await world.look()
    assert (await world.bases.named("alice", asked.key)).phase == "installing the packages"
    digest = await world.pushes(asked.key)
    world.succeeds(job, digest)
    world.clock.passes(minutes=4)
    for _ in range(3):
        await world.look()
    base = await world.bases.named("alice", asked.key)
    assert (base.state, base.digest, base.seconds, base.job) == (State.READY, digest, 240.0, "")
    assert 0 < base.more_bytes < 1000
    assert not world.jobs()
    assert await world.look() == LONGEST_PAUSE

    standing = await world.standing()
    on = await world.bases.standing_for(standing, apt=["g++"], sources="")
    assert (on.problems, on.offer) == ((), None)
    assert on.standing.base.digest == digest
    assert on.standing.base.layers[:-1] == world.base.layers
    assert on.standing.repository == "models/bases"
    assert await world.bases.earlier_seconds() == 240.0


async def test_two_who_ask_for_the_same_get_one_build(world: World) -> None:
    first = await world.ask("alice")
    await world.look()
    again = await world.ask("bob")
    await world.look()
    assert again.key == first.key
    assert again.state is State.BUILDING
    assert len(world.jobs()) == 1
    assert world.kubernetes.requests_for_test["create jobs"] == 1
    assert [one.key for one in await world.bases.of("bob")] == [first.key]


async def test_nobody_sees_what_only_others_asked_for(world: World) -> None:
    asked = await world.ask("alice")
    with pytest.raises(NoSuchBase):
        await world.bases.named("bob", asked.key)
    with pytest.raises(NoSuchBase):
        await world.bases.cancel("bob", asked.key)
    assert await world.bases.of("bob") == ()


async def test_services_may_be_killed_between_any_two_steps(world: World) -> None:
    """Each line of the loop is one process's last; the build comes to its end, and there was one Job."""
    asked = await world.ask()
    await world.restart()
    await world.bases.begin_some()
    await world.restart()
    assert not world.jobs()  # it had begun, and nobody had made the Job
    await world.look()
    await world.restart()
    (job,) = world.jobs()
    digest = await world.pushes(asked.key)
    world.succeeds(job, digest)
    for state in (State.CHECKING, State.READY):
        await world.look()
        await world.restart()
        assert await world.state(asked.key) is state
    await world.look()
    assert not world.jobs()
    assert world.kubernetes.requests_for_test["create jobs"] == 1


async def test_a_job_that_was_made_before_its_process_was_killed_is_found_and_not_made_twice(world: World) -> None:
    asked = await world.ask()
    await world.look()
    (job,) = world.jobs()
    with world.database.transaction() as session:  # as if it had not been written down
        row = session.get(DerivedBaseRow, asked.key)
        assert row is not None
        row.phase = ""
    await world.restart()
    await world.look()
    assert list(world.jobs()) == [job]
    assert await world.state(asked.key) is State.BUILDING


async def test_a_build_that_fails_says_why_with_the_end_of_its_log_and_can_be_asked_for_again(world: World) -> None:
    asked = await world.ask()
    await world.look()
    (job,) = world.jobs()
    world.fails(job, "E: Unable to locate package g+++\n")
    await world.look()
    base = await world.bases.named("alice", asked.key)
    assert base.state is State.FAILED
    assert "end of the log says which" in base.reason
    assert "Unable to locate" in base.log
    again = await world.ask()
    assert again.state is State.WAITING
    for _ in range(3):
        await world.look()
    (other,) = world.jobs()
    assert (other, other.endswith("-2")) == (f"{job[:-2]}-2", True)


@pytest.mark.parametrize(
    ("config", "why"),
    [({"User": "0"}, "(User)"), ({"Env": ["LD_PRELOAD=/x"]}, "(Env)"), ({"Entrypoint": ["/x"]}, "(Entrypoint)")],
)
async def test_an_image_that_says_something_else_of_itself_is_not_used(
    world: World, config: dict[str, object], why: str
) -> None:
    asked = await world.ask()
    await world.look()
    (job,) = world.jobs()
    world.succeeds(job, await world.pushes(asked.key, **config))
    for _ in range(2):
        await world.look()
    base = await world.bases.named("alice", asked.key)
    assert (base.state, base.digest) == (State.FAILED, "")
    assert why in base.reason
    on = await world.bases.standing_for(await world.standing(), apt=["g++"], sources="")
    assert on.offer is not None


async def test_an_image_that_is_not_there_or_is_the_base_itself_is_not_used(world: World) -> None:
    for digest, why in ((f"sha256:{'7' * 64}", "not in the registry"), (world.base.digest, "not in the registry")):
        asked = await world.ask()
        for _ in range(2):
            await world.look()
        (job,) = world.jobs()
        world.succeeds(job, digest)
        for _ in range(2):
            await world.look()
        base = await world.bases.named("alice", asked.key)
        assert base.state is State.FAILED
        assert why in base.reason
        await world.look()


async def test_a_wish_that_is_taken_back_ends_the_build_when_nobody_else_has_it(world: World) -> None:
    asked = await world.ask("alice")
    await world.ask("bob")
    await world.look()
    assert (await world.bases.cancel("bob", asked.key)).state is State.BUILDING
    assert len(world.jobs()) == 1
    assert (await world.bases.cancel("alice", asked.key)).state is State.CANCELLED
    await world.look()
    assert not world.jobs()
    assert await world.look() == LONGEST_PAUSE


async def test_a_deleted_person_has_asked_for_nothing(world: World) -> None:
    await world.ask("alice")
    await world.bases.forget("alice")
    assert await world.bases.of("alice") == ()
    await world.look()
    assert not world.jobs()


async def test_a_build_that_somebody_removed_has_failed(world: World) -> None:
    asked = await world.ask()
    await world.look()
    (job,) = world.jobs()
    world.kubernetes.remove_for_test("jobs", job, namespace=BUILDS)
    await world.look()
    assert await world.state(asked.key) is State.FAILED


async def test_no_more_are_built_at_once_than_may_be(world: World) -> None:
    for number in range(3):
        await world.ask(apt=(f"lib{number}",))
    await world.look()
    assert len(world.jobs()) == world.settings.models.slow_build.at_once == 2
    for job in world.jobs():
        world.fails(job, "")
    for _ in range(2):
        await world.look()
    assert len(world.jobs()) == 1


async def test_a_person_and_a_team_each_have_so_many_a_day(world: World) -> None:
    for number in range(3):
        await world.ask(apt=(f"lib{number}",))
    await world.ask(apt=("lib0",))  # is on its way
    with pytest.raises(TooManyBuilds, match="3 builds were begun in the last day") as refused:
        await world.ask(apt=("lib9",))
    assert refused.value.retry_after_seconds == 86400
    await world.ask(apt=("lib9",), team="vision")
    world.clock.passes(hours=25)
    await world.ask(apt=("lib8",))


async def test_nodes_without_user_namespaces_build_nothing_and_it_is_said(world: World) -> None:
    world.kubernetes.put_for_test("nodes", {"metadata": {"name": "old"}}, namespace="")
    with pytest.raises(CannotBuild, match="cannot build images safely: old has no user namespaces for pods"):
        await world.ask()
    on = await world.bases.standing_for(await world.standing(), apt=["g++"], sources="")
    assert on.offer is not None
    assert not on.offer.available
    assert "cannot build images safely" in on.problems[0]


async def test_what_the_environment_has_already_is_not_built(world: World) -> None:
    with pytest.raises(NothingToBuild):
        await world.ask(apt=())


async def test_while_cluster_or_registry_are_away_nothing_is_lost(world: World) -> None:
    asked = await world.ask()
    await world.kubernetes.refuse_for_test()
    assert await world.look() == PAUSE_WHILE_AWAY
    assert await world.state(asked.key) is State.BUILDING
    await world.kubernetes.accept_for_test()
    await world.look()
    (job,) = world.jobs()
    world.succeeds(job, await world.pushes(asked.key))
    await world.look()
    world.registry.kill()
    assert await world.look() == PAUSE_WHILE_AWAY
    assert await world.state(asked.key) is State.CHECKING
    world.registry.start()
    await world.look()
    assert await world.state(asked.key) is State.READY


async def test_a_cluster_that_says_no_is_told(world: World) -> None:
    asked = await world.ask()
    body = b'{"kind": "Status", "message": "exceeded quota: builds", "reason": "Forbidden", "code": 403}'
    world.kubernetes.fail_for_test(403, verb="create jobs", body=body)
    await world.look()
    base = await world.bases.named("alice", asked.key)
    assert base.state is State.FAILED
    assert "exceeded quota: builds" in base.reason
