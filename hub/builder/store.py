"""Queries about model packages; each is called inside a transaction of `hub.database`."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from sqlalchemy import delete, false, func, select, text

from hub.builder.model_package import Lineage, ModelPackage
from hub.builder.rules import HOUR, Used
from hub.builder.tables import ModelPackageRow
from hub.credentials.store import TEAM, owner_of_text, owner_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from hub.credentials.credential import Owner


def packages_of(session: Session, owners: Collection[Owner]) -> tuple[ModelPackage, ...]:
    """All of these: people before teams, then by name, newest first."""
    texts = [owner_text(owner) for owner in owners]
    return _in_order(session.scalars(select(ModelPackageRow).where(ModelPackageRow.owner.in_(texts))))


def packages_of_teams(session: Session) -> tuple[ModelPackage, ...]:
    """All of all teams."""
    return _in_order(session.scalars(select(ModelPackageRow).where(ModelPackageRow.owner.startswith(TEAM))))


def versions_of(session: Session, owner: Owner, name: str) -> tuple[ModelPackage, ...]:
    """All of one model, newest first."""
    return _in_order(session.scalars(select(ModelPackageRow).where(*_is(owner, name))))


def alone(session: Session) -> None:
    """Until this transaction ends nobody else adds or removes packages: what it counts stays true."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("LOCK TABLE model_package IN SHARE ROW EXCLUSIVE MODE"))
    else:
        session.execute(delete(ModelPackageRow).where(false()))  # SQLite locks all of it with the first change


def add_package(session: Session, package: ModelPackage) -> None:
    """Remember a new one."""
    lineage = package.lineage
    session.add(
        ModelPackageRow(
            owner=owner_text(package.owner),
            name=package.name,
            version=package.version,
            digest=package.digest,
            place=package.place,
            made_by=package.by,
            made_at=package.made,
            source=lineage.source,
            source_sha256=lineage.source_sha256,
            tree_sha256=lineage.tree_sha256,
            environment=lineage.environment,
            environment_sha256=lineage.environment_sha256,
            base_name=lineage.base_name,
            base_digest=lineage.base_digest,
            lock_sha256=lineage.lock_sha256,
            git_commit=lineage.commit,
            git_diff=lineage.diff,
            contract=dict(package.contract),
            cells={"kept": list(package.cells_kept), "left": list(package.cells_left)},
            files=package.files,
            project_bytes=package.project_bytes,
            layer_bytes=package.layer_bytes,
            sent_bytes=package.sent_bytes,
            seconds=package.seconds,
            overridden=list(package.overridden),
            warnings=list(package.warnings),
        )
    )


def remove_package(session: Session, package: ModelPackage) -> None:
    """Forget one; nothing happens where there is none."""
    here = (*_is(package.owner, package.name), ModelPackageRow.version == package.version)
    session.execute(delete(ModelPackageRow).where(*here))


def used(session: Session, by: str, owner: Owner, *, now: datetime) -> Used:
    """What somebody has made in the last hour, and what the owner keeps."""
    # Compared here: SQLite keeps no zone, and moments with and without one are not alike to it.
    recent = select(ModelPackageRow.made_at).where(ModelPackageRow.made_by == by)
    ages = [
        now - _in_utc(made) for made in session.scalars(recent.order_by(ModelPackageRow.made_at.desc()).limit(1000))
    ]
    in_hour = [age for age in ages if age < HOUR]
    kept = select(func.sum(ModelPackageRow.layer_bytes)).where(ModelPackageRow.owner == owner_text(owner))
    return Used(
        packages_in_hour=len(in_hour),
        oldest_in_hour=max(in_hour, default=HOUR - HOUR),
        bytes=int(session.scalar(kept) or 0),
    )


def _is(owner: Owner, name: str) -> tuple[ColumnElement[bool], ...]:
    return ModelPackageRow.owner == owner_text(owner), ModelPackageRow.name == name


def _in_order(rows: Iterable[ModelPackageRow]) -> tuple[ModelPackage, ...]:
    """Not by the database, which may compare letters in another way."""
    newest_first = sorted(rows, key=lambda row: row.id, reverse=True)
    packages = map(_package, newest_first)
    return tuple(sorted(packages, key=lambda one: (one.owner.team, one.owner.name, one.name)))


def _package(row: ModelPackageRow) -> ModelPackage:
    return ModelPackage(
        owner=owner_of_text(row.owner),
        name=row.name,
        version=row.version,
        digest=row.digest,
        place=row.place,
        by=row.made_by,
        made=_in_utc(row.made_at),
        lineage=Lineage(
            source=row.source,
            source_sha256=row.source_sha256,
            tree_sha256=row.tree_sha256,
            environment=row.environment,
            environment_sha256=row.environment_sha256,
            base_name=row.base_name,
            base_digest=row.base_digest,
            lock_sha256=row.lock_sha256,
            commit=row.git_commit,
            diff=row.git_diff,
        ),
        contract=row.contract,
        cells_kept=tuple(row.cells["kept"]),
        cells_left=tuple(row.cells["left"]),
        files=row.files,
        project_bytes=row.project_bytes,
        layer_bytes=row.layer_bytes,
        sent_bytes=row.sent_bytes,
        seconds=row.seconds,
        overridden=tuple(row.overridden),
        warnings=tuple(row.warnings),
    )


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
