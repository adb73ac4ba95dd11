"""Model packages as their people see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studiolo.packaging.images import as_bytes
from studiolo.wire_models import (
    CellView,
    FoundSecretView,
    LeftOutView,
    ModelPackageView,
    ModelPlanView,
    PackageOrigin,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hub.builder.actions import Planned
    from hub.builder.model_package import ModelPackage

MOST_LEFT_OUT = 200
"""Named; whoever leaves out more knows."""

LARGEST_MODULE = 256 * 1024
"""Characters of a module that are shown."""


def view_of(
    package: ModelPackage, beside: Iterable[ModelPackage] = (), *, may_delete: bool = True, is_new: bool = False
) -> ModelPackageView:
    """What its owner, or somebody of its team, sees of it. `beside`: others of the same owner."""
    lineage, contract = package.lineage, package.contract
    return ModelPackageView(
        name=package.name,
        version=package.version,
        team=package.owner.team,
        owner=package.owner.name,
        digest=package.digest,
        reference=package.reference,
        is_new=is_new,
        is_local_only=package.is_local_only,
        may_delete=may_delete,
        by=package.by,
        made=package.made,
        source=lineage.source,
        source_sha256=lineage.source_sha256,
        tree_sha256=lineage.tree_sha256,
        environment=lineage.environment,
        base=lineage.base_name,
        base_digest=lineage.base_digest,
        lock_sha256=lineage.lock_sha256,
        commit=lineage.commit,
        has_diff=bool(lineage.diff),
        methods=tuple(contract["methods"]),
        hyperparameters=contract["hyperparameters"],
        doc=contract["doc"],
        cells_kept=package.cells_kept,
        cells_left=package.cells_left,
        files=package.files,
        size=package.project_bytes,
        layer_size=package.layer_bytes,
        sent_bytes=package.sent_bytes,
        seconds=package.seconds,
        overridden=package.overridden,
        warnings=package.warnings,
        same_content=same_content(package, beside),
    )


def origin_of(package: ModelPackage) -> PackageOrigin:
    """What the hub asks, to start a workspace with it."""
    lineage = package.lineage
    return PackageOrigin(
        name=package.name,
        version=package.version,
        digest=package.digest,
        source=lineage.source,
        environment=lineage.environment,
        environment_sha256=lineage.environment_sha256,
        base=lineage.base_name,
        base_digest=lineage.base_digest,
        has_lock=bool(lineage.lock_sha256),
    )


def same_content(package: ModelPackage, beside: Iterable[ModelPackage]) -> tuple[str, ...]:
    """Other versions of the same model that are the very same image."""
    return tuple(
        one.version
        for one in beside
        if (one.owner, one.name, one.digest) == (package.owner, package.name, package.digest)
        and one.version != package.version
    )


def plan_view_of(planned: Planned, *, team: str) -> ModelPlanView:
    """What somebody sees before they confirm."""
    inspection, project = planned.plan.inspection, planned.plan.project
    return ModelPlanView(
        name=planned.name,
        version=planned.version,
        team=team,
        environment=planned.standing.environment,
        base=planned.standing.base.name,
        methods=tuple(str(method) for method in inspection.contract.methods),
        hyperparameters=inspection.contract.schema(),
        module=inspection.module[:LARGEST_MODULE],
        cells=tuple(
            CellView(number=cell.number, id=cell.id, kept=cell.is_kept, why=cell.why) for cell in inspection.cells
        ),
        files=len(project.files),
        size=project.size,
        left_out=tuple(LeftOutView(path=one.path, why=one.why) for one in project.left_out[:MOST_LEFT_OUT]),
        secrets=tuple(FoundSecretView(place=one.place, text=str(one)) for one in planned.secrets),
        warnings=planned.warnings,
        problems=planned.problems,
        is_packaged=planned.is_packaged,
        offer=planned.offer,
    )


def as_json(text: object) -> str:
    """A value of a hyperparameter as people write it."""
    return as_bytes({"": text}).decode()[4:-1]
