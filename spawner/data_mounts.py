"""The data of a plan in a pod: a volume for each claim, a mount for each entry."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spawner.installation import HomesVolume
    from studiolo.catalog_model import DataFolder


def volumes_of(
    data: Sequence[DataFolder], mounted: Mapping[str, str]
) -> tuple[tuple[dict[str, Any], ...], tuple[dict[str, Any], ...]]:
    """The volumes to add to a pod and the container's mounts. `mounted` are volumes it has, by their claims.

    Each claim is one volume: of two for the same the kubelet mounts one, and waits for the other for ever.
    """
    claims = dict.fromkeys(entry.claim for entry in data if entry.claim not in mounted)
    # Numbered: a claim's name may be longer than that of a volume, and hold dots.
    added = {claim: f"data-{number}" for number, claim in enumerate(claims)}
    volumes = tuple({"name": name, "persistentVolumeClaim": {"claimName": claim}} for claim, name in added.items())
    names = added | dict(mounted)
    return volumes, tuple(_mount(entry, names[entry.claim]) for entry in data)


def among_homes(data: Sequence[DataFolder], homes: HomesVolume | None) -> tuple[DataFolder, ...]:
    """The entries by which people would come to the homes of others: a slip of whoever wrote the catalog."""
    if homes is None:
        return ()
    kept = PurePosixPath(homes.folder.strip("/"))
    return tuple(
        entry
        for entry in data
        if entry.claim == homes.claim
        and (kept.is_relative_to(entry.folder) or PurePosixPath(entry.folder).is_relative_to(kept))
    )


def _mount(entry: DataFolder, volume: str) -> dict[str, Any]:
    return {
        "name": volume,
        "mountPath": entry.mount,
        # Of the mount and not of the volume: another entry of the same claim may be for writing.
        "readOnly": entry.read_only,
        **({"subPath": entry.folder} if entry.folder else {}),
    }
