"""What the panel "Package model" asks, below `{base_url}studiolo/model/`."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_server.utils import url_path_join
from tornado.web import HTTPError

from studiolo_lab.packaging import Overtaken, Packaging
from studiolo_lab.packaging_child import PackagingFailed
from studiolo_lab.routes import AnswersItsPerson, for_its_person

if TYPE_CHECKING:
    from collections.abc import Mapping

PACKAGE_KEYS = ("name", "version", "team")


class PackagingHandler(AnswersItsPerson):
    """What all of them share."""

    def initialize(self, packaging: Packaging) -> None:
        """Tornado's way to hand something to a handler."""
        self.packaging = packaging

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """A sentence for the person, with the status that goes with it."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        if isinstance(error, Overtaken):
            status_code, said = HTTPStatus.CONFLICT, "A newer question came first."
        elif isinstance(error, PackagingFailed):
            status_code, said = error.status, str(error)
        else:
            super().write_error(status_code, **kwargs)
            return
        self.set_status(status_code)
        self.set_header("Content-Type", "application/json")
        self.finish({"message": said})

    def log_exception(self, typ: Any, value: BaseException | None, tb: Any) -> None:
        """What a notebook holds is no fault of the server."""
        if not isinstance(value, Overtaken | PackagingFailed):
            super().log_exception(typ, value, tb)

    def asked(self) -> Mapping[str, Any]:
        """The body, with the path that every question has."""
        body: Any = self.get_json_body()
        if isinstance(body, dict) and isinstance(body.get("path"), str) and body["path"]:
            return body
        raise HTTPError(400, 'The body is {"path": "…"}.')


class InspectHandler(PackagingHandler):
    """`POST studiolo/model/inspect?path=`; the body is the file as it is being edited."""

    @for_its_person
    async def post(self) -> None:
        """What is in it. 409 where a newer question came first."""
        self.finish(await self.packaging.inspect(self.get_query_argument("path"), self.request.body))


class PlanHandler(PackagingHandler):
    """`POST studiolo/model/plan`, `{"path", "environment"}`."""

    @for_its_person
    async def post(self) -> None:
        """Files, packages, choices, as they are saved."""
        question = self.asked()
        self.finish(
            await self.packaging.plan({"path": question["path"], "environment": str(question.get("environment", ""))})
        )


class PackagesHandler(PackagingHandler):
    """`studiolo/model/packages`."""

    @for_its_person
    async def get(self) -> None:
        """The last one of `?path=`, or null."""
        self.finish({"package": self.packaging.newest_of(self.get_query_argument("path"))})

    @for_its_person
    async def post(self) -> None:
        """Begins one; while one of the same file is on its way, that one is told of."""
        match self.asked():
            case {"path": path, "environment": str(environment), "allowed_secrets": [*places], **rest} if all(
                isinstance(one, str) for one in (*places, *(rest.get(key, "") for key in PACKAGE_KEYS))
            ):
                question = {"path": path, "environment": environment, "allowed_secrets": places}
                question |= {key: rest.get(key, "") for key in PACKAGE_KEYS}
            case _:
                raise HTTPError(400, 'The body is {"path", "environment", "allowed_secrets": […]}, all of it text.')
        self.set_status(HTTPStatus.ACCEPTED)
        self.finish(await self.packaging.package(question))


class PackageHandler(PackagingHandler):
    """`studiolo/model/packages/ID`."""

    @for_its_person
    async def get(self, identity: str) -> None:
        """How far it is."""
        self.finish(self.packaging.known(identity))

    @for_its_person
    async def delete(self, identity: str) -> None:
        """Ends it, where it is still on its way."""
        self.finish(await self.packaging.cancel(identity))


def packaging_handlers(base_url: str, root: str) -> list[tuple[str, type[PackagingHandler], dict[str, Any]]]:
    """All routes, as tornado takes them. `root`: the folder below which people work."""
    packaging = Packaging(Path(root).expanduser())
    routes: tuple[tuple[str, type[PackagingHandler]], ...] = (
        ("inspect", InspectHandler),
        ("plan", PlanHandler),
        ("packages", PackagesHandler),
        ("packages/([0-9a-f]+)", PackageHandler),
    )
    return [
        (url_path_join(base_url, "studiolo", "model", path), handler, {"packaging": packaging})
        for path, handler in routes
    ]
