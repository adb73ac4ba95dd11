"""Slow builds over REST, and packages that need one: what is offered, to whom, and what is said where there is none."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tornado.web import create_signed_value

from hub.app import RunningServices
from hub.auth import cookie_secret
from hub.keys import Keys
from hub.settings import Settings
from studiolo.client import NotFound, Refused, Studiolo
from studiolo.packaging.registry_store import RegistryStore
from studiolo.wire_bases import NewDerivedBase
from tests.fakes.fake_kubernetes import PATIENCE_SECONDS, FakeKubernetes
from tests.hub.builder.conftest import client_of, files_of, wanted
from tests.hub.builder.slow.conftest import BUILDS, repository
from tests.hub.builder.slow.pushed_images import push_derived
from tests.hub.builder.slow.test_job import ended, pod
from tests.real_registry import RealRegistry

DOCOPT = f"docopt==0.6.2 --hash=sha256:{'b' * 64}\n"


def wish(**changes: Any) -> NewDerivedBase:
    return NewDerivedBase.model_validate({"environment": "python", "apt": ("g++",), **changes})


@pytest.fixture
async def alice(services: httpx.AsyncClient, settings: Settings, fake_hub: Any) -> AsyncIterator[Studiolo]:
    del services
    async with client_of(settings.services.url, fake_hub.knows_for_test("alice")) as client:
        yield client


@pytest.fixture
async def bob(services: httpx.AsyncClient, settings: Settings, fake_hub: Any) -> AsyncIterator[Studiolo]:
    del services
    async with client_of(settings.services.url, fake_hub.knows_for_test("bob")) as client:
        yield client


async def test_a_person_plans_asks_looks_and_takes_it_back(alice: Studiolo, bob: Studiolo) -> None:
    plan = await alice.plan_base(wish(sources=DOCOPT))
    assert (plan.offer.available, plan.offer.state, plan.offer.sources) == (True, "", ("docopt==0.6.2",))
    assert plan.containerfile.startswith("# A base of Studiolo")
    assert (await alice.bases()).bases == ()

    asked = await alice.ask_base(wish(sources=DOCOPT))
    assert (asked.key, asked.apt, asked.by) == (plan.offer.key, ("g++",), "alice")
    assert asked.state in {"waiting", "building"}
    assert [one.key for one in (await alice.bases()).bases] == [asked.key]
    assert (await alice.base(asked.key)).key == asked.key
    for other in (bob.base, bob.cancel_base):
        with pytest.raises(NotFound, match="You have asked for no base"):
            await other(asked.key)
    assert (await bob.bases()).bases == ()
    assert (await alice.cancel_base(asked.key)).state == "cancelled"
    assert (await alice.bases()).bases == ()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"apt": ("-o",)}, 'apt: "-o" is no Debian package'),
        ({"apt": (), "sources": ""}, "nothing to build"),
        ({"environment": "other"}, 'none called "other" for you'),
        ({"sources": "--index-url https://example.org"}, "is an option"),
    ],
)
async def test_what_cannot_be_built_is_refused_in_words(alice: Studiolo, changes: dict[str, Any], why: str) -> None:
    with pytest.raises(Refused, match=why):
        await alice.ask_base(wish(**changes))


async def test_a_body_that_is_no_wish_is_refused(services: httpx.AsyncClient, fake_hub: Any) -> None:
    headers = fake_hub.knows_for_test("alice")
    for body in ("", "[]", '{"environment": "python", "dockerfile": "FROM x"}', '{"apt": 1}'):
        answer = await services.post("api/model-bases", content=body, headers=headers)
        assert answer.status_code == 400, answer.text


async def test_a_package_that_needs_debian_packages_is_offered_a_base_and_stands_on_it_once_it_is_there(
    *, alice: Studiolo, folder: Path, kubernetes: FakeKubernetes, registry: RealRegistry, base: Any
) -> None:
    (folder / "apt.txt").write_text("g++\n")
    plan = await alice.plan_model(wanted(), files_of(folder))
    assert plan.offer is not None
    assert (plan.offer.available, plan.offer.apt, plan.offer.state) == (True, ("g++",), "")
    assert "can be built, once" in plan.problems[0]
    with pytest.raises(Refused, match="needs Debian packages"):
        await alice.package_model(wanted(), files_of(folder))

    asked = await alice.ask_base(wish())
    assert asked.key == plan.offer.key
    job = await job_of(kubernetes)
    plan = await alice.plan_model(wanted(), files_of(folder))
    assert "is being built" in plan.problems[0]
    store: RegistryStore = repository(registry, "models/bases")
    digest = await push_derived(store, base, base_repository="images/python", tag=asked.key)
    await store.close()
    shown = pod(main=(ended("push", message=digest),))
    shown["metadata"]["labels"] = {"batch.kubernetes.io/job-name": job}
    kubernetes.put_for_test("pods", shown, namespace=BUILDS)
    done = {"status": {"conditions": [{"type": "Complete", "status": "True"}]}}
    kubernetes.change_for_test("jobs", job, done, namespace=BUILDS)
    ready = await until(alice, asked.key, "ready")
    assert ready.reference == f"{registry.host}/models/bases@{digest}"

    plan = await alice.plan_model(wanted(), files_of(folder))
    assert (plan.problems, plan.offer) == ((), None)
    made = await alice.package_model(wanted(), files_of(folder))
    assert (made.base_digest, made.base, made.environment) == (digest, ready.reference, "python")
    assert not (await alice.package_model(wanted(), files_of(folder))).is_new
    assert (await alice.ask_base(wish())).state == "ready"
    assert kubernetes.requests_for_test["create jobs"] == 1


async def test_a_refusal_names_the_offer_for_programs(
    alice: Studiolo, services: httpx.AsyncClient, fake_hub: Any, folder: Path
) -> None:
    (folder / "apt.txt").write_text("g++\n")
    with pytest.raises(Refused) as refused:
        await alice.package_model(wanted(sources=DOCOPT), files_of(folder))
    offer = refused.value.offer
    assert offer is not None
    assert (offer["apt"], offer["sources"], offer["available"]) == (["g++"], ["docopt==0.6.2"], True)


async def test_an_apt_txt_that_names_no_package_is_a_problem_of_the_folder(alice: Studiolo, folder: Path) -> None:
    (folder / "apt.txt").write_text("--allow-unauthenticated\n")
    with pytest.raises(Refused, match="is no Debian package"):
        await alice.plan_model(wanted(), files_of(folder))


async def test_where_it_is_off_a_package_is_refused_with_the_reason_and_the_way_out(
    settings: Settings, keys: Keys, fake_hub: Any, folder: Path
) -> None:
    off = settings.models.slow_build.model_copy(update={"enabled": False})
    changed = settings.model_copy(update={"models": settings.models.model_copy(update={"slow_build": off})})
    (folder / "apt.txt").write_text("g++\n")
    async with (
        RunningServices(changed, keys),
        client_of(changed.services.url, fake_hub.knows_for_test("alice")) as alice,
    ):
        plan = await alice.plan_model(wanted(), files_of(folder))
        assert "The slow build is off here. An administrator can turn it on" in plan.problems[0]
        assert "Choose an environment that has them" in plan.problems[0]
        assert plan.offer is not None
        assert not plan.offer.available
        with pytest.raises(Refused, match="is off here"):
            await alice.ask_base(wish())
        assert "is off here" in (await alice.bases()).why_not


async def test_a_deleted_account_leaves_no_wish_to_a_later_one_of_its_name(
    alice: Studiolo, services: httpx.AsyncClient, keys: Keys
) -> None:
    await alice.ask_base(wish())
    headers = {"Authorization": f"token {keys.hub_token}"}
    answer = await services.post("api/credentials/alice/forget", headers=headers)
    assert answer.status_code < 300, answer.text
    assert (await alice.bases()).bases == ()


async def test_the_page_shows_what_is_built_and_takes_a_wish_back(
    alice: Studiolo, services: httpx.AsyncClient, keys: Keys
) -> None:
    cookie = create_signed_value(cookie_secret(keys), "service-studiolo", "token-of-alice").decode()
    services.cookies.set("service-studiolo", cookie)
    page = {"Sec-Fetch-Mode": "navigate"}
    assert "Bases that are built" not in (await services.get("models", headers=page)).text
    asked = await alice.ask_base(wish())
    text = (await services.get("models", headers=page)).text
    assert "Bases that are built" in text
    assert "asked for" in text
    assert f"model-bases/{asked.key}/cancel" in text
    token = re.search(r'name="_xsrf" value="([^"]+)"', text)
    assert token is not None
    answer = await services.post(f"model-bases/{asked.key}/cancel", data={"_xsrf": token[1]}, headers=page)
    assert answer.status_code == 303, answer.text
    assert (await alice.bases()).bases == ()


async def job_of(kubernetes: FakeKubernetes) -> str:
    """The Job, once the loop has made it."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            if found := list(kubernetes.objects_for_test("jobs", namespace=BUILDS)):
                return found[0]
            await asyncio.sleep(0.05)


async def until(client: Studiolo, key: str, state: str) -> Any:
    async with asyncio.timeout(2 * PATIENCE_SECONDS):
        while (found := await client.base(key)).state != state:
            assert found.state != "failed", found.reason
            await asyncio.sleep(0.05)
    return found
