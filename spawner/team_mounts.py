"""The folders that a person's teams share, in a pod: mounted below `~/shared`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from studiolo.names import team_folder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spawner.installation import Installation
    from spawner.plan import LaunchPlan

SHARED: Final = "shared"
"""Below the home."""


def shared_folders(plan: LaunchPlan, installation: Installation) -> tuple[str, ...]:
    """The folders of the person's teams; none where the installation has no such folders, or where it
    has an empty home, so that it waits for nothing on their volume.
    """
    if installation.homes is None or not installation.homes.has_team_folders or plan.has_empty_home:
        return ()
    return tuple(team_folder(team) for team in plan.identity.teams)


def team_mounts(plan: LaunchPlan, installation: Installation, *, volume: str, home: str) -> tuple[dict[str, Any], ...]:
    """A mount for each, of the volume that has the homes."""
    homes = installation.homes
    return tuple(
        {"name": volume, "mountPath": f"{home}/{SHARED}/{folder}", "subPath": homes.team_sub_path(folder)}
        for folder in shared_folders(plan, installation)
        if homes is not None
    )


def without_shared(manifest: dict[str, Any], folders: Iterable[str], *, home: str) -> dict[str, Any]:
    """The manifest of a pod that does not mount these folders."""
    places = {f"{home}/{SHARED}/{folder}" for folder in folders}
    containers = [
        {
            **container,
            "volumeMounts": [one for one in container.get("volumeMounts") or () if one["mountPath"] not in places],
        }
        for container in manifest["spec"]["containers"]
    ]
    return {**manifest, "spec": {**manifest["spec"], "containers": containers}}
