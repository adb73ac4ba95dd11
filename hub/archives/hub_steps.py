"""What the hub does to homes for the services process, for it alone knows at every moment who has an account."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol

from jupyterhub import orm
from jupyterhub.apihandlers.base import APIHandler
from pydantic import ValidationError
from tornado import web

from hub.roles import SERVICE
from spawner.homes import HomeMissing, HomeRefused, HomesSilent
from studiolo.names import home_name
from studiolo.wire import HasAccount, HomeName, HomeStep

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Step = Callable[["HomeKeeper", "Accounts", str, str], Awaitable[HomeStep]]

NOBODY_HERE: Final = HomeStep(
    outcome="not-possible",
    reason="Homes are put aside by the home service, and there is none here (homes.service.enabled of the chart). "
    "Until there is one, this home stays where it is.",
)


class HomeKeeper(Protocol):
    """Puts homes aside and brings them back. Both raise HomesSilent, or HomeRefused."""

    async def archive(self, home: str, name: str) -> str:
        """Under this name, once however often it is asked for."""

    async def restore(self, home: str, name: str) -> str:
        """What lies there under this name. Raises HomeMissing where nothing does."""


class Accounts(Protocol):
    """What is known of people at this moment."""

    def has_account(self, user: str) -> bool:
        """Whether there is one now."""

    def has_workspaces(self, user: str) -> bool:
        """Whether somebody works in the home right now."""


async def put_aside(keeper: HomeKeeper, accounts: Accounts, user: str, name: str) -> HomeStep:
    """Never the home of an account: one that was made meanwhile has it back at once."""
    if not accounts.has_account(user):
        step = await _step(keeper.archive(home_name(user), name))
        if not accounts.has_account(user):
            return step
    # A try before may have put it aside, unheard.
    if accounts.has_workspaces(user):
        reason = "There is an account again, and its workspaces run. Looked at again once they are stopped."
        return HomeStep(outcome="busy", reason=reason)
    step = await _step(keeper.restore(home_name(user), name))
    return HomeStep(outcome="account") if step.outcome in {"done", "no-home"} else step


async def bring_back(keeper: HomeKeeper, accounts: Accounts, user: str, name: str) -> HomeStep:
    """Only for somebody who has an account, and no workspace that would lose its home by it."""
    if not accounts.has_account(user):
        return HomeStep(outcome="no-account")
    if accounts.has_workspaces(user):
        reason = f"Workspaces of {user} run, and work in the home that is there now. Stop them first."
        return HomeStep(outcome="busy", reason=reason)
    return await _step(keeper.restore(home_name(user), name))


async def _step(step: Awaitable[str]) -> HomeStep:
    try:
        await step
    except HomeMissing:
        return HomeStep(outcome="no-home")
    except (HomesSilent, HomeRefused) as error:
        return HomeStep(outcome="failed", reason=str(error))
    return HomeStep(outcome="done")


class ServicesOnly(APIHandler):  # type: ignore[misc]  # JupyterHub has no types
    """For the services process: it shows its token, which has no rights of a person."""

    async def prepare(self) -> None:
        """Refuse everybody else, administrators too."""
        await super().prepare()
        caller = self.current_user
        if not isinstance(caller, orm.Service) or caller.name != SERVICE:
            raise web.HTTPError(HTTPStatus.FORBIDDEN, "This address is for the services process.")

    def has_account(self, user: str) -> bool:
        """Whether there is one now."""
        return orm.User.find(self.db, user) is not None

    def has_workspaces(self, user: str) -> bool:
        """Whether somebody works in the home right now."""
        found = self.find_user(user)
        return found is not None and bool(found.active)


class AccountApi(ServicesOnly):
    """`GET /hub/api/studiolo/homes/USER`."""

    def get(self, user: str) -> None:
        """`{"has_account": false}`: an answer that says no. No missing page and no lost right is taken for it."""
        self.write(HasAccount(has_account=self.has_account(user)).model_dump())


class StepApi(ServicesOnly):
    """`POST /hub/api/studiolo/homes/USER/put-aside` and `…/bring-back`."""

    def initialize(self, step: Step) -> None:
        """Which of the two it is."""
        self.step = step

    async def post(self, user: str) -> None:
        """`{"outcome": "done", "reason": ""}`: always 200, for that it did not work is an answer too."""
        try:
            name = HomeName.model_validate_json(self.request.body).name
        except ValidationError as error:
            raise web.HTTPError(HTTPStatus.BAD_REQUEST, 'Send {"name": "…"}.') from error
        keeper: HomeKeeper | None = self.settings["studiolo_home_keeper"]
        answer = NOBODY_HERE if keeper is None else await self.step(keeper, self, user, name)
        self.write(answer.model_dump(mode="json"))


def handlers() -> list[tuple[Any, ...]]:
    """Paths are relative to the hub's prefix."""
    return [
        (r"/api/studiolo/homes/([^/]+)", AccountApi),
        (r"/api/studiolo/homes/([^/]+)/put-aside", StepApi, {"step": put_aside}),
        (r"/api/studiolo/homes/([^/]+)/bring-back", StepApi, {"step": bring_back}),
    ]
