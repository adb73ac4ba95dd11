"""The page "Credentials". Works without JavaScript: each kind is a form of its own, and every answer is a page."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from tornado import web

from hub.credentials.errors import CredentialRefused, NoSuchCredential, VaultAway
from hub.roles import SERVICE_PREFIX
from hub.service_pages import ServicePage
from spawner.credentials import CredentialKind
from studiolo.wire import NewCredential

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from datetime import datetime

    from hub.credentials.credential import Credential
    from studiolo.errors import StudioloError

ADDRESS: Final = f"{SERVICE_PREFIX}credentials"
CHECK: Final = f"{SERVICE_PREFIX}api/credential-check"

TITLES: Final = {
    CredentialKind.ENV: "Environment variable",
    CredentialKind.FILE: "File",
    CredentialKind.GIT: "git over HTTPS",
    CredentialKind.SSH_KEY: "SSH key",
    CredentialKind.PACKAGE_INDEX: "Package index",
    CredentialKind.CLOUD: "Cloud profile",
}

SENT: Final = ("name", "variable", "path", "host", "url", "user", "tool")
"""Fields of the form that are shown again where something was wrong. A value never is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One credential as the page shows it."""

    name: str
    kind: str
    title: str
    is_key: bool
    always: bool
    places: tuple[str, ...]
    public_key: str
    fingerprint: str
    changed: str
    mounted: str


def line_of(credential: Credential) -> Line:
    """What is shown of a credential."""
    return Line(
        name=credential.name,
        kind=TITLES[credential.purpose.kind],
        title=credential.purpose.title,
        is_key=credential.purpose.kind is CredentialKind.SSH_KEY,
        always=credential.always,
        places=(
            *credential.env,
            *(path if path.startswith("~/") else f"/run/credentials/{path}" for path in credential.files),
        ),
        public_key=credential.public_key,
        fingerprint=credential.fingerprint,
        changed=_day(credential.changed),
        mounted=f"{credential.mounted_by} got it {_day(credential.mounted)}" if credential.mounted else "not used yet",
    )


class CredentialsPage(ServicePage):
    """`credentials`: yours, with forms to add, rotate and remove."""

    async def get(self) -> None:
        """The page."""
        await self.show_credentials()

    async def post(self) -> None:
        """Add one, and back to the page; what is wrong is said on it."""
        sent = {name: self.get_body_argument(name, "", strip=False) for name in SENT}
        kind = self.get_body_argument("kind", "")
        if kind not in set(CredentialKind):
            raise web.HTTPError(400, "This is no kind of credential.")
        always = self.get_body_argument("always", "") == "yes"
        facts = {**sent, "name": sent["name"].strip(), "kind": kind, "always": always}
        new = NewCredential.model_validate({**facts, "value": self.sent_value(CredentialKind(kind))})
        await self.change(self.services.credentials.add(self.owner, new), kind=kind, sent=sent)

    @property
    def owner(self) -> str:
        """Who looks at the page."""
        if self.current_user["kind"] != "user":
            raise web.HTTPError(403, "Credentials belong to people.")
        name: str = self.current_user["name"]
        return name

    def sent_value(self, kind: CredentialKind | None) -> str:
        """The value of a form. Browsers send other line ends, and people paste tokens with one behind them."""
        value = self.get_body_argument("value", "", strip=False).replace("\r\n", "\n")
        is_line = kind in {CredentialKind.ENV, CredentialKind.GIT, CredentialKind.PACKAGE_INDEX}
        return value.removesuffix("\n") if is_line else value

    async def change(self, changing: Awaitable[object], *, kind: str = "", sent: dict[str, str] | None = None) -> None:
        """Back to the page after a change, or the page with what stood in its way."""
        try:
            await changing
        except CredentialRefused as error:
            self.set_status(HTTPStatus.BAD_REQUEST)
            await self.show_credentials(problems=error.problems, kind=kind, sent=sent)
        except (NoSuchCredential, VaultAway) as error:
            self.set_status(_STATUS[type(error)])
            await self.show_credentials(problems=(f"{error} {error.hint}".strip(),), kind=kind, sent=sent)
        else:
            self.redirect(ADDRESS, status=HTTPStatus.SEE_OTHER)

    async def show_credentials(
        self, *, problems: tuple[str, ...] = (), kind: str = "", sent: dict[str, str] | None = None
    ) -> None:
        """The page."""
        found = await self.services.credentials.of(self.owner)
        facts: dict[str, Any] = {
            "lines": tuple(map(line_of, found)),
            "problems": problems,
            "address": ADDRESS,
            "check": CHECK,
        }
        self.show("credentials.html", **facts, kind=kind, sent=sent or {})


class RotatePage(CredentialsPage):
    """`credentials/NAME/rotate`: another value."""

    async def get(self, name: str) -> None:  # type: ignore[override]  # tornado gives what the address has
        """Somebody reloaded: the page."""
        del name
        self.redirect(ADDRESS)

    async def post(self, name: str) -> None:  # type: ignore[override]  # as above
        """Keep it."""
        kinds = {one.name: one.purpose.kind for one in await self.services.credentials.of(self.owner)}
        value = self.sent_value(kinds.get(name))
        await self.change(self.services.credentials.rotate(self.owner, name, value))


class AlwaysPage(RotatePage):
    """`credentials/NAME/always`: whether every workspace gets it."""

    async def post(self, name: str) -> None:  # type: ignore[override]  # as above
        """Remember it."""
        always = self.get_body_argument("always", "") == "yes"
        await self.change(self.services.credentials.choose_always(self.owner, name, always=always))


class RemovePage(RotatePage):
    """`credentials/NAME/remove`: forget it."""

    async def post(self, name: str) -> None:  # type: ignore[override]  # as above
        """Gone."""
        await self.change(self.services.credentials.remove(self.owner, name))


_STATUS: Final[dict[type[StudioloError], int]] = {
    NoSuchCredential: HTTPStatus.NOT_FOUND,
    VaultAway: HTTPStatus.SERVICE_UNAVAILABLE,
}


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
