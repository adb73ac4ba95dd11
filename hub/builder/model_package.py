"""A model package: an image of somebody's model, and what is remembered of how it came to be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from hub.credentials.credential import Owner


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Where a package comes from."""

    source: str
    """The notebook or module, in its folder."""
    source_sha256: str
    """Of that file as it went in: a notebook without its outputs."""
    tree_sha256: str
    """Of everything that its person gave."""
    environment: str
    """Of the catalog, by name."""
    environment_sha256: str = ""
    """Of the environment's lock file; "" where it has none."""
    base_name: str = ""
    """The image that it stands on; "" where it runs on one machine alone."""
    base_digest: str = ""
    lock_sha256: str = ""
    """Of what is installed beside the base; "" for nothing."""
    commit: str = ""
    """Of git, as its person's side said."""
    diff: str = ""
    """What was not committed, as its person's side said; without lines that look like secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPackage:
    """One version of a model."""

    owner: Owner
    name: str
    version: str
    digest: str
    """Of the image. It never changes: jobs name this."""
    place: str
    """The image without its digest: `registry.example.org/models/alice/iris`, or a folder's name."""
    by: str
    """Who packaged it."""
    made: datetime
    lineage: Lineage
    contract: Mapping[str, Any]
    """Methods, hyperparameters as a JSON Schema: what the runner has, too."""
    cells_kept: tuple[int, ...] = ()
    cells_left: tuple[int, ...] = ()
    files: int = 0
    project_bytes: int = 0
    """Of its person's files."""
    layer_bytes: int = 0
    """Of them as they are kept."""
    sent_bytes: int = 0
    """What was new where it is kept."""
    seconds: float = 0.0
    overridden: tuple[str, ...] = ()
    """Places that look like secrets, and that its person let in."""
    warnings: tuple[str, ...] = field(default=())

    @property
    def reference(self) -> str:
        """How the image is called wherever it is run."""
        return f"{self.place}@{self.digest}"

    @property
    def is_local_only(self) -> bool:
        """Whether it stands on no image, so that no other machine can run it as it is."""
        return not self.lineage.base_digest

    @property
    def is_in_registry(self) -> bool:
        """Whether other machines can fetch it: a place with a host before it, as in every reference to an image."""
        host, slash, _ = self.place.partition("/")
        return bool(slash) and (host == "localhost" or "." in host or ":" in host)
