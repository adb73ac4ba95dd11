"""What can be done with credentials: list, add, rotate, remove; and for the hub, name and open them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from hub.credentials import store
from hub.credentials.content import render
from hub.credentials.credential import Content, Credential, Owner, Purpose
from hub.credentials.errors import CredentialRefused, NoSuchCredential, ValueLost
from hub.credentials.keeping import SealedVault
from hub.credentials.rules import (
    problems_with_name,
    problems_with_places,
    problems_with_purpose,
    problems_with_value,
    tidy,
)
from spawner.credentials import CredentialKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hub.credentials.keeping import Vault
    from hub.database import Database
    from spawner.credentials import MountedCredential
    from studiolo.wire import NewCredential


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The values that one workspace gets."""

    content: Content
    missing: tuple[str, ...]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Credentials:
    """Everybody's, each for their owner alone. What is kept changes first, then what is known of it."""

    def __init__(self, database: Database, vault: Vault, *, clock: Callable[[], datetime] = _utc_now) -> None:
        """`vault` keeps the values; the database, what is known of them."""
        self._database = database
        self._vault = vault
        self._clock = clock
        self._changing: WeakValueDictionary[Owner, asyncio.Lock] = WeakValueDictionary()

    async def of(self, *owners: Owner) -> tuple[Credential, ...]:
        """All of one person or team, by name; of several, a person's own first."""
        return await self._database.run(lambda session: store.credentials_of(session, owners))

    async def of_all_teams(self) -> tuple[Credential, ...]:
        """All of every team, by team and name; of teams that are gone, too."""
        return await self._database.run(store.credentials_of_teams)

    async def add(self, owner: Owner, new: NewCredential) -> Credential:
        """Keep a new one. Raises CredentialRefused with every reason, or VaultAway."""
        purpose = _purpose_of(new)
        async with self._changes_of(owner):
            content = _examined(owner, new, purpose, await self.of(owner))
            now = self._clock()
            credential = Credential(
                owner=owner,
                name=new.name,
                purpose=purpose,
                always=new.always,
                env=tuple(content.env),
                files=tuple(content.files),
                public_key=content.public_key,
                fingerprint=content.fingerprint,
                created=now,
                changed=now,
            )
            await self._vault.save(credential, content)
            # A crash in between leaves a value that nothing names; adding it again replaces it.
            await self._database.run(lambda session: store.add_credential(session, credential))
        return credential

    async def check(self, owner: Owner, new: NewCredential) -> Content:
        """What would be kept, and nothing is. Raises CredentialRefused with every reason."""
        return _examined(owner, new, _purpose_of(new), await self.of(owner))

    async def rotate(self, owner: Owner, name: str, value: str) -> Credential:
        """Another value at the same places. Raises NoSuchCredential, CredentialRefused or VaultAway."""
        async with self._changes_of(owner):
            known = await self._named(owner, name)
            _refuse(problems_with_value(known.purpose, value))
            content = render(owner.file_name(name), known.purpose, value)
            changed = replace(
                known, public_key=content.public_key, fingerprint=content.fingerprint, changed=self._clock()
            )
            await self._vault.save(changed, content)
            await self._database.run(lambda session: store.change_credential(session, changed))
        return changed

    async def choose_always(self, owner: Owner, name: str, *, always: bool) -> Credential:
        """Whether every workspace gets it from its next start on. Raises NoSuchCredential."""
        async with self._changes_of(owner):
            changed = replace(await self._named(owner, name), always=always)
            await self._database.run(lambda session: store.change_credential(session, changed))
        return changed

    async def remove(self, owner: Owner, name: str) -> None:
        """Forget it. Raises NoSuchCredential or VaultAway; then it is still listed, and can be removed again."""
        async with self._changes_of(owner):
            known = await self._named(owner, name)
            await self._vault.remove(known)
            await self._database.run(lambda session: store.remove_credential(session, owner, name))

    async def forget(self, owner: Owner) -> None:
        """Remove all of a person or team that is deleted. Raises VaultAway; what is listed can be removed again."""
        async with self._changes_of(owner):
            for known in await self.of(owner):
                await self._vault.remove(known)
                await self._database.run(partial(store.remove_credential, owner=owner, name=known.name))

    async def mounts(self, user: str, teams: Sequence[str]) -> tuple[MountedCredential, ...]:
        """What a start may give a workspace of this person, who is in these teams, without values; their own first."""
        return tuple(one.as_mount(secret=self._vault.secret_of(one)) for one in await self.of(*_owners(user, teams)))

    @property
    def can_open(self) -> bool:
        """Whether values can be had here at all: on one machine. On Kubernetes nobody of ours can."""
        return isinstance(self._vault, SealedVault)

    async def open(self, user: str, teams: Sequence[str], names: Sequence[str]) -> Opened:
        """The values themselves, for a start on this machine. What is gone or cannot be opened is named.

        `names` as options have them, a team's as `vision/hub`; of two for one place the first counts.
        """
        if not isinstance(self._vault, SealedVault):
            raise TypeError("values can be opened on one machine only")
        known = {one.full_name: one for one in await self.of(*_owners(user, teams))}
        env: dict[str, str] = {}
        files: dict[str, str] = {}
        missing = [name for name in names if name not in known]
        for name in dict.fromkeys(names):
            if name not in known:
                continue
            try:
                content = await self._vault.open(known[name])
            except ValueLost:
                missing.append(name)
            else:
                env = {**content.env, **env}
                files = {**content.files, **files}
        return Opened(content=Content(env=env, files=files), missing=tuple(missing))

    async def note_mounted(self, user: str, teams: Sequence[str], names: Sequence[str], *, workspace: str) -> None:
        """Remember who got them last: of a person's own, which workspace; of a team's, which of its members."""
        now = self._clock()
        for owner in _owners(user, teams):
            found = [one.name for one in await self.of(owner) if one.full_name in names]
            if found:
                by = user if owner.team else workspace
                await self._database.run(partial(store.note_mounted, owner=owner, names=found, by=by, now=now))

    async def close(self) -> None:
        """Let go of what keeps the values."""
        await self._vault.close()

    async def _named(self, owner: Owner, name: str) -> Credential:
        known = {one.name: one for one in await self.of(owner)}
        if name not in known:
            raise NoSuchCredential(name, known, team=owner.team)
        return known[name]

    def _changes_of(self, owner: Owner) -> asyncio.Lock:
        """One change at a time for each owner: two of the same name would take each other's value away."""
        lock = self._changing.get(owner)
        if lock is None:
            self._changing[owner] = lock = asyncio.Lock()
        return lock


def _owners(user: str, teams: Sequence[str]) -> tuple[Owner, ...]:
    return Owner.person(user), *map(Owner.of_team, teams)


def _purpose_of(new: NewCredential) -> Purpose:
    return tidy(
        Purpose(
            kind=CredentialKind(new.kind),
            variable=new.variable,
            path=new.path,
            host=new.host,
            url=new.url,
            user=new.user,
            tool=new.tool,
        )
    )


def _examined(owner: Owner, new: NewCredential, purpose: Purpose, others: Sequence[Credential]) -> Content:
    value = new.value.get_secret_value()
    _refuse(
        problems_with_name(new.name, owner, others)
        + problems_with_purpose(purpose)
        + problems_with_value(purpose, value)
    )
    content = render(owner.file_name(new.name), purpose, value)
    _refuse(problems_with_places(tuple(content.env), tuple(content.files), others))
    return content


def _refuse(problems: list[str]) -> None:
    if problems:
        raise CredentialRefused(tuple(problems))
