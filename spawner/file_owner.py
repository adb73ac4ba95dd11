"""Whose a person's files are where each has a user number of their own, and how their pod knows them by it.

Programs look a number up in /etc/passwd: without an entry `whoami` fails, ssh does not start, and git knows nobody. The
image cannot have it, and nothing can write there, so both files are annotations of the pod that it mounts over them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from spawner.plan import Identity

VOLUME: Final = "account"
ANNOTATION: Final = "studiolo.dev/{name}"
FILES: Final = ("passwd", "group")
"""Of the folder /etc. Each is an annotation and not a Secret: nothing in it is secret, and it is there with the pod."""

UMASK: Final = "002"
"""What a person makes, their groups may write. Their home is closed to all others; in the folder of a team it is what
makes the files of one those of all."""

SYSTEM: Final = (
    ("root", 0, "/root", "/bin/bash"),
    ("daemon", 1, "/usr/sbin", "/usr/sbin/nologin"),
    ("bin", 2, "/bin", "/usr/sbin/nologin"),
    ("sys", 3, "/dev", "/usr/sbin/nologin"),
    ("mail", 8, "/var/mail", "/usr/sbin/nologin"),
    ("www-data", 33, "/var/www", "/usr/sbin/nologin"),
)
"""Those that programs ask for by name; their numbers are Debian's."""

NOBODY: Final = 65534
TEAMS_GROUP: Final = "teams"

_LOGIN: Final = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_TAKEN: Final = frozenset({name for name, *_ in SYSTEM} | {"nobody", "nogroup", TEAMS_GROUP})


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOwner:
    """The user and the group that a person's processes run as, and that own their home."""

    uid: int
    gid: int


def login_name(user: str, owner: FileOwner) -> str:
    """What the person is called inside: their name where Unix can have it, else `u5001`."""
    return user if _LOGIN.fullmatch(user) and user not in _TAKEN else f"u{owner.uid}"


def account_annotations(identity: Identity, *, home: str, shared_gid: int) -> dict[str, str]:
    """The text of both files, on the pod; nothing where one number is everybody's."""
    if (owner := identity.owner) is None:
        return {}
    return account_files(login_name(identity.user, owner), identity.user, owner, home=home, shared_gid=shared_gid)


def account_files(name: str, user: str, owner: FileOwner, *, home: str, shared_gid: int) -> dict[str, str]:
    """The same of one account: `name` as Unix has it, `user` as we do."""
    people = [f"{one}:x:{number}:{number}:{one}:{place}:{shell}" for one, number, place, shell in SYSTEM]
    people.append(f"nobody:x:{NOBODY}:{NOBODY}:nobody:/nonexistent:/usr/sbin/nologin")
    people.append(f"{name}:x:{owner.uid}:{owner.gid}:{user.replace(':', ' ')}:{home}:/bin/bash")
    groups = [f"{one}:x:{number}:" for one, number, *_ in SYSTEM]
    groups.append(f"nogroup:x:{NOBODY}:")
    # Its only member by name: ssh trusts a file that a group may write where that is so.
    groups.append(f"{name}:x:{owner.gid}:")
    if owner.gid != shared_gid:
        groups.append(f"{TEAMS_GROUP}:x:{shared_gid}:{name}")
    texts = ("\n".join(lines) + "\n" for lines in (people, groups))
    return {ANNOTATION.format(name=name): text for name, text in zip(FILES, texts, strict=True)}


def account_volumes(*, has_own_numbers: bool) -> tuple[dict[str, Any], ...]:
    """Both files, as the kubelet writes them of the pod's annotations."""
    if not has_own_numbers:
        return ()
    # The version is what Kubernetes would fill in: a claim compares how a pod was made with how it is kept.
    items = [
        {
            "path": name,
            "fieldRef": {"apiVersion": "v1", "fieldPath": f"metadata.annotations['{ANNOTATION.format(name=name)}']"},
        }
        for name in FILES
    ]
    return ({"name": VOLUME, "downwardAPI": {"defaultMode": 0o444, "items": items}},)


def account_mounts(*, has_own_numbers: bool) -> tuple[dict[str, Any], ...]:
    """Both files, in the place of the image's."""
    if not has_own_numbers:
        return ()
    return tuple({"name": VOLUME, "mountPath": f"/etc/{name}", "subPath": name, "readOnly": True} for name in FILES)


def account_env(identity: Identity) -> dict[str, str]:
    """What programs believe without looking the number up, and how open new files are."""
    if (owner := identity.owner) is None:
        return {}
    name = login_name(identity.user, owner)
    return {"USER": name, "LOGNAME": name, "STUDIOLO_UMASK": UMASK}
