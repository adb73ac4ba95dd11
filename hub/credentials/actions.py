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
from hub.credentials.credential import Content, Credential, Purpose
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
        self._changing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def of(self, owner: str) -> tuple[Credential, ...]:
        """All of one person, by name."""
        return await self._database.run(lambda session: store.credentials_of(session, owner))

    async def add(self, owner: str, new: NewCredential) -> Credential:
        """Keep a new one. Raises CredentialRefused with every reason, or VaultAway."""
        purpose = _purpose_of(new)
        async with self._changes_of(owner):
            content = _examined(new, purpose, await self.of(owner))
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

    async def check(self, owner: str, new: NewCredential) -> Content:
        """What would be kept, and nothing is. Raises CredentialRefused with every reason."""
        return _examined(new, _purpose_of(new), await self.of(owner))

    async def rotate(self, owner: str, name: str, value: str) -> Credential:
        """Another value at the same places. Raises NoSuchCredential, CredentialRefused or VaultAway."""
        async with self._changes_of(owner):
            known = await self._named(owner, name)
            _refuse(problems_with_value(known.purpose, value))
            content = render(name, known.purpose, value)
            changed = replace(
                known, public_key=content.public_key, fingerprint=content.fingerprint, changed=self._clock()
            )
            await self._vault.save(changed, content)
            await self._database.run(lambda session: store.change_credential(session, changed))
        return changed

    async def choose_always(self, owner: str, name: str, *, always: bool) -> Credential:
        """Whether every workspace gets it from its next start on. Raises NoSuchCredential."""
        async with self._changes_of(owner):
            changed = replace(await self._named(owner, name), always=always)
            await self._database.run(lambda session: store.change_credential(session, changed))
        return changed

    async def remove(self, owner: str, name: str) -> None:
        """Forget it. Raises NoSuchCredential or VaultAway; then it is still listed, and can be removed again."""
        async with self._changes_of(owner):
            known = await self._named(owner, name)
            await self._vault.remove(known)
            await self._database.run(lambda session: store.remove_credential(session, owner, name))

    async def forget(self, owner: str) -> None:
        """Remove all of a person who is deleted. Raises VaultAway; what is still listed can be removed again."""
        async with self._changes_of(owner):
            for known in await self.of(owner):
                await self._vault.remove(known)
                await self._database.run(partial(store.remove_credential, owner=owner, name=known.name))

    async def mounts(self, owner: str) -> tuple[MountedCredential, ...]:
        """What a start may give a workspace of this person, without values."""
        return tuple(one.as_mount(secret=self._vault.secret_of(one)) for one in await self.of(owner))

    @property
    def can_open(self) -> bool:
        """Whether values can be had here at all: on one machine. On Kubernetes nobody of ours can."""
        return isinstance(self._vault, SealedVault)

    async def open(self, owner: str, names: Sequence[str]) -> Opened:
        """The values themselves, for a start on this machine. What is gone or cannot be opened is named."""
        if not isinstance(self._vault, SealedVault):
            raise TypeError("values can be opened on one machine only")
        known = {one.name: one for one in await self.of(owner)}
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
                env |= content.env
                files |= content.files
        return Opened(content=Content(env=env, files=files), missing=tuple(missing))

    async def note_mounted(self, owner: str, names: Sequence[str], *, workspace: str) -> None:
        """Remember which workspace got them last."""
        now = self._clock()
        await self._database.run(
            lambda session: store.note_mounted(session, owner, names, workspace=workspace, now=now)
        )

    async def close(self) -> None:
        """Let go of what keeps the values."""
        await self._vault.close()

    async def _named(self, owner: str, name: str) -> Credential:
        known = {one.name: one for one in await self.of(owner)}
        if name not in known:
            raise NoSuchCredential(name, known)
        return known[name]

    def _changes_of(self, owner: str) -> asyncio.Lock:
        """One change at a time for each person: two of the same name would take each other's value away."""
        lock = self._changing.get(owner)
        if lock is None:
            self._changing[owner] = lock = asyncio.Lock()
        return lock


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


def _examined(new: NewCredential, purpose: Purpose, others: Sequence[Credential]) -> Content:
    value = new.value.get_secret_value()
    _refuse(problems_with_name(new.name, others) + problems_with_purpose(purpose) + problems_with_value(purpose, value))
    content = render(new.name, purpose, value)
    _refuse(problems_with_places(tuple(content.env), tuple(content.files), others))
    return content


def _refuse(problems: list[str]) -> None:
    if problems:
        raise CredentialRefused(tuple(problems))
