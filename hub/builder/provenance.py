"""What of a package's record is said beside its image."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from hub.builder.rules import repository_of
from studiolo.packaging.provenance import Origin

if TYPE_CHECKING:
    from hub.builder.model_package import ModelPackage

BUILDER = "urn:studiolo:services"


def origin_of(package: ModelPackage) -> Origin:
    """Where it comes from. What was not committed is said by its hash alone."""
    lineage = package.lineage
    return Origin(
        repository=repository_of(package.owner, package.name),
        version=package.version,
        by=package.by,
        made=package.made.isoformat(timespec="seconds"),
        builder=BUILDER,
        source=lineage.source,
        source_sha256=lineage.source_sha256,
        tree_sha256=lineage.tree_sha256,
        environment=lineage.environment,
        base_name=lineage.base_name,
        base_digest=lineage.base_digest,
        lock_sha256=lineage.lock_sha256,
        commit=lineage.commit,
        diff_sha256=hashlib.sha256(lineage.diff.encode()).hexdigest() if lineage.diff else "",
        contract=package.contract,
        cells_kept=package.cells_kept,
        cells_left=package.cells_left,
        overridden=package.overridden,
    )
