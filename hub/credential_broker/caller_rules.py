"""Which node's agent asks, by what the API server says of the token that it shows. Pure.

A certificate is every agent's. The token is one pod's: the kubelet has it made for the agent on its own node, and
Kubernetes gives no kubelet a token of a pod that runs elsewhere. So the node that it names is the node that asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hub.token_reviews import TokenOwner


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The agent that asks."""

    node: str
    """The only one whose pods it may ask for."""


class Stranger(StrEnum):
    """Why whoever asks is no agent. It is said in our log alone."""

    UNKNOWN = "unknown_token"
    """It shows none, or one that the API server does not know, or not for the broker."""
    OTHER_ACCOUNT = "other_account"
    NO_POD = "no_pod"
    """The token is the agents' account's, and was made for no pod."""
    NO_NODE = "no_node"
    """Its pod runs nowhere, or nobody says where."""


def caller_of(owner: TokenOwner | None, *, account: str) -> Caller | Stranger:
    """Who asks. `owner`: whose the token is; `account`: the agents', as `system:serviceaccount:NAMESPACE:NAME`."""
    if owner is None:
        return Stranger.UNKNOWN
    if owner.username != account:
        return Stranger.OTHER_ACCOUNT
    if not owner.pod:
        return Stranger.NO_POD
    return Caller(node=owner.node) if owner.node else Stranger.NO_NODE
