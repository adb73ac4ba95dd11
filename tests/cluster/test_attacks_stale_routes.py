"""Attack group 5 and fault F9: the address of a pod is given to another, and a route must not lead there any more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from deploy.local.plans import HUB
from hub.passwords import ADMIN
from studiolo.names import pod_name
from tests.cluster.kube import Kube
from tests.cluster.real_hub import SMALL, RealHub


@pytest.fixture
def real_hub(tmp_path: Path, kubeconfig: Path, restricted: str, images: Mapping[str, str]) -> Iterator[RealHub]:
    with RealHub(tmp_path, kubeconfig=kubeconfig, namespace=restricted, images=images) as found:
        yield found


@pytest.mark.parametrize("is_hub_away", [False, True], ids=["while the hub looks", "while the hub is away"])
async def test_f9_a_route_goes_with_its_pod(real_hub: RealHub, kube: Kube, *, is_hub_away: bool) -> None:
    token = await asyncio.to_thread(real_hub.token, ADMIN, real_hub.admin_password)
    await asyncio.to_thread(lambda: real_hub.start_workspace(token, ADMIN, **SMALL))
    address = f"{real_hub.settings.proxy.api_url}/api/routes"
    headers = {"Authorization": f"token {real_hub.keys.proxy_token}"}

    def routes() -> dict[str, object]:
        found: dict[str, object] = httpx.get(address, headers=headers, trust_env=False, timeout=30).json()
        return {path: target for path, target in found.items() if path.startswith("/user/")}

    assert await asyncio.to_thread(routes)
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": pod_name(ADMIN, ""), "namespace": real_hub.namespace},
    }
    if is_hub_away:
        real_hub.kill(HUB)
    await kube.delete(pod, grace_seconds=0)
    await kube.until_gone(pod)
    if is_hub_away:
        await asyncio.to_thread(real_hub.start, HUB)
    await asyncio.to_thread(
        lambda: real_hub.until(lambda: not routes(), what="no route leads to the address of a pod that is gone")
    )
