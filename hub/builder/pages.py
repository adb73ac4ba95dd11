"""The page "Models", and one for each version. Works without JavaScript: deleting is a form that asks first."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from hub.builder.callers import STATUS, CallerOfModels
from hub.builder.page_view import list_view, package_view
from hub.builder.rules import Action
from hub.builder.slow.page_view import base_lines
from hub.builder.view import origin_of
from hub.credentials.credential import Owner
from hub.credentials.errors import StandingUnknown
from hub.roles import SERVICE_PREFIX
from hub.service_pages import ServicePage
from spawner.opened_package import on_its_image
from studiolo.errors import StudioloError

if TYPE_CHECKING:
    from hub.builder.model_package import ModelPackage
    from hub.credentials.rights import Standing

ADDRESS: Final = f"{SERVICE_PREFIX}models"
DOWNLOAD: Final = f"{SERVICE_PREFIX}api/models"
BASES: Final = f"{SERVICE_PREFIX}model-bases"


class ModelsPage(CallerOfModels, ServicePage):
    """`models`: yours, and those of your teams."""

    async def get(self) -> None:
        """The list."""
        await self.show_list()

    async def show_list(self, *, problems: tuple[str, ...] = ()) -> None:
        """The list. Where the hub does not say who is in which team, a person's own stand there alone."""
        who: Standing | None
        try:
            who = await self.standing()
            found = await self.visible(who)
        except StandingUnknown as error:
            who, found = None, await self.models.of(Owner.person(self.caller))
            problems = problems or (f"{error} {error.hint}",)
        now = datetime.now(UTC)
        bases = self.services.bases
        asked, seconds = await bases.of(self.caller), await bases.earlier_seconds()
        lines = base_lines(asked, about_seconds=seconds, now=now)
        view = list_view(found, who, now=now)
        self.show("models.html", view=view, bases=lines, problems=problems, address=ADDRESS, cancel=BASES)

    async def show_problem(self, error: StudioloError) -> None:
        """The list, with what stood in the way. Raises what is not meant for people."""
        if type(error) not in STATUS:
            raise error
        self.set_status(STATUS[type(error)])
        await self.show_list(problems=(f"{error} {error.hint}".strip(),))


class ModelPage(ModelsPage):
    """`models/NAME/VERSION`: one of yours, or with `?team=` of a team of yours."""

    async def get(self, name: str, version: str) -> None:  # type: ignore[override]  # tornado gives what the address has
        """All that is known of it, and how it is run."""
        try:
            owner = await self.owner(self.team, Action.SEE)
            package = await self.models.named(owner, name, version)
            beside = await self.models.versions(owner, name)
            who = await self.standing() if owner.team else None
        except StudioloError as error:
            await self.show_problem(error)
            return
        self._bring_its_image(package)
        view = package_view(package, beside, who, now=datetime.now(UTC))
        query = f"?{urlencode({'team': owner.team})}" if owner.team else ""
        addresses = {
            "address": ADDRESS,
            "delete": f"{ADDRESS}/{package.name}/{package.version}/delete",
            "provenance": f"{DOWNLOAD}/{package.name}/{package.version}/provenance{query}",
            "download": f"{DOWNLOAD}/{package.name}/{package.version}/image{query}",
        }
        self.show("model.html", view=view, **addresses)

    def _bring_its_image(self, package: ModelPackage) -> None:
        """Who looks at a model likely opens it as a workspace next: nodes fetch what that starts."""
        if (capacity := self.services.capacity) is None:
            return
        origin = origin_of(package)
        environment = capacity.catalog.environment(origin.environment)
        if environment is not None and (image := on_its_image(environment, origin).image):
            capacity.watched.look_at(image, environment.name)


class DeleteModelPage(ModelsPage):
    """`models/NAME/VERSION/delete`: gone."""

    async def get(self, *address: Any) -> None:
        """Somebody reloaded: the list."""
        del address
        self.redirect(ADDRESS)

    async def post(self, name: str, version: str) -> None:
        """Back to the list; what stood in the way is said on it."""
        team = self.get_body_argument("team", "", strip=False)
        try:
            await self.models.delete(await self.owner(team, Action.DELETE), name, version)
        except StudioloError as error:
            await self.show_problem(error)
        else:
            self.redirect(ADDRESS, status=HTTPStatus.SEE_OTHER)


class CancelBasePage(ModelsPage):
    """`model-bases/KEY/cancel`: its person wants it no more."""

    async def get(self, *address: Any) -> None:
        """Somebody reloaded: the list."""
        del address
        self.redirect(ADDRESS)

    async def post(self, key: str) -> None:
        """Back to the list; what stood in the way is said on it."""
        try:
            await self.services.bases.cancel(self.caller, key)
        except StudioloError as error:
            await self.show_problem(error)
        else:
            self.redirect(ADDRESS, status=HTTPStatus.SEE_OTHER)
