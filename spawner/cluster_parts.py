"""What the spawner for Kubernetes works with: made once when the hub starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from spawner.credentials import NO_CREDENTIALS
from spawner.packages import NO_PACKAGES
from spawner.parts import NoForecasts, no_quota

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from spawner.catalogs import CatalogHolder
    from spawner.claim import Claims
    from spawner.credentials import CredentialSource
    from spawner.file_owner import FileOwner
    from spawner.homes import HomeService
    from spawner.installation import Installation
    from spawner.kube import Kube
    from spawner.node_watch import NodeWatch
    from spawner.packages import PackageSource
    from spawner.parts import Forecasts, StartHistory
    from spawner.pod_watch import PodWatch


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterParts:
    """Everything outside JupyterHub that a start on Kubernetes needs."""

    catalogs: CatalogHolder
    starts: StartHistory
    kube: Kube
    pods: PodWatch
    nodes: NodeWatch | None = None
    """None: nobody looks at them, and no start names hardware that would fit."""
    installation: Installation
    homes: HomeService | None = None
    """None: the node makes the folder of a home, or homes end with their pods."""
    forecasts: Forecasts = field(default_factory=NoForecasts)
    credentials: CredentialSource = NO_CREDENTIALS
    packages: PackageSource = NO_PACKAGES
    quota_of: Callable[[Collection[str]], int | None] = no_quota
    """How many bytes the home of somebody in these teams may hold."""
    claims: Claims | None = None
    """None: no pods wait to be claimed, and all starts are normal ones."""
    owner_of: Callable[[Any], FileOwner] | None = None
    """The user number in what is kept of a person's sign-in; raises NoUserNumber. None: one number is everybody's."""
