"""The rows of model packages: a version of a model each, and where it came from."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - SQLAlchemy reads the annotations while running
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Float, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Table


class ModelPackageRow(Table):
    """One version of a model."""

    __tablename__ = "model_package"
    __table_args__ = (UniqueConstraint("owner", "name", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(String(300))
    """A person's name, or `team/` and a team's: see `hub/credentials/store.py`."""
    name: Mapped[str] = mapped_column(String(64))
    version: Mapped[str] = mapped_column(String(128))
    digest: Mapped[str] = mapped_column(String(128))
    place: Mapped[str] = mapped_column(String(512))
    made_by: Mapped[str] = mapped_column(String(255), index=True)
    made_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    source: Mapped[str] = mapped_column(String(512))
    source_sha256: Mapped[str] = mapped_column(String(64))
    tree_sha256: Mapped[str] = mapped_column(String(64))
    environment: Mapped[str] = mapped_column(String(255))
    environment_sha256: Mapped[str] = mapped_column(String(64))
    base_name: Mapped[str] = mapped_column(String(512))
    base_digest: Mapped[str] = mapped_column(String(128))
    lock_sha256: Mapped[str] = mapped_column(String(64))
    git_commit: Mapped[str] = mapped_column(String(64))
    git_diff: Mapped[str] = mapped_column(Text)
    contract: Mapped[dict[str, Any]] = mapped_column(JSON)
    cells: Mapped[dict[str, list[int]]] = mapped_column(JSON)
    """`kept` and `left`, by number."""
    files: Mapped[int] = mapped_column(Integer)
    project_bytes: Mapped[int] = mapped_column(BigInteger)
    layer_bytes: Mapped[int] = mapped_column(BigInteger)
    sent_bytes: Mapped[int] = mapped_column(BigInteger)
    seconds: Mapped[float] = mapped_column(Float)
    overridden: Mapped[list[str]] = mapped_column(JSON)
    warnings: Mapped[list[str]] = mapped_column(JSON)
