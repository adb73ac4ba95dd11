"""Waiting for the server in a pod: by what is told of the pod, and by the server's own first answer."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Final

from spawner.cluster_pods import pod_url
from spawner.kube import KubeError
from spawner.probe import wait_for_answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from spawner.pod_facts import PodFacts
    from spawner.pod_watch import PodWatch

LOOK_AGAIN_SECONDS: Final = 1.0
"""Some verdicts are about time alone: nothing happens, and it has been long enough."""

ASK_AGAIN_SECONDS: Final = 10.0
"""The API server is asked about that very pod so often, in case a watch has fallen silent, or never worked."""


async def follow_until_serving(
    pods: PodWatch, name: str, look: Callable[[], Awaitable[PodFacts | None]], probe_path: str
) -> str:
    """The address of the server in that pod, once it answers.

    `look` is called at each change of the pod and each second. It gives the pod once its container runs, None until
    then, and raises what ends the wait.
    """
    loop = asyncio.get_running_loop()
    probe: asyncio.Task[str] | None = None
    ask_at = loop.time() + ASK_AGAIN_SECONDS
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
                if probe is None and loop.time() >= ask_at:
                    ask_at = loop.time() + ASK_AGAIN_SECONDS
                    with suppress(KubeError):  # what the answer said is in the picture of the pods
                        await pods.look(name)
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
