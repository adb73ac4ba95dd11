"""Pods of one kind that services make, hold and end by themselves: slots, and those that pre-pull images.

Names follow from what is meant, and deletes carry the uid: whoever else made or ended one meanwhile is not disturbed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from spawner.installation import KIND_LABEL, RELEASE_LABEL
from spawner.kube import KubeAway, KubeConflict, KubeExpired, KubeNotFound

if TYPE_CHECKING:
    from spawner.kube import Json, Kube

MAY_BE_MOVED: Final = {"cluster-autoscaler.kubernetes.io/safe-to-evict": "true"}
"""An annotation: a pod of no controller keeps an autoscaler from ever removing its node, unless it says this."""

RESTRICTED_POD: Final = {"runAsNonRoot": True, "runAsUser": 65535, "seccompProfile": {"type": "RuntimeDefault"}}
RESTRICTED_CONTAINER: Final = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
"""What Pod Security *restricted* asks of both, for programs that need nothing."""

LISTINGS: Final = 3
"""So often a list is begun again that the API server has forgotten the rest of."""


class OwnPods:
    """Of one installation, in one namespace."""

    def __init__(self, kube: Kube, *, namespace: str, release: str, kind: str) -> None:
        """`kind`: the value of their label."""
        self._kube = kube
        self._path = f"/api/v1/namespaces/{namespace}/pods"
        self._query = {"labelSelector": f"{RELEASE_LABEL}={release},{KIND_LABEL}={kind}"}
        self._kind = kind

    async def all(self) -> list[Json]:
        """As the API server has them. Raises KubeError."""
        for _ in range(LISTINGS):
            try:
                return [pod async for page in self._kube.pages(self._path, self._query) for pod in page["items"]]
            except KubeExpired:
                continue
        raise KubeAway(f"The list of pods of the kind {self._kind} changes faster than it can be read.")

    async def create(self, manifest: dict[str, Any]) -> bool:
        """Whether it was made now: somebody else may have, or its predecessor is not quite gone. Raises KubeError."""
        try:
            await self._kube.create(self._path, manifest)
        except KubeConflict:
            return False
        return True

    async def delete(self, name: str, *, uid: str) -> bool:
        """Whether that very pod was there to end: another of its name may have come meanwhile. Raises KubeError."""
        try:
            await self._kube.delete(f"{self._path}/{name}", uid=uid, grace_seconds=0)
        except (KubeNotFound, KubeConflict):
            return False
        return True
