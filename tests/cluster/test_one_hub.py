"""Two hubs of one release never run at once: the second waits for the lease, and nothing happens to anybody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.local.plans import HUB, PROXY, public_health
from hub.passwords import ADMIN
from studiolo.names import pod_name
from tests.cluster.databases import PostgresServer
from tests.cluster.kube import Kube
from tests.cluster.real_hub import SMALL, RealHub

NewHub = Callable[[str], RealHub]


@pytest.fixture
def new_hub(tmp_path: Path, kubeconfig: Path, restricted: str, images: Mapping[str, str]) -> Iterator[NewHub]:
    """Hubs of one release with one database. Nothing of them runs yet."""
    with PostgresServer() as postgres, ExitStack() as open_until_the_end:
        overrides = {"hub.database.url": postgres.new_database(), "kubernetes.release": "test-one"}
        where: dict[str, Any] = {"kubeconfig": kubeconfig, "namespace": restricted, "images": images}

        def make(name: str) -> RealHub:
            hub = RealHub(tmp_path / name, overrides=overrides, **where)
            open_until_the_end.callback(hub.close)
            hub.start(PROXY)
            return hub

        yield make


def holder(lease: Mapping[str, Any]) -> str:
    return str(lease["spec"]["holderIdentity"])


async def test_the_second_hub_waits_takes_over_when_the_first_has_died_and_touches_no_workspace(
    new_hub: NewHub, kube: Kube, restricted: str
) -> None:
    first, second = new_hub("first"), new_hub("second")
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "test-one-hub", "namespace": restricted},
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": pod_name(ADMIN, ""), "namespace": restricted}}

    await asyncio.to_thread(first.start, HUB)
    await asyncio.to_thread(first.wait_for, public_health(first.settings))
    token = await asyncio.to_thread(first.token, ADMIN, first.admin_password)
    await asyncio.to_thread(lambda: first.start_workspace(token, ADMIN, **SMALL))
    before = (await kube.get(pod))["metadata"]["uid"]
    assert holder(await kube.get(lease)).endswith(f":{first.settings.hub.port}")

    second.begin(HUB)
    waits = "Waiting for the lease"
    await asyncio.to_thread(second.until, lambda: waits in second.log(HUB), what="the second hub waits")
    assert ready(first, token)

    first.kill(HUB)
    await asyncio.to_thread(second.until, lambda: ready(second, token), what="the second hub took over")
    assert holder(await kube.get(lease)).endswith(f":{second.settings.hub.port}")
    assert (await kube.get(pod))["metadata"]["uid"] == before

    # What was the first comes again, and waits in its turn, until the other ends in order.
    first.begin(HUB)
    await asyncio.to_thread(first.until, lambda: waits in first.log(HUB), what="the first hub waits")
    await asyncio.to_thread(second.stop, HUB)
    await asyncio.to_thread(first.until, lambda: ready(first, token), what="the first hub is back")
    assert holder(await kube.get(lease)).endswith(f":{first.settings.hub.port}")
    assert (await kube.get(pod))["metadata"]["uid"] == before
    await asyncio.to_thread(first.stop_workspace, token, ADMIN)
    await kube.until_gone(pod)


async def test_a_hub_whose_lease_another_takes_ends_at_once(new_hub: NewHub, kube: Kube, restricted: str) -> None:
    hub = new_hub("only")
    await asyncio.to_thread(hub.start, HUB)
    taken = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "test-one-hub", "namespace": restricted},
    }
    await kube.patch(taken, {"spec": {"holderIdentity": "another"}})
    await asyncio.to_thread(hub.until, lambda: "This hub ends now" in hub.log(HUB), what="the hub ends")
    await asyncio.to_thread(hub.until, lambda: not answers(hub), what="nobody answers")


def ready(hub: RealHub, token: str) -> bool:
    """Whether this hub answers, and knows that the workspace runs."""
    try:
        with hub.api(token) as api:
            answer = api.get(f"users/{ADMIN}")
            return answer.is_success and bool(answer.json()["servers"].get("", {}).get("ready"))
    except (httpx.HTTPError, ValueError):
        return False


def answers(hub: RealHub) -> bool:
    try:
        httpx.get(f"{hub.settings.hub_url}health", trust_env=False, timeout=5)
    except httpx.HTTPError:
        return False
    return True
