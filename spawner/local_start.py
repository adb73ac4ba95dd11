"""One start of one workspace on this machine: room, software, server. Whatever fails, nothing of it is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from spawner.bounded_log import last_lines
from spawner.credential_choice import AWAY, said_missing, said_unwritten
from spawner.credential_files import write_credentials
from spawner.credential_places import placed_files
from spawner.credentials import NO_VALUES
from spawner.data_links import LINKS, link_data
from spawner.environments import BuildFailed
from spawner.errors import (
    DataNotUsable,
    DoesNotFitError,
    EnvironmentBuildFailed,
    HomeNotUsable,
    HomesAway,
    ProgramsMissing,
    ScratchNotUsable,
    ServerExited,
    ServerNeverReady,
    offer_again,
    offer_empty_home,
    offer_without,
    offers_on,
)
from spawner.home_state import TAKES_NOTHING, state_of
from spawner.homes import HomesSilent
from spawner.limits import scope_command
from spawner.local_claim import ClaimFailed, arguments_of, hold_to_limits, may_claim
from spawner.parked import BACKLOG
from spawner.process import render_process
from spawner.progress import Phase
from spawner.record import WorkspaceRecord
from spawner.stages import Stage
from spawner.team_links import link_teams
from spawner.workspace_process import KeeperJob, StillRunningError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from spawner.admission import Held
    from spawner.credentials import CredentialValues
    from spawner.data_directory import WorkspaceFiles
    from spawner.environments import BuildProgress
    from spawner.errors import Offer
    from spawner.home_state import HomeState
    from spawner.parts import SpawnerParts
    from spawner.plan import LaunchPlan
    from spawner.process import ProcessSpec
    from spawner.progress_board import ProgressBoard
    from spawner.workspace_process import WorkspaceProcess

SERVER_SECONDS: Final = 120.0
"""How long a server may take to answer. It needs two seconds; a disk that just woke up, or a loaded machine, longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalStart:
    """Everything one start needs, and the start itself."""

    parts: SpawnerParts
    plan: LaunchPlan
    environment_digest: str
    files: WorkspaceFiles
    process: WorkspaceProcess
    board: ProgressBoard
    hub_env: Callable[[int], Mapping[str, str]]
    """What JupyterHub wants its server on a given port to know."""
    seconds: float
    """How long all of it may take."""
    is_installed: bool = True
    """Whether the software was there before."""

    async def run(self) -> str:
        """The address of a server that answers. Raises StartError; cancelled or failed, it gives everything back."""
        try:
            self.board.enter(Stage.SCHEDULING)
            with self.board.phase(Phase.ROOM):
                held = self._find_room()
            if not self.is_installed:  # a look whether it is there takes no time that anybody could forecast
                self.board.enter(Stage.PULL)
            with self.board.phase(Phase.SOFTWARE):
                python = await self._prepare_software()
            self.board.enter(Stage.SERVER)
            with self.board.phase(Phase.SERVER), self.parts.parked.start_under_way():
                url = await self._start_server(held, python)
            self.board.leave()
            self.parts.parked.want(self.environment_digest, python)
            return url  # noqa: TRY300 - what follows is for failures alone
        except BaseException:
            self.board.leave()
            self.parts.machine.release(self.plan.identity.key)
            raise

    def _find_room(self) -> Held:
        hardware = self.plan.shape.hardware
        offered = self.parts.catalogs.current.offered_hardware(self.plan.identity.teams)
        try:
            return self.parts.machine.claim(self.plan.identity.key, hardware, offered=offered)
        except DoesNotFitError as error:
            offers = offers_on(error.alternatives, self.plan.choice)
            raise DoesNotFitError(hardware, error.verdict, alternatives=error.alternatives, offers=offers) from None

    async def _prepare_software(self) -> Path:
        environment, store = self.plan.shape.environment, self.parts.environments
        if missing := store.missing_programs(environment):
            raise ProgramsMissing(environment, missing)
        again = (offer_again(self.plan.choice),)
        building_seconds = self.seconds - min(SERVER_SECONDS, self.seconds / 2)
        try:
            async with asyncio.timeout(building_seconds):
                await store.build(environment, self._show_build)
        except BuildFailed as error:
            raise EnvironmentBuildFailed(environment, error.reason, log_tail=error.log_tail, offers=again) from error
        except TimeoutError:
            reason = "It took longer than a start may take here. What was downloaded is kept."
            raise EnvironmentBuildFailed(environment, reason, offers=again) from None
        return store.python(environment)

    def _show_build(self, build: BuildProgress) -> None:
        self.board.detail(Phase.SOFTWARE, build.sentence, seconds_left=build.seconds_left, printed=build.printed)

    async def _start_server(self, held: Held, python: Path) -> str:
        await self._prepare_home()
        await self._link_data()
        await self._link_teams()
        await asyncio.to_thread(_make_empty, self.files.scratch, is_wanted=self.plan.shape.hardware.scratch_bytes)
        values = await self._open_credentials()
        claimed = await self._claim(held, python, values)
        return await self._launch(held, python, values) if claimed is None else claimed

    async def _claim(self, held: Held, python: Path, values: CredentialValues) -> str | None:
        """The address of a server that was parked and is this workspace now; None: nothing of it is left.

        A start that cannot be a claim is a normal one, and has lost no time that anybody would feel.
        """
        if not may_claim(self.plan, values.env):
            return None
        parked = self.parts.parked.take(self.environment_digest, python)
        if parked is None:
            return None
        try:
            spec = self._spec(
                held, python, values, port=parked.port, listen_fd=parked.listen_fd, ready_fd=parked.ready_fd
            )
            await hold_to_limits(parked, spec)
            job = self._job(spec, self._record(held, parked.port, start_id=parked.start_id))
            self.process.prepare(job.record)
            self.process.claim(job, parked, arguments=arguments_of(self._argv(spec)))
            await self._wait_until_ready(parked.ready)
            return job.record.url  # noqa: TRY300 - what follows is for failures alone
        except (ClaimFailed, ServerExited, OSError) as error:
            self.parts.parked.say(f"The start of {self.plan.identity.key} is a normal one: {error!r}")
            await self.process.stop(now=True)  # no second one is told of anybody while the first may live
            return None
        except BaseException:
            with contextlib.suppress(StillRunningError):  # the spawner's `stop` comes next, and insists
                await self.process.stop(now=True)
            raise
        finally:
            parked.close()

    async def _launch(self, held: Held, python: Path, values: CredentialValues) -> str:
        with _listening_socket() as listening, _pipe() as (ready_read, ready_write):
            port, passed = listening.getsockname()[1], (listening.fileno(), ready_write.fileno())
            spec = self._spec(held, python, values, port=port, listen_fd=passed[0], ready_fd=passed[1])
            record = self._record(held, port, start_id=uuid.uuid4().hex)
            try:
                self.process.prepare(record)
                self.process.launch(self._job(spec, record, passed))
                # Only the server may hold them now: when it ends, we and its callers notice at once.
                ready_write.close()
                listening.close()
                await self._wait_until_ready(ready_read.fileno())
            except BaseException:
                with contextlib.suppress(StillRunningError):  # the spawner's `stop` comes next, and insists
                    await self.process.stop(now=True)
                raise
            return record.url

    def _spec(
        self, held: Held, python: Path, values: CredentialValues, *, port: int, listen_fd: int, ready_fd: int
    ) -> ProcessSpec:
        return render_process(
            self.plan,
            data=self.parts.data,
            python=python,
            hub_env=self.hub_env(port),
            gpus=held.gpus,
            listen_fd=listen_fd,
            ready_fd=ready_fd,
            secrets=values.env,
            notices=self.board.progress.notices,
            package_index=self.parts.package_index,
        )

    def _record(self, held: Held, port: int, *, start_id: str) -> WorkspaceRecord:
        return WorkspaceRecord(
            start_id=start_id,
            held=held,
            url=f"http://127.0.0.1:{port}",
            environment_digest=self.environment_digest,
            started_at=datetime.now(UTC),
        )

    async def _open_credentials(self) -> CredentialValues:
        """The values of its owner's credentials: files are written, variables given back. Never ends a start."""
        identity = self.plan.identity
        names = tuple(credential.name for credential in identity.credentials)
        values = await self.parts.credentials.values(identity.user, identity.server, names) if names else NO_VALUES
        if values is None:
            self.board.notice(AWAY)
            values = NO_VALUES
        if values.missing:
            self.board.notice(said_missing(values.missing))
        placed = placed_files(identity.credentials)
        texts = {place: values.files[path] for place, (_, path) in placed.items() if path in values.files}
        origins = {place: placed[place][0].name for place in texts}
        try:
            await asyncio.to_thread(write_credentials, self.files.credentials, texts, origins)
        except OSError as error:
            self.board.notice(said_unwritten(error.strerror or type(error).__name__))
        return values

    async def _prepare_home(self) -> None:
        """A home that takes nothing keeps nobody from starting; one that is not there, or does not answer, does."""
        await asyncio.to_thread(_make_empty, self.files.empty_home, is_wanted=self.plan.has_empty_home)
        if self.plan.has_empty_home:
            return
        home = self.parts.data.home(self.plan.identity.user)
        try:
            state = await self.parts.home_checks.run(self.plan.identity.home, lambda: _make_home(home))
        except HomesSilent as silent:
            raise HomesAway(str(silent), offers=self._without_home()) from silent
        except OSError as error:
            raise HomeNotUsable(error.strerror or str(error), offers=self._without_home()) from error
        if state.sentence:
            self.board.notice(state.sentence)

    def _without_home(self) -> tuple[Offer, ...]:
        return offer_again(self.plan.choice), offer_empty_home(self.plan.choice)

    async def _link_data(self) -> None:
        catalog, identity, chosen = self.parts.catalogs.current, self.plan.identity, self.plan.data
        home, place = self.parts.data.home(identity.user), identity.home
        if self.plan.has_empty_home:  # and waits for nothing that still hangs on the person's own
            home, place = self.files.empty_home, f"{identity.key} (empty)"
        try:
            in_the_way = await self.parts.home_checks.run(
                place,
                lambda: link_data(home, chosen, known=catalog.data, offered=catalog.offered_data(identity.teams)),
            )
        except HomesSilent as silent:
            if not chosen:
                raise HomesAway(str(silent), offers=self._without_home()) from silent
            offer = offer_without({entry.name for entry in chosen}, self.plan.choice)
            raise DataNotUsable(chosen[0].title, "It does not answer.", offers=(offer,)) from silent
        except OSError as error:
            if error.errno not in TAKES_NOTHING:
                raise HomeNotUsable(error.strerror or str(error), offers=self._without_home()) from error
            self.board.notice(f"~/{LINKS} cannot be changed now, so data may be missing there.")
            return
        if in_the_way:
            names = {problem.entry.name for problem in in_the_way}
            first = in_the_way[0]
            raise DataNotUsable(first.entry.title, first.reason, offers=(offer_without(names, self.plan.choice),))

    async def _link_teams(self) -> None:
        data, identity = self.parts.data, self.plan.identity
        if self.plan.has_empty_home:
            return
        try:
            said = await self.parts.home_checks.run(
                identity.home, lambda: link_teams(data, identity.user, identity.teams)
            )
        except HomesSilent:
            said = ("The folders of your teams do not answer.",)
        self.board.notice(*said)

    def _argv(self, spec: ProcessSpec) -> tuple[str, ...]:
        # Whoever runs the hub as root was asked for `--allow-root` then; Jupyter would ask once more, of nobody.
        return (*spec.argv, "--allow-root") if os.geteuid() == 0 else spec.argv

    def _job(self, spec: ProcessSpec, record: WorkspaceRecord, pass_fds: tuple[int, ...] = ()) -> KeeperJob:
        machine = self.parts.machine
        argv, env = self._argv(spec), dict(spec.env)
        if machine.scope is not None and pass_fds:  # one that was parked is in its scope already
            unit = f"studiolo-{record.start_id}"
            argv = scope_command(
                argv, scope=machine.scope, unit=unit, memory_bytes=spec.memory_bytes, cpu_cores=spec.cpu_cores
            )
            env |= dict(machine.scope.manager_env)
        return KeeperJob(
            argv=argv,
            env=env,
            cwd=spec.cwd,
            record=record,
            memory_bytes=spec.memory_bytes,
            is_memory_watched=not machine.memory_is_enforced,
            pass_fds=pass_fds,
        )

    async def _wait_until_ready(self, ready: int) -> None:
        seconds = min(SERVER_SECONDS, self.seconds / 2)
        again = (offer_again(self.plan.choice),)
        try:
            async with asyncio.timeout(seconds):
                if not await _says_ready(ready):
                    # The pipe has no other end any more: the server has ended, and its keeper is about to say how.
                    raise ServerExited(await self.process.wait_until_ended(), offers=again)
        except TimeoutError:
            raise ServerNeverReady(seconds, log_tail=last_lines(self.files.log), offers=again) from None


