"""Whose a token of Kubernetes is: asked of the API server by a TokenReview for one audience, and known for a moment."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

KEPT_SECONDS: Final = 30.0
"""How long an answer counts. A token that is taken back works for as long; a claim waits for no review."""

REFUSAL_KEPT_SECONDS: Final = 1.0
"""How long a refusal counts: an API server that could not look keeps nobody out for long."""

MOST_KEPT: Final = 1000
"""The broker is asked by the agents of all nodes, each with a token of its own."""

LONGEST: Final = 16_384
"""Characters of a token. Kubernetes' have about a thousand."""

PATH: Final = "/apis/authentication.k8s.io/v1/tokenreviews"

_POD: Final = "authentication.kubernetes.io/pod-name"
_NODE: Final = "authentication.kubernetes.io/node-name"
"""Of the pod that a token is bound to: in every token since Kubernetes 1.32, and ours begin with 1.33."""


class Reviewer(Protocol):
    """What is used of `Kube`."""

    async def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The created object as the server has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenOwner:
    """Who shows a token, as the API server says."""

    username: str
    """`system:serviceaccount:NAMESPACE:NAME`."""
    pod: str = ""
    """The token holds as long as this pod exists. Empty: it is bound to none."""
    node: str = ""
    """Where that pod runs. Empty: nobody says."""


class TokenReviews:
    """For one audience."""

    def __init__(self, kube: Reviewer, *, audience: str, clock: Callable[[], float] = time.monotonic) -> None:
        """`audience`: a token that was made for another one is nobody's."""
        self._kube = kube
        self._audience = audience
        self._clock = clock
        self._kept: dict[bytes, tuple[float, TokenOwner | None]] = {}

    async def owner(self, token: str, *, early: bool = False) -> TokenOwner | None:
        """Whose the token is, or None: nobody's. Raises KubeError where the API server does not say.

        `early`: a good answer that is half over is asked for anew, so that whoever comes next finds one that holds.
        """
        if not token or len(token) > LONGEST:
            return None
        key = hashlib.sha256(token.encode()).digest()
        until, known = self._kept.get(key, (0.0, None))
        if self._clock() < until - (KEPT_SECONDS / 2 if early and known else 0):
            return known
        review = await self._kube.create(
            PATH,
            {
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenReview",
                "spec": {"token": token, "audiences": [self._audience]},
            },
        )
        owner = owner_in(review.get("status") or {}, audience=self._audience)
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[key] = (self._clock() + (KEPT_SECONDS if owner else REFUSAL_KEPT_SECONDS), owner)
        return owner


def owner_in(status: Mapping[str, Any], *, audience: str) -> TokenOwner | None:
    """What the status of a TokenReview says for that audience."""
    # A server that knows nothing of audiences answers for any of them, and then names none.
    if status.get("authenticated") is not True or audience not in (status.get("audiences") or ()):
        return None
    user = status.get("user") or {}
    extra = user.get("extra") or {}
    return TokenOwner(username=user.get("username") or "", pod=_only(extra, _POD), node=_only(extra, _NODE))


def bearer(authorization: str) -> str:
    """The token in that header; empty where it has none."""
    kind, _, token = authorization.partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _only(extra: Mapping[str, Any], name: str) -> str:
    """The one value of that name. Two would leave open which holds."""
    values = extra.get(name) or []
    return str(values[0]) if len(values) == 1 else ""
