"""REST about model packages. The archive with somebody's files comes in pieces, and only here more than a little."""

from __future__ import annotations

import asyncio
from collections import Counter
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from tornado import web

from hub.auth import HubOnlyHandler
from hub.builder.actions import Wish
from hub.builder.callers import STATUS, CallerOfModels
from hub.builder.download import content_of
from hub.builder.errors import NoSuchModel, TooManyPackages, UploadRefused
from hub.builder.opening import project_of
from hub.builder.receiving import Receiving, largest_archive
from hub.builder.rules import Action, may
from hub.builder.slow.errors import NeedsBase, TooManyBuilds
from hub.builder.view import origin_of, plan_view_of, view_of
from hub.credentials.credential import Owner
from hub.credentials.rights import Answer
from hub.rest_errors import InItsOwnWords
from studiolo.packaging.dependency_layer import DependenciesRefused
from studiolo.packaging.provenance import statements_of
from studiolo.wire_bases import SlowBuildOffer
from studiolo.wire_models import ModelPackageViews, ProvenanceView

if TYPE_CHECKING:
    from studiolo.errors import StudioloError
    from studiolo.wire_models import NewModelPackage

MOST_AT_ONCE: Final = 16
"""Archives that are received or packaged at one time: each may take the disk and a process."""

MOST_OF_ONE_PERSON: Final = 2
"""Of those: one person leaves room for others."""

MOST_SECONDS: Final = 600
"""For an archive to arrive."""

TAR: Final = "application/x-tar"

_arriving: Counter[str] = Counter()
"""Of this process, by person."""


class ModelHandler(InItsOwnWords, CallerOfModels):
    """For people and their workspaces."""

    status_of = STATUS

    def more_of(self, error: StudioloError) -> dict[str, Any]:
        """Its code, and the base that a slow build would make."""
        if isinstance(error, TooManyPackages | TooManyBuilds):
            self.set_header("Retry-After", str(error.retry_after_seconds))
        said: dict[str, Any] = {"code": error.code}
        if isinstance(error, NeedsBase):
            said["offer"] = error.offer.model_dump(mode="json")
        elif isinstance(error, DependenciesRefused) and error.packages:
            said["offer"] = SlowBuildOffer(sources=error.packages).model_dump(mode="json")
        return said


class TakesArchive(ModelHandler):
    """Takes an archive while it arrives; what is wrong with it is answered once all of it is there."""

    _receiving: Receiving | None = None
    _refused: Exception | None = None
    _who: str = ""
    _is_whole: bool = False

    async def prepare(self) -> None:
        """Who it is, and whether there is room, before a byte is taken."""
        await super().prepare()
        if self._finished or self.request.method != "POST":
            return
        who, limits = self.caller, self.models.limits
        connection: Any = self.request.connection
        connection.set_max_body_size(largest_archive(limits))
        connection.set_body_timeout(MOST_SECONDS)
        # What is refused here is said once all has come: an answer before that is lost with the connection.
        if self.request.headers.get("Content-Type", "") != TAR:
            self._refused = web.HTTPError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Send an archive, as {TAR}.")
        elif _arriving[who] >= MOST_OF_ONE_PERSON or _arriving.total() >= MOST_AT_ONCE:
            self._refused = TooManyPackages("Other packages are being made at this moment.", retry_after_seconds=2)
        else:
            self._who = who
            _arriving[who] += 1
            self._receiving = await asyncio.to_thread(Receiving, limits)

    async def data_received(self, chunk: bytes) -> None:
        """Some more of it."""
        if self._receiving is None or self._refused is not None:
            return
        try:
            await asyncio.to_thread(self._receiving.take, chunk)
        except UploadRefused as error:
            self._refused = error

    async def wish(self) -> Wish:
        """What is wanted, now that all is there. Raises UploadRefused, or what `owner` does."""
        self._is_whole = True
        if self._refused is not None:
            raise self._refused
        if self._receiving is None:
            raise AssertionError  # `prepare` has ended the request
        new: NewModelPackage = await asyncio.to_thread(self._receiving.finish)
        owner = await self.owner(new.team, Action.PACKAGE)
        who = await self.standing()
        return Wish(by=who.name, owner=owner, teams=who.own_teams, new=new, folder=self._receiving.folder)

    def on_finish(self) -> None:
        """Nothing of it stays."""
        super().on_finish()
        self._let_go()

    def on_connection_close(self) -> None:
        """Whoever sent it has gone. What is being made of all of it is made to its end."""
        super().on_connection_close()
        if not self._is_whole:
            self._let_go()

    def _let_go(self) -> None:
        if self._who:
            _arriving[self._who] -= 1
            if not _arriving[self._who]:
                del _arriving[self._who]
            self._who = ""
        if self._receiving is not None:
            self._receiving.close()
            self._receiving = None


