"""The hub's clock is ten minutes wrong: workspaces start, run and stop as ever, and nothing is taken for an orphan."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.local.plans import HUB
from hub.passwords import ADMIN
from studiolo.names import pod_name
from tests.cluster.kube import Kube
from tests.cluster.real_hub import SMALL, RealHub


@pytest.fixture(params=["+10m", "-10m"], ids=["ahead", "behind"])
def wrong_time(request: pytest.FixtureRequest, faketime: Path) -> dict[str, str]:
    """What a process needs in its environment, to be so late or early."""
    return {"LD_PRELOAD": str(faketime), "FAKETIME": request.param, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


@pytest.fixture
def skewed(
    wrong_time: dict[str, str], tmp_path: Path, kubeconfig: Path, restricted: str, images: Mapping[str, str]
) -> Iterator[RealHub]:
    hub = RealHub(tmp_path, kubeconfig=kubeconfig, namespace=restricted, images=images)
    plan = hub._plans[HUB]
    hub._plans[HUB] = replace(plan, env={**plan.env, **wrong_time})
    with hub:
        yield hub


async def test_a_workspace_starts_outlives_the_hub_and_stops(skewed: RealHub, kube: Kube) -> None:
    name = {"name": pod_name(ADMIN, ""), "namespace": skewed.namespace}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": name}
    token = await asyncio.to_thread(skewed.token, ADMIN, skewed.admin_password)
    await asyncio.to_thread(lambda: skewed.start_workspace(token, ADMIN, **SMALL))
    before = (await kube.get(pod))["metadata"]["uid"]
    skewed.kill(HUB)
    await asyncio.to_thread(skewed.start, HUB)
    # Longer than the hub looks for pods that nobody knows.
    await asyncio.sleep(5)
    assert (await kube.get(pod))["metadata"]["uid"] == before
    await asyncio.to_thread(skewed.stop_workspace, token, ADMIN)
    await kube.until_gone(pod)
