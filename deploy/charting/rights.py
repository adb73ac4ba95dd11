"""What our accounts may ask of Kubernetes, each with its reason. The chart's roles and the docs' table follow."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final


class Place(StrEnum):
    """Where a right holds."""

    RELEASE = "release"
    WORKSPACES = "workspaces"
    BUILDS = "builds"
    CAPACITY = "capacity"
    NODES = "nodes"
    CLUSTER = "cluster"


class Account(StrEnum):
    """Who has a right. The proxy asks Kubernetes nothing and has no token."""

    HUB = "hub"
    SERVICES = "services"
    AGENT = "agent"
    """Of the agents of nodes, in a namespace of their own."""
    BROKER = "broker"
    """Of the credential broker: the only one that reads Secrets of people."""


class Feature(StrEnum):
    """What a right is for, where not every installation has that."""

    SLOW_BUILDS = "slow builds"
    CAPACITY = "held room"
    CLAIMS = "claims"


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """One rule of a role."""

    place: Place
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    why: str
    account: Account = Account.HUB
    api_group: str = ""
    """Empty: the core group."""
    named: tuple[str, ...] = ()
    """Only the objects of these names, behind the release's own and a dash. Empty: all in that place."""
    only_with: Feature | None = None
    """None: always."""

    def as_rule(self) -> dict[str, Any]:
        """As the chart's template reads it."""
        rule: dict[str, Any] = {"apiGroups": [self.api_group], "resources": [*self.resources], "verbs": [*self.verbs]}
        rule |= {"resourceNames": [*self.named]} if self.named else {}
        return rule | ({"onlyWith": self.only_with.value} if self.only_with else {})


