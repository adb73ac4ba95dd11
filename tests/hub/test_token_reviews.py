"""Whose a token is, for one audience: what the API server says, and what that is worth."""

from __future__ import annotations

from typing import Any

import pytest

from hub.token_reviews import MOST_KEPT, TokenOwner, TokenReviews, bearer, owner_in

AGENT = "system:serviceaccount:nodes:agent"
POD, NODE = "authentication.kubernetes.io/pod-name", "authentication.kubernetes.io/node-name"


def status(**extra: Any) -> dict[str, Any]:
    return {"authenticated": True, "audiences": ["ours"], "user": {"username": AGENT, "extra": extra}}


SAID: dict[str, tuple[dict[str, Any], TokenOwner | None]] = {
    "of a pod": (status(**{POD: ["a"], NODE: ["n"]}), TokenOwner(username=AGENT, pod="a", node="n")),
    "of no pod": (status(), TokenOwner(username=AGENT)),
    "of two nodes": (status(**{POD: ["a"], NODE: ["n", "m"]}), TokenOwner(username=AGENT, pod="a")),
    "of an account of nothing": ({"authenticated": True, "audiences": ["ours"]}, TokenOwner(username="")),
    "for another audience": (status() | {"audiences": ["theirs"]}, None),
    "of a server that knows no audiences": (status() | {"audiences": None}, None),
    "of nobody": (status() | {"authenticated": False}, None),
    "nothing": ({}, None),
}


@pytest.mark.parametrize(("said", "owner"), SAID.values(), ids=SAID)
def test_an_owner_is_who_the_api_server_names_for_this_audience(said: dict[str, Any], owner: TokenOwner | None) -> None:
    assert owner_in(said, audience="ours") == owner


@pytest.mark.parametrize(
    ("header", "token"), [("Bearer a.b", "a.b"), ("bearer a", "a"), ("Token a", ""), ("a", ""), ("", "")]
)
def test_a_token_is_what_follows_the_word_bearer(header: str, token: str) -> None:
    assert bearer(header) == token


class Nobodys:
    """Every token is."""

    async def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        assert path.endswith("tokenreviews")
        return {"spec": body["spec"]}


async def test_many_tokens_of_nobody_fill_no_memory() -> None:
    reviews = TokenReviews(Nobodys(), audience="ours")
    for number in range(MOST_KEPT + 50):
        assert await reviews.owner(f"forged {number}") is None
    assert len(reviews._kept) == 50
