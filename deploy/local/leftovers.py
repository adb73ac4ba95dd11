"""Processes that an earlier `studiolo up` could not end, and workspaces, which live under keepers of their own."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Any

from spawner.data_directory import WorkspaceFiles
from spawner.ending import EndingKind
from spawner.process_end import wait_until_gone
from spawner.processes import descendants, identify, is_running, kill_all, send_signal
from spawner.workspace_process import WorkspaceProcess

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from spawner.data_directory import DataDirectory
    from spawner.processes import ProcessIdentity

LEFTOVER_SECONDS = 5.0
"""How long an old process may take to end: whoever started it is gone, so nothing waits for its last words."""

KILL_SECONDS = 5.0
"""How long killed processes may take to be gone."""


async def end_leftovers(processes: Iterable[ProcessIdentity]) -> int:
    """End what an earlier `up` left running, and say how many. Workspaces are not among them: they go on."""
    old = [process for process in processes if is_running(process)]
    await asyncio.gather(*(_end(process) for process in old))
    return len(old)


async def stop_workspaces(data: DataDirectory, *, hurry: asyncio.Event) -> int:
    """Stop every workspace of this data directory, and say how many ran. `hurry` ends the patience with them.

    How each ended is written down, so that the pages can say so next time.
    """
    folders = [path.parent for path in data.workspaces.glob("*/record.json")]
    known = [WorkspaceProcess(WorkspaceFiles(root=folder)) for folder in folders]
    running = [workspace for workspace in known if workspace.keeper() is not None]
    lost = [workspace for workspace in known if workspace not in running and workspace.ending() is None]
    for workspace in lost:
        await _end_rest(workspace)
    await _first_of(_stop_all(running, now=False), hurry.wait())
    await _stop_all([workspace for workspace in running if workspace.keeper() is not None], now=True)
    return len(running)


async def _stop_all(workspaces: Iterable[WorkspaceProcess], *, now: bool) -> None:
    # What hangs in the kernel cannot be ended by anybody; the others are, and the machine's next start has none.
    await asyncio.gather(*(workspace.stop(now=now) for workspace in workspaces), return_exceptions=True)


async def _end_rest(workspace: WorkspaceProcess) -> None:
    """End what is left of a workspace whose keeper was killed."""
    rest = workspace.rest()
    workspace.settle(EndingKind.LOST)
    for process in rest:
        await wait_until_gone(process, timeout_seconds=KILL_SECONDS)


async def _end(process: ProcessIdentity) -> None:
    send_signal(process, signal.SIGTERM)
    if not await wait_until_gone(process, timeout_seconds=LEFTOVER_SECONDS):
        await _kill_tree(process)


async def _kill_tree(process: ProcessIdentity) -> None:
    if is_running(process):
        below = filter(None, [identify(pid) for pid in descendants(process.pid)])
        kill_all((process, *below))
        await wait_until_gone(process, timeout_seconds=KILL_SECONDS)


async def _first_of(*work: Coroutine[Any, Any, object]) -> None:
    tasks = [asyncio.create_task(each) for each in work]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
