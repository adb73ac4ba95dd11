"""A pod that nobody uses is told so and stopped, and its page says why, as on one machine."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from deploy.local.plans import HUB
from hub.passwords import ADMIN
from studiolo.names import pod_name
from tests.cluster.kube import Kube
from tests.cluster.real_hub import SMALL, RealHub

SECONDS = 180.0
"""For something that takes less than a minute, on a machine that is busy with other tests."""


@pytest.fixture
def idle_hub(tmp_path: Path, kubeconfig: Path, restricted: str, images: Mapping[str, str]) -> Iterator[RealHub]:
    limits = {"idle.stopAfter": "40s", "idle.noticeBefore": "20s", "idle.checkEvery": "1s"}
    with RealHub(tmp_path, kubeconfig=kubeconfig, namespace=restricted, images=images, overrides=limits) as found:
        yield found


async def test_a_pod_that_nobody_uses_is_stopped_after_a_notice_and_says_why(idle_hub: RealHub, kube: Kube) -> None:
    hub = idle_hub

    def nobody_uses_it() -> str:
        token = hub.token(ADMIN, hub.admin_password)
        with contextlib.closing(hub.browser(ADMIN, hub.admin_password)) as browser:
            hub.start_workspace(token, ADMIN, **SMALL)

            def says(words: str) -> bool:
                return words in browser.get("/hub/home").raise_for_status().text

            hub.until(lambda: says("unless it is used"), what="the page says that it will stop", seconds=SECONDS)
            hub.until(lambda: says("after 40 s without use"), what="it is stopped, and says why", seconds=SECONDS)
            hub.stop(HUB)
            hub.start(HUB)
            return re.sub(r"\s+", " ", browser.get(f"/hub/user/{ADMIN}/lab").text)

    page = await asyncio.to_thread(nobody_uses_it)
    assert "It was stopped after 40 s without use." in page
    pod = {"name": pod_name(ADMIN, ""), "namespace": hub.namespace}
    await kube.until_gone({"apiVersion": "v1", "kind": "Pod", "metadata": pod})
