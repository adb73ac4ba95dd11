"""Workspaces that run although the hub's database knows nothing of them: after a lost or restored database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spawner.data_directory import WorkspaceFiles
from spawner.machine import running_records
from spawner.workspace_process import StillRunningError, WorkspaceProcess

if TYPE_CHECKING:
    import logging
    from collections.abc import Collection

    from spawner.parts import SpawnerParts


async def end_orphans(parts: SpawnerParts, *, known: Collection[str], log: logging.Logger) -> tuple[str, ...]:
    """Ends what runs under a key that is not `known`, and gives the keys. Homes stay as they are.

    Nobody could reach such a workspace, stop it, or have what it holds. `known` are the keys of all servers in the
    hub's database, also of those that it has not looked at yet.
    """
    ended = []
    for record in tuple(running_records(parts.data)):
        key = record.held.key
        if key in known:
            continue
        log.warning("The workspace %s runs and the hub does not know it: it is ended.", key)
        try:
            await WorkspaceProcess(WorkspaceFiles(root=parts.data.workspaces / key)).stop()
        except StillRunningError as error:
            log.warning("The workspace %s does not end: %s", key, error)
            continue
        parts.machine.release(key)
        ended.append(key)
    return tuple(ended)
