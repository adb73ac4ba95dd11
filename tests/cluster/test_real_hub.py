"""A person's whole way through a real hub whose workspaces are pods."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

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


def pod_of(hub: RealHub, user: str, server: str = "") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": pod_name(user, server), "namespace": hub.namespace},
    }


async def test_a_workspace_starts_answers_through_the_proxy_outlives_the_hub_and_stops(
    real_hub: RealHub, kube: Kube
) -> None:
    token = await asyncio.to_thread(real_hub.token, ADMIN, real_hub.admin_password)
    await asyncio.to_thread(lambda: real_hub.start_workspace(token, ADMIN, **SMALL))
    before = (await kube.get(pod_of(real_hub, ADMIN)))["metadata"]["uid"]

    def ask() -> httpx.Response:
        address = f"{real_hub.base_url}/user/{ADMIN}/api/status"
        return httpx.get(address, headers={"Authorization": f"token {token}"}, trust_env=False, timeout=30)

    assert (await asyncio.to_thread(ask)).is_success
    real_hub.kill(HUB)
    await asyncio.to_thread(real_hub.start, HUB)
    assert (await asyncio.to_thread(ask)).is_success
    assert (await kube.get(pod_of(real_hub, ADMIN)))["metadata"]["uid"] == before
    await asyncio.to_thread(real_hub.stop_workspace, token, ADMIN)
    await kube.until_gone(pod_of(real_hub, ADMIN))


async def test_what_is_kept_for_a_team_is_not_started_for_others(real_hub: RealHub, kube: Kube) -> None:
    token = await asyncio.to_thread(real_hub.token, ADMIN, real_hub.admin_password)
    with pytest.raises(httpx.HTTPStatusError) as refused:
        await asyncio.to_thread(
            lambda: real_hub.start_workspace(token, ADMIN, environment="secret-lab", hardware="small")
        )
    assert refused.value.response.status_code == httpx.codes.BAD_REQUEST
    assert "Secret lab" not in refused.value.response.text
    await kube.until_gone(pod_of(real_hub, ADMIN))
