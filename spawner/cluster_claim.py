"""Whether a start may claim a warm pod, and with what: the pod that it would make says all of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spawner.claim import ClusterClaim, Wanted
from spawner.claim_rules import Miss, can_become, variables_in, why_normal
from spawner.identity import HomeFolder, Identity
from spawner.manifest import HOME, owner_in
from spawner.stand_in import stand_in, standing_in
from spawner.verdicts.node_fits import takes_new
from spawner.warm_pod import template, warm_pod

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Mapping

    from spawner.cluster_parts import ClusterParts
    from spawner.kube import Json
    from spawner.plan import LaunchPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimMaker:
    """Of one start."""

    parts: ClusterParts
    plan: LaunchPlan
    secrets: Mapping[str, str]
    """Variables whose values only a Secret would hold."""
    probe_path: str
    save: Callable[[str, str], None]
    """See `ClusterClaim`."""
    ended: Callable[[Miss | None], None]
    log: logging.Logger

    def claim(self, manifest: Json, folders: tuple[str, ...]) -> ClusterClaim | None:
        """For the pod that would be made, and the folders of teams. None: nothing can be claimed for this start."""
        parts, plan, installation = self.parts, self.plan, self.parts.installation
        if parts.claims is None:
            return None
        manifest = standing_in(manifest, plan.identity, installation)
        owner = owner_in(plan, installation)
        miss = why_normal(plan, keeps_homes=parts.homes is not None)
        if miss is None and not can_become(warm_pod("", plan.shape, installation), manifest):
            miss = Miss.SHAPE
        if miss is not None:
            self.ended(miss)
            return None
        return ClusterClaim(
            claims=parts.claims,
            kube=parts.kube,
            pods=parts.pods,
            installation=installation,
            wanted=Wanted(
                template=template(plan.shape, installation),
                manifest=manifest,
                home=HomeFolder(name=plan.identity.home, uid=owner.uid, gid=owner.gid),
                is_renumbered=owner != stand_in(installation),
                identity=Identity(env=variables_in(manifest, self.secrets), cwd=HOME),
                teams=folders,
                probe_path=self.probe_path,
            ),
            save=self.save,
            takes_new=self._takes_new,
            ended=self.ended,
            log=self.log,
        )

    def _takes_new(self, node: str) -> bool:
        """What nobody knows keeps nobody from claiming."""
        facts = None if self.parts.nodes is None else self.parts.nodes.get(node)
        return facts is None or takes_new(facts, self.plan.shape.hardware)
