"""The rows of credentials: what is known of them, and on one machine what they hold, sealed."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - SQLAlchemy reads the annotations while running
from typing import Any

from sqlalchemy import JSON, Boolean, DateTime, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Table


class CredentialRow(Table):
    """What is known of a credential. Nothing here opens anything."""

    __tablename__ = "credential"
    __table_args__ = (UniqueConstraint("owner", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(String(300))
    """A person's name, or `team/` and a team's: see `hub/credentials/store.py`."""
    name: Mapped[str] = mapped_column(String(255))
    kind: Mapped[str] = mapped_column(String(255))
    purpose: Mapped[dict[str, Any]] = mapped_column(JSON)
    """What its owner said of it beside the value."""
    env: Mapped[list[str]] = mapped_column(JSON)
    files: Mapped[list[str]] = mapped_column(JSON)
    always: Mapped[bool] = mapped_column(Boolean)
    public_key: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    mounted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    mounted_by: Mapped[str] = mapped_column(String(255))


class SealedRow(Table):
    """What a credential holds, encrypted; on one machine only. The key lies in the data directory."""

    __tablename__ = "sealed_credential"

    reference: Mapped[str] = mapped_column(String(255), primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
