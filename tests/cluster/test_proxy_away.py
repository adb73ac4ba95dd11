"""The proxy takes no routes while a workspace starts: the start ends with the reason, and leaves nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from tests.cluster.kube import Kube
from tests.cluster.kube_faults import Away
from tests.cluster.surrounded_hub import start, surrounded_hub


async def test_a_start_whose_route_cannot_be_added_says_so_and_leaves_no_pod(
    tmp_path: Path, kubeconfig: Path, restricted: str, images: Mapping[str, str], kube: Kube
) -> None:
    async with surrounded_hub(tmp_path, kubeconfig=kubeconfig, namespace=restricted, images=images, kube=kube) as hub:
        await hub.between["proxy"].begin(Away())
        await hub.ask(start)
        assert not await hub.settles()
        page = await asyncio.to_thread(hub.page)
        assert "could not be reached" in page.text
        await hub.between["proxy"].end()
        await hub.starts()
        assert await hub.settles()
