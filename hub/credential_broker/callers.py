"""Who asks: the agent of a node, by a token of its own pod that was made for the broker and for nobody else."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog

from hub.credential_broker.caller_rules import Caller, caller_of
from hub.credential_broker.question import BROKER_AUDIENCE
from hub.token_reviews import TokenReviews

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.token_reviews import Reviewer

log = structlog.get_logger()


class Callers:
    """Asks the API server whose a token is."""

    def __init__(self, kube: Reviewer, *, account: str, clock: Callable[[], float] = time.monotonic) -> None:
        """`account`: the agents', as `system:serviceaccount:NAMESPACE:NAME`."""
        self._reviews = TokenReviews(kube, audience=BROKER_AUDIENCE, clock=clock)
        self._account = account

    async def caller(self, token: str) -> Caller | None:
        """The agent that shows this token, or None: it is none. Raises KubeError where the API server does not say."""
        owner = await self._reviews.owner(token)
        caller = caller_of(owner, account=self._account)
        if isinstance(caller, Caller):
            return caller
        log.warning("Nothing is given to who is no agent", why=caller.value, account=owner.username if owner else "")
        return None
