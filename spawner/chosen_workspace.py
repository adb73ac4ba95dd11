"""What every spawner of ours does the same way: ask what was chosen, check it, and tell how the start goes.

Where a workspace runs is the affair of the classes on top: `spawner/local.py` and `spawner/cluster.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from jupyterhub.spawner import Spawner
from jupyterhub.utils import url_escape_path, url_path_join
from traitlets import default

from spawner import options
from spawner.credential_choice import choose_credentials
from spawner.errors import CredentialsGone, OptionsError, RouteNotAdded, ServerNeverReady, StartStopped, offer_again
from spawner.home_state import EMPTY_HOME_SAID
from spawner.lasting import Lasting
from spawner.meter import EndedStart, NoMeter
from spawner.packages import open_package
from spawner.plan import make_plan
from spawner.progress import Phase, StartProgress
from spawner.progress_board import ProgressBoard
from spawner.refusals import public_error, to_spawn_exception
from spawner.saved_choice import choice_in
from spawner.stages import Stage
from spawner.start_report import READY, StartReport
from studiolo.names import check_server_name, workspace_key

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping

    from spawner.catalogs import CatalogHolder
    from spawner.credentials import CredentialSource
    from spawner.errors import Offer, StartError
    from spawner.lasting import StopReason
    from spawner.meter import Meter
    from spawner.packages import PackageSource
    from spawner.parts import Forecasts, StartHistory
    from spawner.plan import LaunchPlan
    from studiolo.catalog import Environment
    from studiolo.choice import Choice
    from studiolo.package_name import PackageName
    from studiolo.wire_models import PackageOrigin

START_SECONDS: Final = 3600
"""The first start of an environment downloads it. Each step has a shorter limit of its own."""

OUR_SHARE: Final = 0.95
"""Our own limits come before JupyterHub's, which only says that time is up."""

LOOK_EVERY_SECONDS: Final = 1
"""A workspace that died is noticed within this time. Looking is a look into memory."""


class Parts(Protocol):
    """What asking and telling needs of what lies outside JupyterHub."""

    @property
    def catalogs(self) -> CatalogHolder:
        """The catalogs as they are now."""

    @property
    def starts(self) -> StartHistory:
        """What is known of earlier starts."""

    @property
    def credentials(self) -> CredentialSource:
        """Who knows of people's credentials."""

    @property
    def forecasts(self) -> Forecasts:
        """Who says how long a start will take."""

    @property
    def packages(self) -> PackageSource:
        """Who knows of model packages."""

    def quota_of(self, teams: Collection[str], /) -> int | None:
        """How many bytes the home of somebody in these teams may hold."""


