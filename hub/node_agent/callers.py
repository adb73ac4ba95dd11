"""Who may give orders: the hub's own account, by a token that was made for agents and for nobody else."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Final, Protocol

from spawner.identity import AGENT_AUDIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from spawner.kube import Json

KEPT_SECONDS: Final = 30.0
"""How long an answer counts. A token that is taken back works for as long; a claim waits for no review."""

REFUSAL_KEPT_SECONDS: Final = 1.0
"""How long a refusal counts: an API server that could not look does not keep the hub out for long."""

MOST_KEPT: Final = 100
LONGEST: Final = 16_384
"""Characters of a token. Kubernetes' have about a thousand."""

PATH: Final = "/apis/authentication.k8s.io/v1/tokenreviews"


class Reviewer(Protocol):
    """What is used of `Kube`."""

    async def create(self, path: str, body: Json) -> Json:
        """The created object as the server has it."""


class Callers:
    """Asks the API server whose a token is."""

    def __init__(self, kube: Reviewer, *, account: str, clock: Callable[[], float] = time.monotonic) -> None:
        """`account`: the only one, as `system:serviceaccount:NAMESPACE:NAME`."""
        self._kube = kube
        self._account = account
        self._clock = clock
        self._kept: dict[bytes, tuple[float, bool]] = {}

    async def may(self, token: str, *, early: bool = False) -> bool:
        """Whether who shows this token may give orders. Raises KubeError where the API server does not say.

        `early`: a good answer that is half over is asked for anew, so that an order finds one that holds.
        """
        if not token or len(token) > LONGEST:
            return False
        key = hashlib.sha256(token.encode()).digest()
        until, known = self._kept.get(key, (0.0, False))
        if self._clock() < until - (KEPT_SECONDS / 2 if early and known else 0):
            return known
        review = await self._kube.create(
            PATH,
            {
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenReview",
                "spec": {"token": token, "audiences": [AGENT_AUDIENCE]},
            },
        )
        may = self._is_meant(review.get("status") or {})
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[key] = (self._clock() + (KEPT_SECONDS if may else REFUSAL_KEPT_SECONDS), may)
        return may

    def _is_meant(self, status: Json) -> bool:
        # A server that knows nothing of audiences answers for any of them, and then names none.
        return (
            status.get("authenticated") is True
            and AGENT_AUDIENCE in (status.get("audiences") or ())
            and (status.get("user") or {}).get("username") == self._account
        )
