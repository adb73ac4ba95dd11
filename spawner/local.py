"""JupyterHub's spawner for one machine: a workspace is a process tree under a keeper that outlives the hub."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final

from jupyterhub.spawner import Spawner
from jupyterhub.utils import url_escape_path, url_path_join
from traitlets import default

from spawner import options
from spawner.ending import EndingKind
from spawner.environments import BuildFailed
from spawner.errors import OptionsError, ServerNeverReady, StartStopped, offer_again
from spawner.local_start import SERVER_SECONDS, LocalStart, answers
from spawner.plan import make_plan
from spawner.progress import Phase, StartProgress
from spawner.progress_board import ProgressBoard
from spawner.refusals import to_spawn_exception
from spawner.start_report import READY, StartReport
from spawner.workspace_process import StillRunningError, WorkspaceProcess
from studiolo.choice import Choice
from studiolo.names import check_server_name, workspace_key

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping
    from pathlib import Path

    from spawner.ending import Ending
    from spawner.errors import StartError
    from spawner.parts import SpawnerParts
    from spawner.plan import LaunchPlan

START_SECONDS: Final = 3600
"""The first start of an environment downloads it. Each step has a shorter limit of its own."""

OUR_SHARE: Final = 0.95
"""Our own limits come before JupyterHub's, which only says that time is up."""

LOOK_EVERY_SECONDS: Final = 1
"""A workspace that died is noticed within this time."""

STOP_AGAIN_SECONDS: Final = 5.0
"""How long to wait before something that did not end is told so again."""


