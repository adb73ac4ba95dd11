"""Slow builds as an installation has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.builder.slow.actions import DerivedBases
from hub.builder.slow.job import build_place, why_off

if TYPE_CHECKING:
    from hub.builder.places import Places
    from hub.database import Database
    from hub.settings import Settings


def derived_bases(settings: Settings, database: Database, places: Places) -> DerivedBases:
    """Connects to nothing yet."""
    kubernetes = settings.kubernetes
    if kubernetes is None or why_off(settings):
        return DerivedBases(database, places, settings, None)
    # Its client takes a third of a second and 30 MiB to load, which nobody else needs.
    from hub.builder.slow.cluster import BuildCluster  # noqa: PLC0415 - see above
    from spawner.kube import Kube  # noqa: PLC0415 - see above

    cluster = BuildCluster(lambda: Kube.connect(kubernetes.kubeconfig), build_place(settings))
    return DerivedBases(database, places, settings, cluster)
