"""Queries about credentials; each is called inside a transaction of `hub.database`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, select, update

from hub.credentials.credential import Credential, Owner, Purpose
from hub.credentials.tables import CredentialRow, SealedRow
from spawner.credentials import CredentialKind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from sqlalchemy.orm import Session


TEAM: Final = "team/"
"""Begins the owner of a row that is of a team."""

PERSON: Final = "person/"
"""Begins the owner of a row of a person whose own name begins with one of these: a renamed one may, for all we know."""


def credentials_of(session: Session, owners: Collection[Owner]) -> tuple[Credential, ...]:
    """All of these, people before teams, then by name."""
    texts = [owner_text(owner) for owner in owners]
    rows = session.scalars(select(CredentialRow).where(CredentialRow.owner.in_(texts)))
    return _in_order(rows)


def credentials_of_teams(session: Session) -> tuple[Credential, ...]:
    """All of all teams, by team and name."""
    return _in_order(session.scalars(select(CredentialRow).where(CredentialRow.owner.startswith(TEAM))))


def add_credential(session: Session, credential: Credential) -> None:
    """Remember a new one."""
    purpose = asdict(credential.purpose)
    session.add(
        CredentialRow(
            owner=owner_text(credential.owner),
            name=credential.name,
            kind=purpose.pop("kind").value,
            purpose={name: text for name, text in purpose.items() if text},
            env=list(credential.env),
            files=list(credential.files),
            always=credential.always,
            public_key=credential.public_key,
            fingerprint=credential.fingerprint,
            created_at=credential.created,
            changed_at=credential.changed,
            mounted_at=credential.mounted,
            mounted_by=credential.mounted_by,
        )
    )


def change_credential(session: Session, credential: Credential) -> None:
    """Remember what a new value, or another choice of its owner, changed."""
    session.execute(
        update(CredentialRow)
        .where(CredentialRow.owner == owner_text(credential.owner), CredentialRow.name == credential.name)
        .values(
            always=credential.always,
            public_key=credential.public_key,
            fingerprint=credential.fingerprint,
            changed_at=credential.changed,
        )
    )


def remove_credential(session: Session, owner: Owner, name: str) -> None:
    """Forget one; nothing happens where there is none."""
    session.execute(delete(CredentialRow).where(CredentialRow.owner == owner_text(owner), CredentialRow.name == name))


def note_mounted(session: Session, owner: Owner, names: Collection[str], *, by: str, now: datetime) -> None:
    """Remember who got them last."""
    session.execute(
        update(CredentialRow)
        .where(CredentialRow.owner == owner_text(owner), CredentialRow.name.in_(names))
        .values(mounted_at=now, mounted_by=by)
    )


def save_sealed(session: Session, reference: str, sealed: bytes) -> None:
    """Keep an encrypted value, in place of what was there."""
    session.merge(SealedRow(reference=reference, sealed=sealed))


def load_sealed(session: Session, reference: str) -> bytes | None:
    """An encrypted value."""
    return session.scalar(select(SealedRow.sealed).where(SealedRow.reference == reference))


def remove_sealed(session: Session, reference: str) -> None:
    """Forget an encrypted value."""
    session.execute(delete(SealedRow).where(SealedRow.reference == reference))


def _in_order(rows: Iterable[CredentialRow]) -> tuple[Credential, ...]:
    """Not by the database, which may compare letters in another way."""
    return tuple(sorted(map(_credential, rows), key=lambda one: (one.owner.team, one.owner.name, one.name)))


def owner_text(owner: Owner) -> str:
    """As a row names it. One-to-one: nobody's rows are ever those of a team, whatever they are called."""
    if owner.team:
        return f"{TEAM}{owner.name}"
    return f"{PERSON}{owner.name}" if owner.name.startswith((TEAM, PERSON)) else owner.name


def owner_of_text(text: str) -> Owner:
    """Whom a row names."""
    return Owner.of_team(text.removeprefix(TEAM)) if text.startswith(TEAM) else Owner.person(text.removeprefix(PERSON))


def _credential(row: CredentialRow) -> Credential:
    return Credential(
        owner=owner_of_text(row.owner),
        name=row.name,
        purpose=Purpose(kind=CredentialKind(row.kind), **row.purpose),
        always=row.always,
        env=tuple(row.env),
        files=tuple(row.files),
        public_key=row.public_key,
        fingerprint=row.fingerprint,
        created=_in_utc(row.created_at),
        changed=_in_utc(row.changed_at),
        mounted=None if row.mounted_at is None else _in_utc(row.mounted_at),
        mounted_by=row.mounted_by,
    )


def _in_utc(moment: datetime) -> datetime:
    """SQLite keeps no zone."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
