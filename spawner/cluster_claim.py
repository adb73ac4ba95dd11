"""Whether a start may claim a warm pod, and with what: the pod that it would make says all of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spawner.claim import ClusterClaim, Wanted
from spawner.claim_misses import why_none
from spawner.claim_rules import Miss, can_become, variables_in, why_normal
from spawner.credential_mounts import given_credentials
from spawner.identity import HomeFolder, Identity
from spawner.manifest import HOME, owner_in
from spawner.stand_in import stand_in, standing_in
from spawner.verdicts.node_fits import takes_new
from spawner.warm_pod import make, warm_pod
from spawner.warm_room import WarmRoom

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Mapping

    from spawner.cluster_parts import ClusterParts
    from spawner.identity import GivenCredentials
    from spawner.kube import Json
    from spawner.plan import LaunchPlan
    from spawner.verdicts.create_refusals import QuotaExceeded


def why_normal_here(plan: LaunchPlan, parts: ClusterParts) -> Miss | None:
    """What of this plan no running pod of this installation can be given; None: a claim may be tried.

    Starts go by it, and so do forecasts of them.
    """
    return why_normal(plan, keeps_homes=parts.homes is not None)


def may_be_on(node: str, plan: LaunchPlan, parts: ClusterParts) -> bool:
    """Whether a start aims at pods of a node: none does where it is emptied. What nobody knows keeps nobody away."""
    facts = None if parts.nodes is None else parts.nodes.get(node)
    return facts is None or takes_new(facts, plan.shape.hardware)


def is_renumbered(plan: LaunchPlan, parts: ClusterParts) -> bool:
    """Whether the home's owner has another number than a warm pod; before a start has asked for it, whoever has one
    of their own is taken to.
    """
    if plan.identity.owner is None:
        return parts.owner_of is not None
    return owner_in(plan, parts.installation) != stand_in(parts.installation)


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
    ended: Callable[[Miss | None, float | None], None]
    log: logging.Logger

    def knock(self) -> None:
        """Begins what a claim begins with, before the pod that it takes the place of is known."""
        parts, plan = self.parts, self.plan
        if parts.claims is None or why_normal_here(plan, parts) is not None:
            return
        parts.claims.knock_for(
            make(plan.shape, parts.installation),
            takes_new=lambda node: may_be_on(node, plan, parts),
            with_broker=bool(self._credentials().secrets),
        )

    def claim(self, manifest: Json, folders: tuple[str, ...]) -> ClusterClaim | None:
        """For the pod that would be made, and the folders of teams. None: nothing can be claimed for this start."""
        parts, plan, installation = self.parts, self.plan, self.parts.installation
        if parts.claims is None:
            return None
        manifest = standing_in(manifest, plan.identity, installation)
        owner = owner_in(plan, installation)
        miss, made_from = why_normal_here(plan, parts), make(plan.shape, installation)
        if miss is None and not can_become(warm_pod("", plan.shape, installation), manifest):
            miss = Miss.SHAPE
            parts.claims.unlike.add(made_from.template)
        if miss is not None:
            self.log.info("%s", why_none(miss))
            self.ended(miss, None)
            return None
        return ClusterClaim(
            claims=parts.claims,
            kube=parts.kube,
            pods=parts.pods,
            installation=installation,
            wanted=Wanted(
                make=made_from,
                manifest=manifest,
                home=HomeFolder(name=plan.identity.home, uid=owner.uid, gid=owner.gid),
                is_renumbered=is_renumbered(plan, parts),
                identity=Identity(env=variables_in(manifest, self.secrets), cwd=HOME),
                teams=folders,
                credentials=self._credentials(),
                probe_path=self.probe_path,
            ),
            save=self.save,
            takes_new=lambda node: may_be_on(node, plan, parts),
            ended=self.ended,
            log=self.log,
        )

    def _credentials(self) -> GivenCredentials:
        return given_credentials(self.plan.identity.credentials, self.plan.identity.teams)

    async def make_room(self, exceeded: QuotaExceeded) -> bool:
        """Ends a pod of nobody for a start that a quota refuses; whether one is gone. Raises KubeAway."""
        parts = self.parts
        if parts.claims is None:
            return False
        room = WarmRoom(
            claims=parts.claims,
            kube=parts.kube,
            installation=parts.installation,
            hardware=self.plan.shape.hardware.name,
            log=self.log,
        )
        return await room.give(exceeded)
