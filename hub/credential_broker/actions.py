"""Answering an agent: the pod first, then the Secrets, and each is looked at before anything of it goes out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Protocol

import structlog

from hub.credential_broker.question import Denial, Denied, Held
from hub.credential_broker.rules import is_theirs, meant_for
from spawner.kube import KubeAway, KubeNotFound

if TYPE_CHECKING:
    from hub.credential_broker.caller_rules import Caller
    from hub.credential_broker.question import Question
    from spawner.kube import Json

AT_ONCE: Final = 10
"""Secrets that are asked for at the same moment."""

log = structlog.get_logger()


class Reader(Protocol):
    """What is used of `Kube`."""

    async def get(self, path: str) -> Json:
        """The object as the server has it."""


class Broker:
    """Of one installation. It remembers nothing: what was rotated or removed is so in the next answer."""

    def __init__(self, kube: Reader, *, namespace: str, release: str) -> None:
        """`namespace`: of the workspaces."""
        self._kube = kube
        self._namespace = namespace
        self._release = release
        self._asking = asyncio.Semaphore(AT_ONCE)

    async def answer(self, question: Question, caller: Caller) -> Held | Denied:
        """What that pod gets. Raises KubeError where the API server does not say."""
        if question.namespace != self._namespace:
            return self._denied(question, caller, Denial.UNKNOWN_POD)
        raw = await self._find("pods", question.pod)
        if raw is None:
            return self._denied(question, caller, Denial.UNKNOWN_POD)
        meant = meant_for(question, raw, node=caller.node, namespace=self._namespace, release=self._release)
        if isinstance(meant, Denial):
            return self._denied(question, caller, meant)
        found = await asyncio.gather(*(self._find("secrets", name) for name in meant.secrets))
        held = {name: one for name, one in zip(meant.secrets, found, strict=True) if one is not None}
        if not all(is_theirs(one, meant, release=self._release) for one in held.values()):
            return self._denied(question, caller, Denial.NOT_THEIRS)
        return Held.model_validate({"secrets": {name: _data(one) for name, one in held.items()}})

    async def _find(self, kind: str, name: str) -> Json | None:
        """None: there is none of that name, says Kubernetes itself."""
        async with self._asking:
            try:
                return await self._kube.get(f"/api/v1/namespaces/{self._namespace}/{kind}/{name}")
            except KubeNotFound as error:
                if error.reason != "NotFound":  # a proxy with no server behind it says 404 of everything
                    raise KubeAway("The answer is not of Kubernetes.", status=error.status) from None
                return None

    def _denied(self, question: Question, caller: Caller, why: Denial) -> Denied:
        log.warning("Nothing is given to a pod", why=why.value, pod=question.pod, node=caller.node)
        return Denied(why=why)


def _data(secret: Json) -> dict[str, Any]:
    return secret.get("data") or {}
