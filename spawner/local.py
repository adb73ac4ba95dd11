"""JupyterHub's spawner for one machine: a workspace is a process tree under a keeper that outlives the hub."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final

from spawner.chosen_workspace import OUR_SHARE, ChosenWorkspace
from spawner.credential_files import remove_credentials
from spawner.ending import EndingKind
from spawner.environments import BuildFailed
from spawner.hub_env import SERVICES_URL
from spawner.local_start import SERVER_SECONDS, LocalStart
from spawner.opened_package import said_of_the_lock
from spawner.probe import answers
from spawner.start_report import StartReport
from spawner.workspace_process import StillRunningError, WorkspaceProcess

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from spawner.data_directory import WorkspaceFiles
    from spawner.ending import Ending
    from spawner.parts import SpawnerParts
    from spawner.plan import LaunchPlan
    from studiolo.catalog import Environment
    from studiolo.package_name import PackageName
    from studiolo.wire_models import PackageOrigin

STOP_AGAIN_SECONDS: Final = 5.0
"""How long to wait before something that did not end is told so again."""


class LocalWorkspaceSpawner(ChosenWorkspace):
    """One workspace of one person on this machine."""

    parts: ClassVar[SpawnerParts]

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self._known_process: WorkspaceProcess | None = None

    @property
    def log_path(self) -> Path:
        """Where the last MiB of the server's output is, also after its end."""
        return self._files.log

    def ending(self) -> Ending | None:
        """How the workspace ended; None while it runs or where it never ran."""
        return self.lasting.explain(self._process.ending())

    # What JupyterHub asks

    def get_env(self) -> dict[str, str]:
        """What JupyterHub's server has to know: nothing of the hub's own environment."""
        env: Mapping[str, str] = super().get_env()
        return {name: value for name, value in env.items() if name.startswith("JUPYTERHUB_") or name == SERVICES_URL}

    async def start(self) -> str:
        """The address of a server that answers. Everything that goes wrong is a SpawnException with its reason."""
        return await self._run_start(lambda plan: self._prepared_start(plan).run())

    async def stop(self, now: bool = False) -> None:  # noqa: FBT001, FBT002 - JupyterHub's signature
        """Ends the workspace, and does not return before it is gone: JupyterHub would forget an error in silence."""
        self._begin_stop()
        while True:
            try:
                await self._process.stop(now=now)
            except (StillRunningError, OSError) as error:
                self.log.warning("The workspace %s does not end, trying again: %s", self._log_name, error)
                now = True
                await asyncio.sleep(STOP_AGAIN_SECONDS)
            else:
                # Where its keeper was killed before it had done so; mostly there is nothing left.
                for folder in (self._files.scratch, self._files.empty_home):
                    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
                await asyncio.to_thread(remove_credentials, self._files.credentials)
                self.parts.machine.release(self.key)
                return

    async def poll(self) -> int | None:
        """None while it starts or runs, otherwise an exit code. What a dead workspace held is given back here."""
        if self._is_starting or self._process.keeper() is not None:
            return None
        self.parts.machine.release(self.key)
        if self._process.record is None:
            return 0
        ending = self._process.settle(EndingKind.LOST)
        remove_credentials(self._files.credentials)  # where its keeper was killed; nothing else is left in memory
        return 1 if ending.exit_code is None else ending.exit_code

    async def get_url(self) -> str:
        """Where the server is. One that was starting while the hub restarted is waited for, not given up."""
        record = self._process.record
        if record is None:
            return str(self.server.url)
        rest = record.started_at + timedelta(seconds=SERVER_SECONDS) - datetime.now(UTC)
        answer = asyncio.ensure_future(answers(record.url, f"{self.server.base_url}api"))
        end = asyncio.ensure_future(self._process.wait_until_ended())
        await asyncio.wait((answer, end), timeout=max(1.0, rest.total_seconds()), return_when=asyncio.FIRST_COMPLETED)
        for task in (answer, end):
            task.cancel()
        await asyncio.gather(answer, end, return_exceptions=True)
        return f"{record.url}{self.server.base_url}"

    async def rename(self, old_name: str, new_name: str) -> None:
        """Log and ending stay with the workspace under its new name."""
        data, user = self.parts.data, self.user.name
        old, new = data.workspace(user, old_name).root, data.workspace(user, new_name).root
        self._known_process = None
        await asyncio.to_thread(_move, old, new)

    async def delete_forever(self) -> None:
        """Removes log, record and runtime files of the workspace; never the home, which is the person's."""
        self.parts.machine.release(self.key)
        await asyncio.to_thread(remove_credentials, self._files.credentials)
        await asyncio.to_thread(shutil.rmtree, self.log_path.parent, ignore_errors=True)

    # How it is done

    @property
    def _process(self) -> WorkspaceProcess:
        if self._known_process is None:
            self._known_process = WorkspaceProcess(self._files)
        return self._known_process

    @property
    def _files(self) -> WorkspaceFiles:
        return self.parts.data.workspace(self.user.name, self.name)

    async def _software_of_then(
        self, now: Environment, origin: PackageOrigin, package: PackageName
    ) -> tuple[Environment, tuple[str, ...]]:
        """The present one, which is another where its lock has changed: no lock but the present one is kept."""
        if now.requirements is None:
            return now, ()
        try:
            lock = await asyncio.to_thread(now.requirements.read_bytes)
        except OSError:  # the phase that needs it says so
            return now, ()
        return now, said_of_the_lock(now, hashlib.sha256(lock).hexdigest(), origin, package)

    def _prepared_start(self, plan: LaunchPlan) -> LocalStart:
        environment, store = plan.shape.environment, self.parts.environments
        digest, is_installed = "", False
        with contextlib.suppress(BuildFailed):  # a lock that cannot be read: the phase that needs it says so
            digest, is_installed = store.identify(environment).digest, store.is_ready(environment)
        self._expect(plan)
        self._report = StartReport(
            starts=self.parts.starts,
            plan=plan,
            environment_digest=digest,
            was_installed=is_installed,
            started_at=datetime.now(UTC),
        )
        return LocalStart(
            parts=self.parts,
            plan=plan,
            environment_digest=digest,
            files=self._files,
            process=self._process,
            board=self._board,
            hub_env=self._env_on_port,
            seconds=self.start_timeout * OUR_SHARE,
            is_installed=is_installed,
        )

    def _env_on_port(self, port: int) -> dict[str, str]:
        self.port = port
        return self.get_env()


def _move(old: Path, new: Path) -> None:
    shutil.rmtree(new, ignore_errors=True)  # of a deleted workspace that had this name
    with contextlib.suppress(FileNotFoundError):  # it never ran
        old.rename(new)