class LocalWorkspaceSpawner(Spawner):  # type: ignore[misc]  # untyped upstream
    """One workspace of one person on this machine."""

    parts: ClassVar[SpawnerParts]
    """Set once, by whoever makes the hub, before the first spawner is made."""

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.plan: LaunchPlan | None = None
        self.failure: StartError | None = None
        """Why the last start failed."""
        self._refusal: OptionsError | None = None
        # There from the beginning: a page may listen before the start has come to its first phase.
        self._board = ProgressBoard(StartProgress())
        self._report: StartReport | None = None
        self._is_starting = False
        self._known_process: WorkspaceProcess | None = None
        # JupyterHub saves what was asked for before it is checked. This is what goes back in when it is refused.
        self._remembered = self.choice

    @default("start_timeout")
    def _start_timeout_default(self) -> int:
        return START_SECONDS

    @default("poll_interval")
    def _poll_interval_default(self) -> int:
        return LOOK_EVERY_SECONDS

    @default("poll_jitter")
    def _poll_jitter_default(self) -> float:
        return 0.0

    @default("env_keep")
    def _env_keep_default(self) -> list[str]:
        return []

    @default("options_form")
    def _options_form_default(self) -> str:
        # Ours is a page of its own. This must not be empty: JupyterHub's page starts a server without a click then.
        return "Choose software and hardware on the page of the workspace."

    @default("options_from_form")
    def _options_from_form_default(self) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
        return options.options_from_form

    @default("apply_user_options")
    def _apply_user_options_default(self) -> Callable[[LocalWorkspaceSpawner, Any], None]:
        return LocalWorkspaceSpawner._check_choice

    def options_from_query(self, query_data: Mapping[str, Any]) -> dict[str, Any]:
        """User options in a link, as far as they can be read."""
        return options.options_from_query(query_data)

    # What pages ask

    @property
    def key(self) -> str:
        """The workspace's own name on disk and in the ledger."""
        return workspace_key(self.user.name, self.name)

    @property
    def choice(self) -> Choice | None:
        """What the workspace was started with last, offered still or not; None where nothing usable is remembered."""
        return choice_in(self.orm_spawner.user_options if self.orm_spawner else None)

    @property
    def log_path(self) -> Path:
        """Where the last MiB of the server's output is, also after its end."""
        return self.parts.data.workspace(self.user.name, self.name).log

    def progress_now(self) -> StartProgress | None:
        """The start that runs or ran last, in seconds of the monotonic clock; None where there was none."""
        progress = self._board.progress
        return None if progress == StartProgress() else progress

    def ending(self) -> Ending | None:
        """How the workspace ended; None while it runs or where it never ran."""
        return self._process.ending()

    # What JupyterHub asks

    def get_env(self) -> dict[str, str]:
        """What JupyterHub's server has to know: nothing of the hub's own environment."""
        env: Mapping[str, str] = super().get_env()
        return {name: value for name, value in env.items() if name.startswith("JUPYTERHUB_")}

    async def start(self) -> str:
        """The address of a server that answers. Everything that goes wrong is a SpawnException with its reason."""
        self.failure = self._report = None
        self._is_starting = True
        try:
            url = await self._prepared_start().run()
        except asyncio.CancelledError:
            offers = (offer_again(self.plan.choice),) if self.plan else ()
            self._note_failure(StartStopped(offers=offers))
            raise
        except Exception as error:
            refusal = to_spawn_exception(error, log=self.log)
            self._note_failure(refusal.failure)
            raise refusal from error
        finally:
            self._is_starting = False
        self._wait_for_lab()
        return url

    async def stop(self, now: bool = False) -> None:  # noqa: FBT001, FBT002 - JupyterHub's signature
        """Ends the workspace, and does not return before it is gone: JupyterHub would forget an error in silence."""
        while True:
            try:
                await self._process.stop(now=now)
            except (StillRunningError, OSError) as error:
                self.log.warning("The workspace %s does not end, trying again: %s", self._log_name, error)
                now = True
                await asyncio.sleep(STOP_AGAIN_SECONDS)
            else:
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

    async def progress(self) -> AsyncGenerator[dict[str, Any]]:
        """How far the start is, for the waiting page: on each change and each second."""
        async with contextlib.aclosing(self._board.events()) as events:
            async for event in events:
                yield event

    def run_post_stop_hook(self) -> Any:
        """Also takes back every token of the server: after a restart of the hub, JupyterHub no longer knows which."""
        address = url_path_join(self.user.base_url, url_escape_path(self.name), "/")
        for token in list(self.user.orm_user.api_tokens):
            if token.note == f"Server at {address}":
                self.user.db.delete(token)
        return super().run_post_stop_hook()

    async def rename(self, old_name: str, new_name: str) -> None:
        """Log and ending stay with the workspace under its new name."""
        data, user = self.parts.data, self.user.name
        old, new = data.workspace(user, old_name).root, data.workspace(user, new_name).root
        self._known_process = None
        await asyncio.to_thread(_move, old, new)

    async def delete_forever(self) -> None:
        """Removes log, record and runtime files of the workspace; never the home, which is the person's."""
        self.parts.machine.release(self.key)
        await asyncio.to_thread(shutil.rmtree, self.log_path.parent, ignore_errors=True)

    # How it is done

    @property
    def _process(self) -> WorkspaceProcess:
        if self._known_process is None:
            self._known_process = WorkspaceProcess(self.parts.data.workspace(self.user.name, self.name))
        return self._known_process

    def _check_choice(self, user_options: Any) -> None:
        """Makes the plan of what was asked for; nothing asked for means the same as last time.

        A refusal is raised by `start`: from here JupyterHub would log a traceback for a slip of the pen.
        """
        asked = user_options or (self._remembered.as_user_options() if self._remembered else {})
        teams = tuple(sorted(group.name for group in self.user.orm_user.groups))
        catalog = self.parts.catalogs.current
        self.plan = self._refusal = None
        try:
            choice = options.parse_options(asked, catalog=catalog, teams=teams)
            self.plan = make_plan(choice, catalog=catalog, user=self.user.name, server=self.name, teams=teams)
        except OptionsError as refusal:
            self._refusal = refusal
        else:
            self._remembered = choice
        if problem := check_server_name(self.name):  # JupyterHub itself would allow one called "default"
            self.plan, self._refusal = None, OptionsError((problem,))
        # What is shown everywhere is what was made of it: whole, and checked.
        self.orm_spawner.user_options = self._remembered.as_user_options() if self._remembered else {}
        self.user_options = self.orm_spawner.user_options

    def _prepared_start(self) -> LocalStart:
        if self.plan is None:
            raise self._refusal or OptionsError(("Nothing was chosen.",))
        environment, store = self.plan.shape.environment, self.parts.environments
        digest, is_installed, expected = "", False, {}
        with contextlib.suppress(BuildFailed):  # a lock that cannot be read: the phase that needs it says so
            digest, is_installed = store.identify(environment).digest, store.is_ready(environment)
            expected = dict(self.parts.starts.expected(digest))
        if is_installed:
            expected[Phase.SOFTWARE] = 0.0
        self._board.show(StartProgress.expecting(expected))
        self._report = StartReport(
            starts=self.parts.starts,
            plan=self.plan,
            environment_digest=digest,
            was_installed=is_installed,
            started_at=datetime.now(UTC),
        )
        return LocalStart(
            parts=self.parts,
            plan=self.plan,
            environment_digest=digest,
            files=self.parts.data.workspace(self.user.name, self.name),
            process=self._process,
            board=self._board,
            hub_env=self._env_on_port,
            seconds=self.start_timeout * OUR_SHARE,
        )

    def _env_on_port(self, port: int) -> dict[str, str]:
        self.port = port
        return self.get_env()

    def _wait_for_lab(self) -> None:
        """The last phase is JupyterHub's: it looks whether the server answers, and adds the route."""
        self._board.begin(Phase.LAB)
        whole_start = self._spawn_future
        if whole_start is None:  # started by a program of the hub's, not by a request: nobody watches this phase
            self._lab_is_open()
            return

        def is_over(start: asyncio.Future[Any]) -> None:
            if not start.cancelled() and start.exception() is None:
                self._lab_is_open()
                return
            self._board.fail(Phase.LAB)
            offers = (offer_again(self.plan.choice),) if self.plan else ()
            is_late = not start.cancelled() and isinstance(start.exception(), TimeoutError)
            if start.cancelled():
                self._note_failure(StartStopped(offers=offers))
            elif is_late:
                self._note_failure(ServerNeverReady(self.http_timeout, offers=offers))

        whole_start.add_done_callback(is_over)

    def _lab_is_open(self) -> None:
        self._board.finish(Phase.LAB)
        took = ", ".join(
            f"{phase} {seconds:.2f} s" for phase, seconds in self._board.progress.measured_seconds().items()
        )
        self.log.info("The workspace %s is ready: %s", self._log_name, took)
        if self._report is not None:
            self._report.send(self._board.progress, READY)

    def _note_failure(self, failure: StartError) -> None:
        self.failure = failure
        if self._report is not None:
            self._report.send(self._board.progress, failure.code)


def choice_in(user_options: Any) -> Choice | None:
    """The choice in saved user options, or None where they are of another shape: anybody could send anything."""
    match user_options:
        case {"environment": str(environment), "hardware": str(hardware), **rest}:
            env = rest.get("env") or {}
            if isinstance(env, dict) and all(isinstance(part, str) for pair in env.items() for part in pair):
                return Choice(environment=environment, hardware=hardware, env=tuple(env.items()))
    return None


def _move(old: Path, new: Path) -> None:
    shutil.rmtree(new, ignore_errors=True)  # of a deleted workspace that had this name
    with contextlib.suppress(FileNotFoundError):  # it never ran
        old.rename(new)
