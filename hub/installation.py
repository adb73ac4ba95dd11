"""How an installation runs pods, as all its settings together say: the same for whoever makes some."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hub.oidc.user_numbers import user_numbers

if TYPE_CHECKING:
    from hub.settings import Settings
    from hub.settings_cluster import KubernetesSettings
    from spawner.installation import Installation


def installation_of(settings: Settings, kubernetes: KubernetesSettings) -> Installation:
    """Hub and services read it alike: a warm pod that one makes is one that the other knows."""
    numbers = user_numbers(settings.auth, kubernetes)
    return replace(
        kubernetes.installation,
        package_index=settings.packages.index_url,
        has_own_numbers=numbers is not None,
        has_own_groups=numbers is not None and bool(numbers.gid_claim),
        parks_kernels=settings.workspaces.parked_kernels,
    )
