"""How a pod gets credentials: files in one projected volume, variables by reference. Never a value in the pod itself.

Everything is optional: a credential that was removed meanwhile keeps no workspace from starting. A file whose Secret
changes or goes does so in the running pod too, within a minute or so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from spawner.credential_choice import variables_of
from spawner.credential_keys import CREDENTIALS_FOLDER, secret_key
from spawner.credential_places import placed_files, pointers
from spawner.identity import CredentialSecret, GivenCredentials
from studiolo.names import team_folder

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from spawner.credentials import MountedCredential

GIT_HELPER: Final = ("python3", "-I", "/opt/studiolo/workspace_server/git_credential.py")
"""In every image of ours. Where it is missing, git says so and asks as it always did."""

VOLUME: Final = "credentials"

READ_BY_ALL: Final = 0o444
"""The kubelet gives the files to root, and the pod runs as somebody else: all that runs in it is one person's."""


def credential_env(credentials: Sequence[MountedCredential]) -> dict[str, str | dict[str, Any]]:
    """The container's variables: where files are, and each secret one by reference.

    One by one and not all of a Secret at once (`envFrom`): then exactly those names get in that were checked.
    """
    credentials = _kept(credentials)
    return {
        **pointers(credentials, folder=CREDENTIALS_FOLDER, git_helper=GIT_HELPER),
        **{
            name: {"valueFrom": {"secretKeyRef": {"name": credential.secret, "key": name, "optional": True}}}
            for name, credential in variables_of(credentials).items()
        },
    }


def credential_volumes(credentials: Sequence[MountedCredential]) -> list[dict[str, Any]]:
    """The volume with all files, in memory of the node; none where there are no files."""
    items: dict[str, list[dict[str, str]]] = {}
    for place, (credential, path) in placed_files(_kept(credentials)).items():
        items.setdefault(credential.secret, []).append({"key": secret_key(path), "path": place})
    if not items:
        return []
    sources = [{"secret": {"name": name, "optional": True, "items": files}} for name, files in items.items()]
    return [{"name": VOLUME, "projected": {"defaultMode": READ_BY_ALL, "sources": sources}}]


def credential_mounts(credentials: Sequence[MountedCredential]) -> list[dict[str, Any]]:
    """Where the volume appears. As a whole: a file mounted alone (`subPath`) would never change."""
    if not placed_files(_kept(credentials)):
        return []
    return [{"name": VOLUME, "mountPath": CREDENTIALS_FOLDER, "readOnly": True}]


def given_credentials(credentials: Sequence[MountedCredential], teams: Collection[str]) -> GivenCredentials:
    """The same for a pod that runs already: what the agent of its node brings there. `teams`: all of the person's."""
    kept = _kept(credentials)
    env: dict[str, list[str]] = {}
    files: dict[str, dict[str, str]] = {}
    for name, credential in variables_of(kept).items():
        env.setdefault(credential.secret, []).append(name)
    for place, (credential, path) in placed_files(kept).items():
        files.setdefault(credential.secret, {})[place] = secret_key(path)
    names = dict.fromkeys((*env, *files))
    giving = {credential.team for credential in kept}
    return GivenCredentials(
        teams=tuple(team_folder(team) for team in sorted(giving & {*teams})),
        secrets=tuple(
            CredentialSecret(name=name, env=tuple(env.get(name, ())), files=files.get(name, {})) for name in names
        ),
    )


def _kept(credentials: Sequence[MountedCredential]) -> tuple[MountedCredential, ...]:
    """Those that a Secret holds; a pod that refers to one without a name would be refused."""
    return tuple(credential for credential in credentials if credential.secret)
