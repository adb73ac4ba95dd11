"""REST about slow builds: ask for a base, see what becomes of it, take the wish back."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from pydantic import ValidationError
from tornado import web

from hub.builder.routes import ModelHandler
from hub.builder.rules import Action
from hub.builder.slow.derived_base import State
from hub.builder.slow.view import base_view
from studiolo.problems import quoted
from studiolo.wire_bases import DerivedBasePlan, DerivedBaseViews, NewDerivedBase

if TYPE_CHECKING:
    from hub.builder.places import Standing
    from hub.builder.slow.actions import DerivedBases
    from hub.builder.slow.derived_base import DerivedBase
    from hub.builder.slow.recipe import Recipe
    from studiolo.wire_bases import DerivedBaseView


class BaseHandler(ModelHandler):
    """For people and their workspaces."""

    @property
    def bases(self) -> DerivedBases:
        """Everybody's; each call names its person."""
        return self.services.bases

    async def asked(self) -> tuple[NewDerivedBase, Recipe, Standing]:
        """What somebody wants built, on what. Raises ModelRefused, or StoreError."""
        try:
            new = NewDerivedBase.model_validate_json(self.request.body)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise web.HTTPError(HTTPStatus.BAD_REQUEST, "%s: %s", quoted(place), first["msg"]) from None
        who = await self.standing()
        standing = await self.services.places.standing(new.environment, who.own_teams)
        return new, self.bases.recipe(standing, apt=new.apt, sources=new.sources), standing

    async def view(self, base: DerivedBase) -> DerivedBaseView:
        """One, as its person sees it."""
        seconds = await self.bases.earlier_seconds()
        return base_view(base, reference=self.bases.reference(base), about_seconds=seconds)


class BasesHandler(BaseHandler):
    """`api/model-bases`: those that you asked for."""

    async def get(self) -> None:
        """The newest first; and whether anything can be built here."""
        found = await self.bases.of(self.caller)
        why_not = await self.bases.why_not()
        views = [await self.view(one) for one in found]
        self.write(DerivedBaseViews(bases=tuple(views), available=not why_not, why_not=why_not).model_dump_json())

    async def post(self) -> None:
        """202 and the base that is built for it, or 200 where it is there already; 400 with what is wrong."""
        new, recipe, standing = await self.asked()
        owner = await self.owner(new.team, Action.PACKAGE)
        base = await self.bases.ask(self.caller, owner, recipe, standing)
        self.set_status(HTTPStatus.OK if base.state is State.READY else HTTPStatus.ACCEPTED)
        self.write((await self.view(base)).model_dump_json())


class PlanBaseHandler(BaseHandler):
    """`POST api/model-bases/plan`: what a base would be, and whether it can be built. Nothing is begun."""

    async def post(self) -> None:
        """The recipe, word for word."""
        _, recipe, _ = await self.asked()
        plan = DerivedBasePlan(offer=await self.bases.offer(recipe), containerfile=recipe.containerfile)
        self.write(plan.model_dump_json())


class OneBaseHandler(BaseHandler):
    """`api/model-bases/KEY`: one that you asked for."""

    async def get(self, key: str) -> None:
        """What became of it: its state, the phase of its build, or why it failed with the end of the log."""
        self.write((await self.view(await self.bases.named(self.caller, key))).model_dump_json())

    async def delete(self, key: str) -> None:
        """You want it no more. Its build ends, unless somebody else wants it, too."""
        self.write((await self.view(await self.bases.cancel(self.caller, key))).model_dump_json())
