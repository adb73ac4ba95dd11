"""What Bob tries to get at anything of Alice's: each attempt has a sentence, and says what came of it.

Many are tried by Alice as well, with her own things in the place of hers: then they must find them, or a refusal would
prove nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

from deploy.cluster.errors import ProgramFailedError
from deploy.cluster.layout import NODE_ADDRESS
from tests.cluster.alice_and_bob import Person, TwoPeople


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What somebody got."""

    text: str
    status: int = 0
    """Of an answer over HTTP; 0 for anything else."""


Act = Callable[[TwoPeople, Person], Awaitable[Seen]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One way."""

    act: Act
    is_refused: bool = False
    """Whether the answer must be a refusal; else it may be one about Bob himself."""
    works_for_owner: bool = False
    names_her: bool = False
    """Whether the attempt itself has names of Alice's in it, which an answer may repeat. Values never."""

    def told(self, at: TwoPeople, seen: Seen) -> list[str]:
        """What of Alice's is in there that Bob had not said himself."""
        return at.kept.values_in(seen.text) if self.names_her else at.kept.told_by(seen.text)


REFUSALS = frozenset({400, 401, 403, 404, 405})


SHELL = ("sh", "-c", r"sh 2>&1 | tr -cd '\11\12\40-\176'")
"""Reads a script, and prints what of its output is text."""


def inside(script: str, *, program: tuple[str, ...] = SHELL) -> Act:
    """A script in the person's own workspace, with what Bob may know of Alice in it. All it prints counts."""

    async def act(at: TwoPeople, who: Person) -> Seen:
        filled = with_known(script, at, who)
        return await printed(lambda: who.inside(*program, text=filled))

    return act


def with_known(text: str, at: TwoPeople, who: Person) -> str:
    """`@name@` as it is here."""
    for name, value in known(at, who).items():
        text = text.replace(f"@{name}@", value)
    return text


def known(at: TwoPeople, who: Person) -> dict[str, str]:
    """Addresses and paths are no secrets. Alice takes her own home for the one that Bob looks for."""
    home = "/home/jovyan"
    volume = at.installed.layout.state.resolve() / "volumes" / at.installed.deployment.namespace / "homes"
    elsewhere = (f"{home}/../alice", f"{home}/../../alice", "/home/alice", "/homes/alice", f"{volume}/alice")
    release, namespace = at.installed.deployment.release, at.installed.deployment.namespace
    return {
        "places": home if who is at.alice else " ".join(elsewhere),
        "alice": at.alices_address,
        "workspace": at.alice.workspace,
        "node": NODE_ADDRESS,
        "https": at.https.url,
        "git-host": at.https.host,
        "ssh": at.ssh.url,
        "hub": f"{release}-hub.{namespace}.svc:8081",
        "proxy": f"{release}-proxy-public.{namespace}.svc",
        "namespace": at.installed.deployment.workspaces,
        "proxy-api": f"{release}-proxy-api.{namespace}.svc:8001",
        "services": f"{release}-services.{namespace}.svc:8083",
        "home-service": f"{release}-homes.{namespace}-storage.svc:8084",
        "api-server": "kubernetes.default.svc",
    }


async def printed(run: Callable[[], str]) -> Seen:
    """What a program said, however it ended."""
    try:
        return Seen(text=await asyncio.to_thread(run))
    except ProgramFailedError as error:
        return Seen(text=f"{error} {error.output}", status=HTTPStatus.FORBIDDEN)
