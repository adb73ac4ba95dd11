"""Whatever people choose, the hub goes on for everybody else. That of the common chart ends after five failures."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from deploy.local.plans import HUB
from hub.passwords import ADMIN
from tests.cluster.kube import Kube
from tests.cluster.real_hub import SMALL, RealHub

BAD_CHOICES = 10
ENORMOUS = {"environment": "minimal", "hardware": "enormous"}


@pytest.fixture
def hub(tmp_path: Path, kubeconfig: Path, restricted: str, images: Mapping[str, str]) -> Iterator[RealHub]:
    with RealHub(tmp_path, kubeconfig=kubeconfig, namespace=restricted, images=images) as found:
        yield found


async def test_ten_bad_choices_in_a_row_do_not_stop_the_hub(hub: RealHub, kube: Kube) -> None:
    token = await asyncio.to_thread(hub.token, ADMIN, hub.admin_password)
    process = hub.pid(HUB)
    for _ in range(BAD_CHOICES):
        # The answer to the request itself where the refusal comes within a second, else the state that follows.
        with pytest.raises((httpx.HTTPStatusError, AssertionError), match=r"409 never_fits|did not start"):
            await asyncio.to_thread(lambda: hub.start_workspace(token, ADMIN, **ENORMOUS))
    await asyncio.to_thread(lambda: hub.start_workspace(token, ADMIN, **SMALL))
    assert hub.pid(HUB) == process
    assert len(await kube.list_all("v1", "Pod", namespace=hub.namespace)) == 1