class ChosenWorkspace(Spawner):  # type: ignore[misc]  # untyped upstream
    """One workspace of one person, wherever it runs."""

    parts: ClassVar[Any]
    """`Parts` and more. Set once, by whoever makes the hub, before the first spawner is made."""
    meter: ClassVar[Meter] = NoMeter()
    """Who counts starts. Set as `parts` is."""

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.plan: LaunchPlan | None = None
        self.failure: StartError | None = None
        """Why the last start failed."""
        self._refusal: OptionsError | None = None
        # There from the beginning: a page may listen before the start has come to its first phase.
        self._board = ProgressBoard(StartProgress())
        self._report: StartReport | None = None
        self._is_software_chosen = False
        """Whether what was asked for names an environment, or leaves it to a package."""
        self._is_starting = False
        self._notices: tuple[str, ...] = ()
        """What its person should know of the start that runs, though it goes on."""
        self._began_at: float | None = None
        """When the start began whose end nobody has counted yet."""
        self.lasting = Lasting()
        """How long it may last, as far as that was changed for this one start; kept over a restart of the hub."""
        self._stop_is_explained = False
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
    def _apply_user_options_default(self) -> Callable[[ChosenWorkspace, Any], None]:
        return ChosenWorkspace._check_choice

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

    def progress_now(self) -> StartProgress | None:
        """The start that runs or ran last, in seconds of the monotonic clock; None where there was none."""
        progress = self._board.progress
        return None if progress == StartProgress() else progress

    @property
    def is_resumed(self) -> bool:
        """Whether this is a start that was cut off by a restart of the hub, and goes on."""
        return False

    def stop_resumed(self) -> None:
        """Ends such a start."""

    async def progress(self) -> AsyncGenerator[dict[str, Any]]:
        """How far the start is, for the waiting page: on each change and each second."""
        async with contextlib.aclosing(self._board.events()) as events:
            async for event in events:
                yield event

    # What JupyterHub asks. It refuses a class without these three, though nobody ever makes one of this.

    async def start(self) -> str:
        """The address of a server that answers."""
        raise NotImplementedError

    async def stop(self, now: bool = False) -> None:  # noqa: FBT001, FBT002 - JupyterHub's signature
        """Ends the workspace, and does not return before it is gone."""
        raise NotImplementedError

    async def poll(self) -> int | None:
        """None while it starts or runs, otherwise an exit code."""
        raise NotImplementedError

    def get_state(self) -> dict[str, Any]:
        """What is known again after a restart of the hub."""
        return {**super().get_state(), **self.lasting.as_state()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Takes over what `get_state` gave."""
        super().load_state(state)
        self.lasting = Lasting.from_state(state)

    def run_post_stop_hook(self) -> Any:
        """Also takes back every token of the server: after a restart of the hub, JupyterHub no longer knows which."""
        address = url_path_join(self.user.base_url, url_escape_path(self.name), "/")
        for token in list(self.user.orm_user.api_tokens):
            if token.note == f"Server at {address}":
                self.user.db.delete(token)
        return super().run_post_stop_hook()

    # What stops it without being asked by a person

    def stop_for(self, reason: StopReason | None) -> None:
        """The stop that comes next has this reason, to be told at the next visit; None: it does not come after all."""
        self.lasting = replace(self.lasting, stop_reason=reason)
        self._stop_is_explained = reason is not None

    # What the classes on top use

    def _begin_stop(self) -> None:
        """Whoever stops it now does so without a reason, unless one was given for this very stop."""
        if not self._stop_is_explained:
            self.lasting = replace(self.lasting, stop_reason=None)
        self._stop_is_explained = False

    async def _run_start(self, start: Callable[[LaunchPlan], Awaitable[str]]) -> str:
        """Runs one start of the plan. Everything that goes wrong in it is a SpawnException with its reason."""
        self.failure = self._report = None
        self.lasting = Lasting()
        self._is_starting = True
        self._began_at = asyncio.get_running_loop().time()
        try:
            plan = await self._with_credentials(self._plan_or_refusal())
            plan = self.plan = await self._with_package(plan)
            url = await start(plan)
        except asyncio.CancelledError:
            self._note_failure(StartStopped(offers=self._again()))
            raise
        except Exception as error:
            refusal = to_spawn_exception(error, log=self.log)
            self._note_failure(refusal.failure)
            raise refusal from error
        finally:
            self._is_starting = False
        if names := tuple(credential.name for credential in plan.identity.credentials):
            self.parts.credentials.mounted(self.user.name, self.name, names)
        self._wait_for_lab()
        return url

    def _plan_or_refusal(self) -> LaunchPlan:
        if self.plan is None:
            raise self._refusal or OptionsError(("Nothing was chosen.",))
        return self.plan

    async def _with_credentials(self, plan: LaunchPlan) -> LaunchPlan:
        """The plan with what its owner gets of their credentials. A service that is away never ends a start."""
        known = None
        if plan.credentials != ():
            known = await self.parts.credentials.known(self.user.name)
        chosen = choose_credentials(plan.credentials, known)
        if chosen.gone:
            raise CredentialsGone(chosen.gone, plan.choice)
        self._notices = (*((EMPTY_HOME_SAID,) if plan.has_empty_home else ()), *chosen.notes)
        for sentence in chosen.notes:
            self.log.warning("The workspace %s starts, but: %s", self._log_name, sentence)
        return plan.with_credentials(chosen.mounted)

    def _expect(self, plan: LaunchPlan) -> None:
        """A new start is on the board: what its phases should take, and what its person should know."""
        forecast = self.parts.forecasts.at_click(plan)
        progress = StartProgress.expecting(forecast.phase_seconds())
        self._board.begin_anew(progress.noticing(*self._notices), forecast)

    def _node_group(self) -> str:
        """The sort of node that it came to; "" where there is none, or nobody knows."""
        return ""

    def _send_report(self, outcome: str) -> None:
        if self._report is None:
            return
        board = self._board
        self._report.send(
            board.progress,
            outcome,
            stages=board.stage_seconds(),
            forecast=board.forecast,
            node_group=self._node_group(),
        )

    async def _with_package(self, plan: LaunchPlan) -> LaunchPlan:
        """The plan on what its package stands on. Raises what `open_package` does."""
        plan, said = await open_package(
            plan, self.parts, is_chosen=self._is_software_chosen, of_then=self._software_of_then
        )
        self._notices = (*self._notices, *said)
        if plan.opened is not None and self._remembered is not None:
            self._remember(replace(self._remembered, environment=plan.shape.environment.name))
            self.user.db.commit()  # a start waits for much from here on, and other requests roll back what is not
        return plan

    async def _software_of_then(
        self, now: Environment, origin: PackageOrigin, package: PackageName
    ) -> tuple[Environment, tuple[str, ...]]:
        """An environment as it was when a package was made, as far as it can be had here, and what is said of it."""
        raise NotImplementedError

    def _check_choice(self, user_options: Any) -> None:
        """Makes the plan of what was asked for; nothing asked for means the same as last time.

        A refusal is raised by the start: from here JupyterHub would log a traceback for a slip of the pen.
        """
        asked = user_options or (self._remembered.as_user_options() if self._remembered else {})
        self._is_software_chosen = isinstance(asked, dict) and bool(asked.get("environment"))
        teams = tuple(sorted(group.name for group in self.user.orm_user.groups))
        catalog = self.parts.catalogs.current
        self.plan = self._refusal = None
        try:
            choice = options.parse_options(asked, catalog=catalog, teams=teams)
            plan = make_plan(choice, catalog=catalog, user=self.user.name, server=self.name, teams=teams)
            self.plan = plan if plan.has_empty_home else replace(plan, home_quota_bytes=self.parts.quota_of(teams))
        except OptionsError as refusal:
            self._refusal = refusal
        else:
            # An empty home is for this one start.
            self._remembered = replace(choice, has_empty_home=False)
        if problem := check_server_name(self.name):  # JupyterHub itself would allow one called "default"
            self.plan, self._refusal = None, OptionsError((problem,))
        # What is shown everywhere is what was made of it: whole, and checked.
        self._remember(self._remembered)

    def _remember(self, choice: Choice | None) -> None:
        self._remembered = choice
        self.orm_spawner.user_options = choice.as_user_options() if choice else {}
        self.user_options = self.orm_spawner.user_options

    def _again(self) -> tuple[Offer, ...]:
        return (offer_again(self.plan.choice),) if self.plan else ()

    def _wait_for_lab(self) -> None:
        """The last phase is JupyterHub's: it looks whether the server answers, and adds the route."""
        self._board.begin(Phase.LAB)
        self._board.enter(Stage.LAB)
        whole_start = self._spawn_future
        if whole_start is None:  # started by a program of the hub's, not by a request: nobody watches this phase
            self._lab_is_open()
            return

        def is_over(start: asyncio.Future[Any]) -> None:
            if not start.cancelled() and start.exception() is None:
                if self.orm_spawner.server is None:  # stopped by the hub: it could not add the route, and says no more
                    self._board.fail(Phase.LAB)
                    self._note_failure(RouteNotAdded(offers=self._again()))
                else:
                    self._lab_is_open()
                return
            self._board.fail(Phase.LAB)
            is_late = not start.cancelled() and isinstance(start.exception(), TimeoutError)
            if start.cancelled():
                self._note_failure(StartStopped(offers=self._again()))
            elif is_late:
                self._note_failure(ServerNeverReady(self.http_timeout, offers=self._again()))
            elif (problem := start.exception()) is not None:
                self._count_start(public_error(problem).code)

        whole_start.add_done_callback(is_over)

    def _lab_is_open(self) -> None:
        self._board.finish(Phase.LAB)
        self._board.leave()
        took = ", ".join(
            f"{phase} {seconds:.2f} s" for phase, seconds in self._board.progress.measured_seconds().items()
        )
        self.log.info("The workspace %s is ready: %s", self._log_name, took)
        self._send_report(READY)
        self._count_start(READY)

    def _note_failure(self, failure: StartError) -> None:
        self.failure = failure
        # A page tells the reference, so the log has it too, whatever the cause was.
        self.log.warning(
            "The workspace %s did not start (ref %s): %s",
            *(self._log_name, failure.reference, failure.text),
            extra={"reference": failure.reference, "verdict": failure.code},
        )
        self._send_report(failure.code)
        self._count_start(failure.code)

    def _count_start(self, outcome: str) -> None:
        """Counts the end of a start, once. Where it was refused, the board still shows the one before."""
        if self._began_at is None:
            return
        seconds = asyncio.get_running_loop().time() - self._began_at
        self._began_at = None
        phases = self._board.progress.spent_seconds() if self._report is not None else {}
        choice = self.plan.choice if self.plan else None
        self.meter.start_ended(EndedStart(choice=choice, outcome=outcome, seconds=seconds, phases=phases))
