"""Waiting for the server in a pod: by what is told of the pod, and by the server's own first answer."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from spawner.cluster_pods import pod_url
from spawner.probe import wait_for_answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from spawner.pod_facts import PodFacts
    from spawner.pod_watch import PodWatch

LOOK_AGAIN_SECONDS: Final = 1.0
"""Some verdicts are about time alone: nothing happens, and it has been long enough."""


async def follow_until_serving(
    pods: PodWatch, name: str, look: Callable[[], Awaitable[PodFacts | None]], probe_path: str
) -> str:
    """The address of the server in that pod, once it answers.

    `look` is called at each change of the pod and each second. It gives the pod once its container runs, None until
    then, and raises what ends the wait.
    """
    probe: asyncio.Task[str] | None = None
    async with aclosing(pods.changes(name)) as changes:
        change = asyncio.ensure_future(anext(changes))
        try:
            while True:
                tasks = {change} if probe is None else {change, probe}
                await asyncio.wait(tasks, timeout=LOOK_AGAIN_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                if probe is not None and probe.done():
                    return await probe
                if change.done():
                    change = asyncio.ensure_future(anext(changes))
                pod = await look()
                if pod is not None and pod.ip and probe is None:
                    probe = asyncio.create_task(_answered(pod, probe_path))
        finally:
            left = (change,) if probe is None else (change, probe)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)


async def _answered(pod: PodFacts, probe_path: str) -> str:
    url = pod_url(pod)
    await wait_for_answer(url, probe_path)
    return url