RIGHTS: Final = (
    Right(
        place=Place.WORKSPACES,
        resources=("pods",),
        verbs=("create", "delete", "get", "list", "watch"),
        why="Workspaces are pods: made, followed, ended. Never changed, unless warm ones are claimed.",
    ),
    Right(
        place=Place.WORKSPACES,
        resources=("pods/log",),
        verbs=("get",),
        why="The last lines of a server that ended stand on its person's page.",
    ),
    Right(
        place=Place.WORKSPACES,
        resources=("pods/resize",),
        verbs=("patch",),
        why="A server that answers gets the cores of its hardware; it started with two.",
    ),
    Right(
        place=Place.WORKSPACES,
        resources=("secrets",),
        verbs=("create", "delete"),
        why="Each pod's token lies in a Secret of its own. Never `get`, `list` or `watch`: those show values.",
    ),
    Right(
        place=Place.WORKSPACES,
        resources=("events",),
        verbs=("list", "watch"),
        why="Why a start takes long, or fails, is told in events.",
    ),
    Right(
        place=Place.WORKSPACES,
        resources=("resourcequotas",),
        verbs=("list", "watch"),
        why="A choice that a quota would refuse says so before anybody clicks it.",
    ),
    Right(
        place=Place.WORKSPACES,
        api_group="coordination.k8s.io",
        resources=("leases",),
        verbs=("create",),
        why="The lease that keeps a second hub away is made once. Names cannot be told apart for `create`.",
    ),
    Right(
        place=Place.WORKSPACES,
        api_group="coordination.k8s.io",
        resources=("leases",),
        verbs=("get", "patch"),
        named=("hub",),
        why="The hub that runs renews it, and gives it back at its end.",
    ),
    Right(
        account=Account.SERVICES,
        place=Place.WORKSPACES,
        resources=("secrets",),
        verbs=("create", "update", "delete"),
        why="A credential of a person or a team is a Secret: kept, given another value, removed. Never read, not even "
        "by its owner: no `get`, no `list`, no `watch`, and no `patch`, whose answer would show what is there.",
    ),
    Right(
        account=Account.SERVICES,
        place=Place.BUILDS,
        api_group="batch",
        resources=("jobs",),
        verbs=("create", "delete", "get"),
        why="A slow build is a Job: made, looked at, removed. Never changed.",
        only_with=Feature.SLOW_BUILDS,
    ),
    Right(
        account=Account.SERVICES,
        place=Place.BUILDS,
        resources=("pods",),
        verbs=("list",),
        why="The pod of a Job says which step a build is at, and which image it pushed.",
        only_with=Feature.SLOW_BUILDS,
    ),
    Right(
        account=Account.SERVICES,
        place=Place.BUILDS,
        resources=("pods/log",),
        verbs=("get",),
        why="The last lines of a build that failed are shown to whoever asked for it.",
        only_with=Feature.SLOW_BUILDS,
    ),
    Right(
        account=Account.SERVICES,
        place=Place.CLUSTER,
        resources=("nodes",),
        verbs=("list",),
        why="Whether nodes have user namespaces, without which nothing is built.",
        only_with=Feature.SLOW_BUILDS,
    ),
    Right(
        account=Account.SERVICES,
        place=Place.CAPACITY,
        resources=("pods",),
        verbs=("create", "delete", "list", "watch"),
        why="Room is held by pods that give way: made, counted, ended.",
        only_with=Feature.CAPACITY,
    ),
    Right(
        account=Account.SERVICES,
        place=Place.WORKSPACES,
        resources=("pods",),
        verbs=("list", "watch"),
        why="How much room is held depends on what is free, and workspaces take it.",
        only_with=Feature.CAPACITY,
    ),
    Right(
        account=Account.SERVICES,
        place=Place.CLUSTER,
        resources=("nodes",),
        verbs=("list", "watch"),
        why="How much room there is depends on the nodes.",
        only_with=Feature.CAPACITY,
    ),
    Right(
        place=Place.CAPACITY,
        resources=("pods",),
        verbs=("list", "watch"),
        why="Pods that hold room give way, so a forecast counts their room as free.",
        only_with=Feature.CAPACITY,
    ),
    Right(
        place=Place.WORKSPACES,
        resources=("pods",),
        verbs=("patch",),
        why="A warm pod becomes somebody's by one change of its labels and annotations.",
        only_with=Feature.CLAIMS,
    ),
    Right(
        account=Account.SERVICES,
        place=Place.WORKSPACES,
        resources=("pods",),
        verbs=("create", "delete", "list"),
        why="Pods of nobody wait to be claimed: made, counted, ended. An admission policy sees to it that they hold "
        "nothing of anybody, and that no other is ended.",
        only_with=Feature.CLAIMS,
    ),
    Right(
        place=Place.NODES,
        resources=("pods",),
        verbs=("list", "watch"),
        why="Where the agent of a node is reached, and whether it is ready.",
        only_with=Feature.CLAIMS,
    ),
    Right(
        account=Account.AGENT,
        place=Place.WORKSPACES,
        resources=("pods",),
        verbs=("get", "list", "watch"),
        why="Which pod is whose, and whether it has ended: what the agent believes, and not who gives it an order. "
        "It asks for its own node's; roles cannot say that.",
        only_with=Feature.CLAIMS,
    ),
    Right(
        account=Account.AGENT,
        place=Place.CLUSTER,
        api_group="authentication.k8s.io",
        resources=("tokenreviews",),
        verbs=("create",),
        why="Whether it is the hub that gives an order.",
        only_with=Feature.CLAIMS,
    ),
    Right(
        account=Account.BROKER,
        place=Place.WORKSPACES,
        resources=("secrets",),
        verbs=("get",),
        why="What a claimed pod's person keeps goes to the agent of its node, one Secret by its name after another. "
        "Nobody else of ours reads one; and no `list` or `watch`, which show those of everybody.",
        only_with=Feature.CLAIMS,
    ),
    Right(
        account=Account.BROKER,
        place=Place.WORKSPACES,
        resources=("pods",),
        verbs=("get",),
        why="Whose a claimed pod is, and on which node: what the broker believes, and not who asks.",
        only_with=Feature.CLAIMS,
    ),
    Right(
        account=Account.BROKER,
        place=Place.CLUSTER,
        api_group="authentication.k8s.io",
        resources=("tokenreviews",),
        verbs=("create",),
        why="Which node's agent asks: it is told of pods of its own node alone.",
        only_with=Feature.CLAIMS,
    ),
    Right(
        place=Place.CLUSTER,
        resources=("nodes",),
        verbs=("get", "list", "watch"),
        why="Whether hardware can fit at all, and whether a node is lost, is known of nodes only.",
    ),
)
"""All of them. Whoever needs another one adds it here, with the reason."""


def rules_by_account() -> dict[str, dict[str, list[dict[str, Any]]]]:
    """For the chart's template: the rules of each role, by account and place."""
    rules: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for right in RIGHTS:
        rules.setdefault(right.account.value, {}).setdefault(right.place.value, []).append(right.as_rule())
    return rules


def rights_table() -> str:
    """All of them for people, as Markdown."""
    where = {
        Place.RELEASE: "release's namespace",
        Place.WORKSPACES: "workspaces' namespace",
        Place.BUILDS: "builds' namespace",
        Place.CAPACITY: "namespace of held room",
        Place.NODES: "namespace of nodes' agents",
        Place.CLUSTER: "whole cluster",
    }
    rows = (
        f"| {right.account} | {where[right.place]} | {_what(right)} | {_verbs(right)} | {_why(right)} |\n"
        for right in RIGHTS
    )
    return "| Who | Where | What | May | Why |\n| --- | --- | --- | --- | --- |\n" + "".join(rows)


def _why(right: Right) -> str:
    return f"{right.why} Only with {right.only_with}." if right.only_with else right.why


def _verbs(right: Right) -> str:
    return " ".join(f"`{verb}`" for verb in right.verbs)


def _what(right: Right) -> str:
    group = f" of `{right.api_group}`" if right.api_group else ""
    only = f", only {' and '.join(f'`RELEASE-{name}`' for name in right.named)}" if right.named else ""
    return ", ".join(f"`{resource}`" for resource in right.resources) + group + only
