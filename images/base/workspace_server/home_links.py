"""Files of credentials that belong into the home: a symbolic link to each, and never anything of the person's own.

The files lie in memory, in `home/` of the folder that STUDIOLO_CREDENTIALS names. A link stays when the workspace ends,
and leads nowhere then; the next start that has the credential makes it good again.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

FOLDER_VARIABLE = "STUDIOLO_CREDENTIALS"
SSH_VARIABLE = "GIT_SSH_COMMAND"
IN_HOME = "home"


def link_into_home(environ: dict[str, str]) -> list[str]:
    """Makes the links; gives the places in the home where something of the person's own is in the way."""
    folder, home = environ.get(FOLDER_VARIABLE), environ.get("HOME")
    if not folder or not home:
        return []
    if SSH_VARIABLE in environ:
        # ssh itself makes it in the home of the system's user only, and keeps there nothing of the servers it has seen.
        with contextlib.suppress(OSError):
            (Path(home) / ".ssh").mkdir(mode=0o700, exist_ok=True)
    source = Path(folder) / IN_HOME
    # The kubelet keeps the files behind links of its own, which `os.walk` follows at the top alone: and that is enough.
    files = [Path(where) / name for where, _, names in os.walk(source) for name in names]
    relatives = [(path, path.relative_to(source)) for path in files]
    return [str(relative) for path, relative in relatives if not _link(path, Path(home) / relative, relative)]


def _link(path: Path, place: Path, relative: Path) -> bool:
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if place.is_symlink() and _is_ours(place.readlink(), relative):
            place.unlink()
        with contextlib.suppress(FileExistsError):
            place.symlink_to(path)
            return True
        return place.samefile(path)
    except OSError:  # a full or read-only home: the workspace starts all the same
        return False


def _is_ours(target: Path, relative: Path) -> bool:
    """Whether a link leads to a folder of credentials, of this workspace or of an earlier one."""
    end = (IN_HOME, *relative.parts)
    folder, found = target.parts[-len(end) - 1 : -len(end)], target.parts[-len(end) :]
    return found == end and "".join(folder).endswith("credentials")
