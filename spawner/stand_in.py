"""As whom a warm pod runs where each person has a user number of their own: one that stands in for all of them. Pure.

The agent of its node mounts the home and the folders of teams so that two pairs of numbers change places: the person's
with those of the stand-in. It is a permutation: every file shows as somebody's, none as nobody's, and whatever may be
done to a file as the person may be done to it as the stand-in, neither more nor less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from spawner.file_owner import FileOwner, account_files, login_name
from spawner.manifest import HOME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spawner.installation import Installation
    from spawner.plan import Identity

GROUPS: Final = (100, 101)
"""In the place of a person's own group: below those that people may have, so that no two are the same."""

NOBODY_YET: Final = "jovyan"
"""What a warm pod's account is called until it is claimed."""


def stand_in(installation: Installation) -> FileOwner:
    """The user and the group of a warm pod."""
    if not installation.has_own_groups:
        return FileOwner(uid=installation.uid, gid=installation.gid)
    return FileOwner(uid=installation.uid, gid=next(one for one in GROUPS if one != installation.gid))


def accounts_of_nobody(installation: Installation) -> dict[str, str]:
    """The files about accounts in a warm pod. The agent writes others over them, once it is somebody's."""
    if not installation.has_own_numbers:
        return {}
    return _accounts(NOBODY_YET, NOBODY_YET, installation)


def standing_in(manifest: Mapping[str, Any], identity: Identity, installation: Installation) -> dict[str, Any]:
    """The pod that a start would make, as its person is in a warm one: as the stand-in, under their own name."""
    if identity.owner is None:
        return dict(manifest)
    metadata, spec = manifest["metadata"], manifest["spec"]
    accounts = _accounts(login_name(identity.user, identity.owner), identity.user, installation)
    return {
        **manifest,
        "metadata": {**metadata, "annotations": {**(metadata.get("annotations") or {}), **accounts}},
        "spec": {**spec, "containers": [_as_another(one, identity.owner, installation) for one in spec["containers"]]},
    }


def _as_another(container: Mapping[str, Any], owner: FileOwner, installation: Installation) -> dict[str, Any]:
    """A container that runs as its person runs as the stand-in; one that runs as somebody else goes on so."""
    context, shown = container.get("securityContext") or {}, stand_in(installation)
    if (context.get("runAsUser"), context.get("runAsGroup")) != (owner.uid, owner.gid):
        return dict(container)
    return {**container, "securityContext": {**context, "runAsUser": shown.uid, "runAsGroup": shown.gid}}


def _accounts(name: str, user: str, installation: Installation) -> dict[str, str]:
    return account_files(name, user, stand_in(installation), home=HOME, shared_gid=installation.gid)