@web.stream_request_body
class ModelsHandler(TakesArchive):
    """`api/models`: yours, and those of your teams."""

    async def get(self) -> None:
        """All of them: your own first, by name, newest first. `?team=` gives those of one team."""
        if self.team:
            await self.owner(self.team, Action.SEE)
        who = await self.standing()
        found = [one for one in await self.visible(who) if not self.team or one.owner.team == self.team]
        views = tuple(view_of(one, found, may_delete=may(who, Action.DELETE, one.owner) is Answer.YES) for one in found)
        self.write(ModelPackageViews(models=views).model_dump_json())

    async def post(self) -> None:
        """201 and the new one, or 200 where it was there already; 400 with everything that is wrong."""
        wish = await self.wish()
        package, is_new = await self.models.package(wish)
        beside = await self.models.versions(package.owner, package.name)
        self.set_status(HTTPStatus.CREATED if is_new else HTTPStatus.OK)
        self.write(view_of(package, beside, is_new=is_new).model_dump_json())


@web.stream_request_body
class PlanHandler(TakesArchive):
    """`POST api/models/plan`: what a package would be. Nothing is kept."""

    async def post(self) -> None:
        """Contract, cells, files, warnings; and what stands in the way."""
        wish = await self.wish()
        planned = await self.models.plan(wish)
        self.write(plan_view_of(planned, team=wish.new.team).model_dump_json())


class OneModelHandler(ModelHandler):
    """`api/models/NAME/VERSION`: one of yours, or with `?team=` of a team of yours. `latest` is the newest."""

    async def get(self, name: str, version: str) -> None:
        """All that is known of it."""
        owner = await self.owner(self.team, Action.SEE)
        package = await self.models.named(owner, name, version)
        may_delete = not owner.team or may(await self.standing(), Action.DELETE, owner) is Answer.YES
        beside = await self.models.versions(owner, name)
        self.write(view_of(package, beside, may_delete=may_delete).model_dump_json())

    async def delete(self, name: str, version: str) -> None:
        """204; its image is gone, too."""
        await self.models.delete(await self.owner(self.team, Action.DELETE), name, version)
        self.set_status(HTTPStatus.NO_CONTENT)


class ProvenanceHandler(ModelHandler):
    """`GET api/models/NAME/VERSION/provenance`: what is said beside its image."""

    async def get(self, name: str, version: str) -> None:
        """In-toto statements, as the image has them."""
        package = await self.models.named(await self.owner(self.team, Action.SEE), name, version)
        async with self.models.image(package) as images:
            said = await statements_of(images, package.digest)
        self.write(ProvenanceView(statements=said).model_dump_json())


class ImageHandler(ModelHandler):
    """`GET api/models/NAME/VERSION/image`: its image, as an OCI layout in a tar archive."""

    async def get(self, name: str, version: str) -> None:
        """Piece by piece."""
        package = await self.models.named(await self.owner(self.team, Action.SEE), name, version)
        async with self.models.image(package) as images:
            content = await content_of(package, images)
            self.set_header("Content-Type", TAR)
            self.set_header("Content-Length", str(content.size))
            self.set_header("Content-Disposition", f'attachment; filename="{package.name}-{package.version}.oci.tar"')
            async for piece in content.pieces():
                self.write(piece)
                await self.flush()


class FilesHandler(ModelHandler):
    """`GET api/models/NAME/VERSION/files`: the files that went in, in a tar archive. Nothing of the base, no module."""

    async def get(self, name: str, version: str) -> None:
        """All of it; the ETag is the digest of the image that it comes from."""
        package = await self.models.named(await self.owner(self.team, Action.SEE), name, version)
        async with (
            self.models.image(package) as images,
            project_of(package, images, most_bytes=self.models.limits.most_bytes) as archive,
        ):
            self.set_header("Content-Type", TAR)
            self.set_header("Content-Length", str(archive.size))
            self.set_header("Etag", f'"{package.digest}"')
            async for piece in archive.pieces():
                self.write(piece)
                await self.flush()


class OriginHandler(HubOnlyHandler):
    """`GET api/package-origins/USER/NAME/VERSION`: what a package of that person stands on, for a start.

    With `?team=`, of a team that the hub says they are in.
    """

    async def get(self, user: str, name: str, version: str) -> None:
        """404 where there is none."""
        team = self.get_query_argument("team", "", strip=False)
        owner = Owner.of_team(team) if team else Owner.person(user)
        try:
            package = await self.services.models.named(owner, name, version)
        except NoSuchModel as error:
            raise web.HTTPError(HTTPStatus.NOT_FOUND, "%s", error) from None
        self.write(origin_of(package).model_dump_json())