async def _says_ready(descriptor: int) -> bool:
    loop = asyncio.get_running_loop()
    said: asyncio.Future[bool] = loop.create_future()

    def read() -> None:
        if not said.done():
            said.set_result(bool(os.read(descriptor, 64)))

    loop.add_reader(descriptor, read)
    try:
        return await said
    finally:
        loop.remove_reader(descriptor)


def _make_home(home: Path) -> HomeState:
    home.parent.mkdir(parents=True, exist_ok=True)
    home.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return state_of(descriptor)
    finally:
        os.close(descriptor)


def _make_empty(folder: Path, *, is_wanted: object) -> None:
    """An empty folder, or none: what a keeper that was killed left there is nobody's."""
    shutil.rmtree(folder, ignore_errors=True)
    if not is_wanted:
        return
    try:
        folder.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise ScratchNotUsable(error.strerror or str(error)) from error


@contextlib.contextmanager
def _listening_socket() -> Iterator[socket.socket]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(BACKLOG)
        yield listening


@contextlib.contextmanager
def _pipe() -> Iterator[tuple[_End, _End]]:
    read, write = (_End(descriptor) for descriptor in os.pipe())
    try:
        yield read, write
    finally:
        read.close()
        write.close()


class _End:
    """One end of a pipe, closed once."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def fileno(self) -> int:
        return -1 if self._descriptor is None else self._descriptor

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
