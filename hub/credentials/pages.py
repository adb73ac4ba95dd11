"""The page "Credentials". Works without JavaScript: each kind is a form of its own, and every answer is a page."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from tornado import web

from hub.credentials.callers import STATUS, CallerOfCredentials
from hub.credentials.credential import Owner
from hub.credentials.errors import CredentialRefused, StandingUnknown
from hub.credentials.page_view import page_view
from hub.credentials.rights import Action
from hub.roles import SERVICE_PREFIX
from hub.service_pages import ServicePage
from spawner.credentials import CredentialKind
from studiolo.errors import StudioloError
from studiolo.wire import NewCredential

if TYPE_CHECKING:
    from collections.abc import Awaitable

ADDRESS: Final = f"{SERVICE_PREFIX}credentials"
CHECK: Final = f"{SERVICE_PREFIX}api/credential-check"

SENT: Final = ("name", "variable", "path", "host", "url", "user", "tool")
"""Fields of the form that are shown again where something was wrong. A value never is."""


class CredentialsPage(CallerOfCredentials, ServicePage):
    """`credentials`: yours and those of your teams, with forms to add, rotate and remove."""

    async def get(self) -> None:
        """The page. `?team=` chooses the team for whom the forms are."""
        await self.show_credentials(team=self.get_query_argument("team", "", strip=False))

    async def post(self) -> None:
        """Add one, and back to the page; what is wrong is said on it."""
        sent = {name: self.get_body_argument(name, "", strip=False) for name in SENT}
        kind = self.get_body_argument("kind", "")
        if kind not in set(CredentialKind):
            raise web.HTTPError(400, "This is no kind of credential.")
        always = self.get_body_argument("always", "") == "yes"
        facts = {**sent, "name": sent["name"].strip(), "kind": kind, "always": always, "team": self.sent_team}
        new = NewCredential.model_validate({**facts, "value": self.sent_value(CredentialKind(kind))})

        async def add() -> None:
            await self.credentials.add(await self.owner(new.team, Action.ADD), new)

        await self.change(add(), kind=kind, sent=sent)

    @property
    def sent_team(self) -> str:
        """Whose it is; "" for who looks at the page."""
        return self.get_body_argument("team", "", strip=False)

    def sent_value(self, kind: CredentialKind | None) -> str:
        """The value of a form. Browsers send other line ends, and people paste tokens with one behind them."""
        value = self.get_body_argument("value", "", strip=False).replace("\r\n", "\n")
        is_line = kind in {CredentialKind.ENV, CredentialKind.GIT, CredentialKind.PACKAGE_INDEX}
        return value.removesuffix("\n") if is_line else value

    async def change(self, changing: Awaitable[object], *, kind: str = "", sent: dict[str, str] | None = None) -> None:
        """Back to the page after a change, or the page with what stood in its way."""
        team = self.sent_team
        try:
            await changing
        except StudioloError as error:
            if type(error) not in STATUS:
                raise
            self.set_status(STATUS[type(error)])
            said = error.problems if isinstance(error, CredentialRefused) else (f"{error} {error.hint}".strip(),)
            await self.show_credentials(problems=said, kind=kind, sent=sent, team=team)
        else:
            self.redirect(ADDRESS, status=HTTPStatus.SEE_OTHER)

    async def show_credentials(
        self,
        *,
        problems: tuple[str, ...] = (),
        kind: str = "",
        sent: dict[str, str] | None = None,
        team: str = "",
    ) -> None:
        """The page. Where the hub does not say who is in which team, a person's own stand there alone."""
        try:
            who = await self.standing()
            found = await self.visible(who)
        except StandingUnknown as error:
            who, found = None, await self.credentials.of(Owner.person(self.caller))
            problems = problems or (f"{error} {error.hint}",)
        view = page_view(found, who, team=team)
        texts = {"address": ADDRESS, "check": CHECK, "kind": kind}
        self.show("credentials.html", view=view, problems=problems, sent=sent or {}, **texts)


class RotatePage(CredentialsPage):
    """`credentials/NAME/rotate`: another value."""

    async def get(self, name: str) -> None:  # type: ignore[override]  # tornado gives what the address has
        """Somebody reloaded: the page."""
        del name
        self.redirect(ADDRESS)

    async def post(self, name: str) -> None:  # type: ignore[override]  # as above
        """Change it."""
        await self.change(self.act(name))

    async def act(self, name: str) -> None:
        """Keep another value."""
        owner = await self.owner(self.sent_team, Action.CHANGE)
        kinds = {one.name: one.purpose.kind for one in await self.credentials.of(owner)}
        await self.credentials.rotate(owner, name, self.sent_value(kinds.get(name)))


class AlwaysPage(RotatePage):
    """`credentials/NAME/always`: whether every workspace gets it."""

    async def act(self, name: str) -> None:
        """Remember it."""
        always = self.get_body_argument("always", "") == "yes"
        await self.credentials.choose_always(await self.owner(self.sent_team, Action.CHANGE), name, always=always)


class RemovePage(RotatePage):
    """`credentials/NAME/remove`: forget it."""

    async def act(self, name: str) -> None:
        """Gone."""
        await self.credentials.remove(await self.owner(self.sent_team, Action.CHANGE), name)
