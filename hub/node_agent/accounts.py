"""The files about accounts of a warm pod, in which programs look up a number: its person is written into them.

They are files of the kubelet, one mounted over each of the image's. It makes new ones when their text changes, which no
container that runs ever sees: so the agent writes into the very files that are mounted.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from hub.node_agent.mounts import BadSeat
from hub.node_agent.syscalls import is_tmpfs, open_inside

if TYPE_CHECKING:
    from hub.node_agent.mounts import Places
    from hub.node_agent.pods import SeatPod


def write_accounts(places: Places, pod: SeatPod) -> None:
    """What the pod's own annotations say; nothing where it has no such files. Raises BadSeat, and OSError."""
    for path, text in pod.accounts:
        try:
            opened = open_inside(places.pods, f"{pod.uid}/{path}", os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            raise BadSeat(f"the files about accounts cannot be written: {error.strerror}") from error
        try:
            found = os.fstat(opened)
            if not stat.S_ISREG(found.st_mode) or found.st_uid != 0 or not is_tmpfs(opened):
                raise BadSeat("the files about accounts are not the kubelet's")
            content = text.encode()
            os.pwrite(opened, content, 0)
            os.ftruncate(opened, len(content))
        finally:
            os.close(opened)
