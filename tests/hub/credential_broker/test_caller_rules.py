"""Which agent asks: the one of the node where the pod runs that its token was made for, and no other."""

from __future__ import annotations

import pytest

from hub.credential_broker.caller_rules import Caller, Stranger, caller_of
from hub.token_reviews import TokenOwner
from tests.hub.credential_broker.samples import AGENTS


def owner(username: str = AGENTS, *, pod: str = "agent-1", node: str = "node-1") -> TokenOwner:
    return TokenOwner(username=username, pod=pod, node=node)


CALLERS: dict[str, tuple[TokenOwner | None, Caller | Stranger]] = {
    "an agent on its node": (owner(), Caller(node="node-1")),
    "an agent on another": (owner(node="node-2"), Caller(node="node-2")),
    "nobody": (None, Stranger.UNKNOWN),
    "the hub": (owner("system:serviceaccount:studiolo:studiolo-hub"), Stranger.OTHER_ACCOUNT),
    "an account whose name begins alike": (owner(f"{AGENTS}-2"), Stranger.OTHER_ACCOUNT),
    "an account of that name elsewhere": (owner("system:serviceaccount:lab:studiolo-agent"), Stranger.OTHER_ACCOUNT),
    "a person of that name": (owner("studiolo-agent"), Stranger.OTHER_ACCOUNT),
    "an account without a name": (owner(""), Stranger.OTHER_ACCOUNT),
    "a token of the account and of no pod": (owner(pod=""), Stranger.NO_POD),
    "a token of a node and of no pod": (owner(pod="", node="node-1"), Stranger.NO_POD),
    "a pod that waits for a node": (owner(node=""), Stranger.NO_NODE),
}


@pytest.mark.parametrize(("shown", "who"), CALLERS.values(), ids=CALLERS)
def test_who_asks_is_the_agent_of_the_node_that_its_token_names_or_a_stranger(
    shown: TokenOwner | None, who: Caller | Stranger
) -> None:
    assert caller_of(shown, account=AGENTS) == who
