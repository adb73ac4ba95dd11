"""Who may give orders: the hub's own account, by a token that was made for agents and for nobody else."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hub.token_reviews import TokenReviews
from spawner.identity import AGENT_AUDIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.token_reviews import Reviewer


class Callers:
    """Asks the API server whose a token is."""

    def __init__(self, kube: Reviewer, *, account: str, clock: Callable[[], float] = time.monotonic) -> None:
        """`account`: the only one, as `system:serviceaccount:NAMESPACE:NAME`."""
        self._reviews = TokenReviews(kube, audience=AGENT_AUDIENCE, clock=clock)
        self._account = account

    async def may(self, token: str, *, early: bool = False) -> bool:
        """Whether who shows this token may give orders; `early` as in `TokenReviews`. Raises KubeError."""
        owner = await self._reviews.owner(token, early=early)
        return owner is not None and owner.username == self._account
