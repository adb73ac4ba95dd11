"""What the hub's starts know of credentials: asked of the services process, in short questions, and never raised."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from spawner.credentials import CredentialKind, CredentialValues, KnownCredentials, MountedCredential
from studiolo.client import ClientError
from studiolo.names import shown_name
from studiolo.wire import CredentialsWanted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from logging import Logger

    from studiolo.client import Studiolo
    from studiolo.wire import CredentialMount

TRIES: Final = 3
"""Questions to a service of whom no earlier answer is known: the first of a cold one may take too long. Each is cut off
at the client's limit of 300 ms, so a start waits a second for its credentials at the very most."""

Answer = TypeVar("Answer")


class ServicesCredentials:
    """Credentials of people as the services process knows them; its last answer where it is away."""

    def __init__(self, client: Studiolo, *, teams_of: Callable[[str], tuple[str, ...]], log: Logger) -> None:
        """`client` speaks with the hub's token, waits 300 ms at most, and is its owner's; the hub knows teams."""
        self._client = client
        self._teams_of = teams_of
        self._log = log
        self._known: dict[str, KnownCredentials] = {}
        self._telling: set[asyncio.Task[None]] = set()

    async def known(self, user: str) -> KnownCredentials | None:
        """What there is now, or was; None where nobody ever said. Names and places are kept, values never come here."""
        last, teams = self._known.get(user), self._teams_of(user)
        tries = TRIES if last is None else 1
        mounts = await self._ask(lambda: self._client.credential_mounts(user, teams), tries=tries)
        if mounts is None:
            return None if last is None else _as_before(last, teams)
        found = tuple(known for mount in mounts.credentials if (known := _as_known(mount)) is not None)
        self._known[user] = KnownCredentials(credentials=found)
        return self._known[user]

    async def values(self, user: str, server: str, names: tuple[str, ...]) -> CredentialValues | None:
        """The values for one workspace of this machine; None where nobody answers. They are not kept."""
        wanted = CredentialsWanted(names=names, teams=self._teams_of(user), workspace=shown_name(server))
        opened = await self._ask(lambda: self._client.open_credentials(user, wanted), tries=TRIES)
        if opened is None:
            return None
        return CredentialValues(
            env={name: value.get_secret_value() for name, value in opened.env.items()},
            files={path: text.get_secret_value() for path, text in opened.files.items()},
            missing=opened.missing,
        )

    def mounted(self, user: str, server: str, names: tuple[str, ...]) -> None:
        """Tells the services process, in the background. Where it is away, a page shows an older use: no more."""
        wanted = CredentialsWanted(names=names, teams=self._teams_of(user), workspace=shown_name(server))

        async def tell() -> None:
            try:
                await self._client.credentials_mounted(user, wanted)
            except ClientError as error:
                self._log.info("It was not noted which credentials a workspace got: %s", error)

        task = asyncio.ensure_future(tell())
        self._telling.add(task)  # held: asyncio forgets tasks that nobody holds
        task.add_done_callback(self._telling.discard)

    async def _ask(self, question: Callable[[], Awaitable[Answer]], *, tries: int) -> Answer | None:
        for left in reversed(range(tries)):
            try:
                return await question()
            except ClientError as error:
                if not left:
                    self._log.warning("The services process does not answer about credentials: %s", error)
        return None


def _as_before(last: KnownCredentials, teams: tuple[str, ...]) -> KnownCredentials:
    """The last answer, without what was of a team that the person has left since."""
    kept = tuple(one for one in last.credentials if not one.team or one.team in teams)
    return replace(last, credentials=kept, is_current=False)


def _as_known(mount: CredentialMount) -> MountedCredential | None:
    """As a start has it; None for one of a kind that only a newer release knows."""
    if mount.kind not in set(CredentialKind):
        return None
    return MountedCredential(
        name=mount.name,
        team=mount.team,
        kind=CredentialKind(mount.kind),
        secret=mount.secret,
        env=mount.env,
        files=mount.files,
        always=mount.always,
    )
