"""`studiolo up` from the first line it prints to the last process it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local.errors import ProcessFailedError, StoppedEarlyError
from deploy.local.leftovers import end_leftovers, stop_workspaces
from deploy.local.plans import HUB, PROXY, SERVICES, public_health
from deploy.local.preparation import Prepared, UpOptions, locked, prepare
from deploy.local.run_record import record_path
from deploy.local.supervisor import StopRequests, Supervisor
from spawner.data_directory import DataDirectory, default_data_directory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deploy.local.reporting import Reporter
    from deploy.local.run_record import RunRecord
    from hub.settings import Settings
    from spawner.catalogs import CatalogHolder, CatalogStatus


def up(options: UpOptions, *, env: Mapping[str, str], reporter: Reporter) -> None:
    """Run Studiolo until somebody stops it. Raises StudioloError when it cannot be run."""
    with contextlib.ExitStack() as stack:
        with reporter.step("data directory") as step:
            data = DataDirectory(root=options.data.absolute())
            previous = stack.enter_context(locked(data))
            step.detail = str(data.root)
        asyncio.run(_up(options, previous=previous, env=env, reporter=reporter))


async def _up(options: UpOptions, *, previous: RunRecord, env: Mapping[str, str], reporter: Reporter) -> None:
    if ended := await end_leftovers(previous.processes.values()):
        reporter.event(f"ended {ended} processes that an earlier run had to leave")
    prepared = prepare(options, previous=previous, env=env, reporter=reporter)
    with StopRequests() as requests:
        supervisor = Supervisor(
            prepared.plans,
            record=prepared.record,
            record_path=record_path(prepared.settings.data),
            reporter=reporter,
            requests=requests,
        )
        try:
            await _start(supervisor, prepared.settings, reporter)
            _say_ready(prepared, reporter)
            await _run(supervisor, prepared.catalogs, reporter)
        except StoppedEarlyError:
            pass
        except ProcessFailedError as error:
            reporter.log_tail(error.log_tail)
            raise
        finally:
            await _stop(supervisor, prepared.settings, requests, reporter)


async def _start(supervisor: Supervisor, settings: Settings, reporter: Reporter) -> None:
    with reporter.step("proxy"):
        await supervisor.start(PROXY)
    with reporter.step("hub, services"):
        await supervisor.start(HUB, SERVICES)
        await supervisor.wait_for(public_health(settings))


def _say_ready(prepared: Prepared, reporter: Reporter) -> None:
    command = _how_we_are_called()
    data = prepared.settings.data.root
    where = "" if data == default_data_directory() else f" --data {data}"
    reporter.plain()
    reporter.plain(f"Studiolo is ready:  {prepared.settings.public_url}")
    reporter.plain("  user name  admin")
    if prepared.is_first_run:
        reporter.plain(f"  password   {prepared.admin_password}")
        reporter.plain(f"  (shown this once; later: {command} password{where})")
    else:
        reporter.plain(f"  password   as before ({command} password{where} shows it)")
    reporter.plain("Ctrl-C stops it, and every workspace.")
    reporter.plain()


async def _run(supervisor: Supervisor, catalogs: CatalogHolder, reporter: Reporter) -> None:
    def say(status: CatalogStatus) -> None:
        reporter.event("catalog reloaded" if status.is_valid else "catalog refused, the one before goes on:")
        for problem in status.problems:
            reporter.plain(str(problem))

    catalogs.subscribe(say)
    watching = asyncio.create_task(catalogs.watch())
    try:
        await supervisor.run()
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _stop(supervisor: Supervisor, settings: Settings, requests: StopRequests, reporter: Reporter) -> None:
    """Hub and services first, so that no workspace starts meanwhile; the proxy last, it is what people still see."""
    reporter.event("stopping (Ctrl-C once more: at once)")
    await supervisor.stop(HUB, SERVICES)
    stopped = await stop_workspaces(settings.data, hurry=requests.hurry)
    await supervisor.stop(PROXY)
    await supervisor.close()
    workspaces = {0: "", 1: ", and 1 workspace"}.get(stopped, f", and {stopped} workspaces")
    reporter.event(f"stopped{workspaces}")


def _how_we_are_called() -> str:
    """The command as it can be typed here: `studiolo`, or where it lies when that is not on PATH."""
    command = Path(sys.argv[0])
    found = shutil.which(command.name)
    if found is not None and Path(found).resolve() == command.resolve():
        return command.name
    return os.path.relpath(command) if command.is_absolute() else str(command)
