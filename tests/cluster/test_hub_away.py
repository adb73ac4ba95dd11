"""A pod whose hub is away: one that runs goes on serving, one that starts waits for the hub."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.local.plans import HUB
from hub.passwords import ADMIN
from studiolo.names import pod_name
from tests.cluster.kube import Kube, NeverHappenedError
from tests.cluster.real_hub import SMALL, RealHub

SECONDS = 240.0
"""For what takes half a minute, on a machine that is busy with other tests."""

LONG_AFTER_STOCK = "asks again in 30 s"
"""Printed 31 s after the start, and every 30 s from then on; a stock server has ended after 48 s."""


@pytest.fixture
def hub(tmp_path: Path, kubeconfig: Path, restricted: str, images: Mapping[str, str]) -> Iterator[RealHub]:
    with RealHub(tmp_path, kubeconfig=kubeconfig, namespace=restricted, images=images) as found:
        yield found


def pod_of(hub: RealHub) -> dict[str, Any]:
    metadata = {"name": pod_name(ADMIN, ""), "namespace": hub.namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}


def runs(pod: dict[str, Any]) -> bool:
    return bool(pod["status"].get("phase") == "Running")


async def log_of(kube: Kube, hub: RealHub) -> str:
    pod = await kube.get(pod_of(hub))
    return await kube.log(hub.namespace, pod["metadata"]["name"], pod["spec"]["containers"][0]["name"])


async def until_logged(kube: Kube, hub: RealHub, holds: Callable[[str], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not holds(log := await log_of(kube, hub)):
        if time.monotonic() > end:
            raise NeverHappenedError(log)
        await asyncio.sleep(1)


def status_of(hub: RealHub, token: str, path: str) -> int:
    address = f"{hub.base_url}/user/{ADMIN}/{path}"
    return httpx.get(address, headers={"Authorization": f"token {token}"}, trust_env=False, timeout=60).status_code


async def test_f5_a_pod_that_starts_while_the_hub_is_away_waits_for_it(hub: RealHub, kube: Kube) -> None:
    token = await asyncio.to_thread(hub.token, ADMIN, hub.admin_password)

    def begin() -> None:
        with hub.api(token) as api:
            api.post(f"users/{ADMIN}/server", json={"user_options": SMALL}).raise_for_status()

    beginning = asyncio.create_task(asyncio.to_thread(begin))
    # With its Secret, which comes second: a pod whose hub died in between waits for that, and not for the hub.
    await kube.until({**pod_of(hub), "kind": "Secret"}, bool, seconds=SECONDS)
    hub.kill(HUB)
    await asyncio.gather(beginning, return_exceptions=True)  # answered before, or cut off by the end of the hub
    await kube.until(pod_of(hub), runs, seconds=SECONDS)
    await until_logged(kube, hub, lambda log: log.count(LONG_AFTER_STOCK) >= 2)
    assert runs(await kube.get(pod_of(hub)))
    await asyncio.to_thread(hub.start, HUB)
    await asyncio.to_thread(
        lambda: hub.until(
            lambda: status_of(hub, token, "api/contents") == httpx.codes.OK,
            what="the server that waited is used",
            seconds=SECONDS,
        )
    )


@pytest.mark.long
async def test_f4_who_is_signed_in_works_on_in_a_pod_while_the_hub_is_away_for_twenty_minutes(
    hub: RealHub, kube: Kube
) -> None:
    token = await asyncio.to_thread(hub.token, ADMIN, hub.admin_password)
    await asyncio.to_thread(lambda: hub.start_workspace(token, ADMIN, **SMALL))
    before = await kube.get(pod_of(hub))
    assert await asyncio.to_thread(status_of, hub, token, "api/contents") == httpx.codes.OK
    hub.kill(HUB)
    end = time.monotonic() + 20 * 60
    while time.monotonic() < end:
        assert await asyncio.to_thread(status_of, hub, token, "api/contents") == httpx.codes.OK
        await asyncio.sleep(5)
    assert await asyncio.to_thread(status_of, hub, "somebody-else", "api/contents") == httpx.codes.SERVICE_UNAVAILABLE
    await asyncio.to_thread(hub.start, HUB)
    assert await asyncio.to_thread(status_of, hub, token, "api/contents") == httpx.codes.OK
    assert (await kube.get(pod_of(hub)))["metadata"]["uid"] == before["metadata"]["uid"]
