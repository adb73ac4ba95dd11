"""The broker over TLS, for agents of nodes alone: whoever shows no certificate of theirs is not even read."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from tornado import web

from hub.credential_broker.question import CREDENTIALS_PATH, HEALTH_PATH, Denial, Denied, Question
from hub.token_reviews import bearer
from spawner.identity import AGENT_HOST
from spawner.kube import KubeError

if TYPE_CHECKING:
    from hub.credential_broker.actions import Broker
    from hub.credential_broker.callers import Callers
    from hub.credential_broker.question import Held

log = logging.getLogger(__name__)


class ForAgents(web.RequestHandler):
    """Answers nobody else. TLS has checked who signed the certificate; here is whose it is."""

    def prepare(self) -> None:
        """Refuses everybody else."""
        shown: Any = self.request.get_ssl_certificate() or {}
        names = {name for kind, name in shown.get("subjectAltName", ()) if kind == "DNS"}
        if AGENT_HOST not in names:
            raise web.HTTPError(403)

    def write_error(self, status_code: int, **_: Any) -> None:
        """Nothing of what was asked, nor of an error."""
        self.set_status(status_code)
        self.finish({"message": self._reason})


class CredentialsHandler(ForAgents):
    """`POST /credentials`: 200 and `Held`, else 400, 403 and `Denied`, or 503 where the API server is away."""

    def initialize(self, broker: Broker, callers: Callers) -> None:
        """What this process has."""
        self._broker = broker
        self._callers = callers

    async def post(self) -> None:
        """What a pod gets."""
        try:
            answer = await self._answer()
        except ValidationError:
            self._deny(HTTPStatus.BAD_REQUEST, Denied(why=Denial.MALFORMED))
            return
        except KubeError as error:
            log.warning("Kubernetes does not say who asks, or what a pod gets: %s %d", error.code, error.status)
            raise web.HTTPError(503) from None
        if isinstance(answer, Denied):
            self._deny(HTTPStatus.FORBIDDEN, answer)
            return
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.finish(answer.model_dump_json())

    async def _answer(self) -> Held | Denied:
        """Of whoever is no agent, not even the question is read. Raises ValidationError, KubeError."""
        caller = await self._callers.caller(bearer(self.request.headers.get("Authorization", "")))
        if caller is None:
            return Denied(why=Denial.NOT_AN_AGENT)
        return await self._broker.answer(Question.model_validate_json(self.request.body), caller)

    def _deny(self, status: HTTPStatus, denied: Denied) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.finish(denied.model_dump_json())


class HealthHandler(ForAgents):
    """`GET /health`: for an agent that keeps its connection open, so that no claim waits for one."""

    def get(self) -> None:
        """It is here."""
        self.finish({"status": "ok"})


class UnknownHandler(ForAgents):
    """Everything that is not a route."""

    def prepare(self) -> None:
        """404, to those who may ask at all."""
        super().prepare()
        raise web.HTTPError(404)


def make_app(broker: Broker, callers: Callers) -> web.Application:
    """All routes."""
    return web.Application(
        [
            (CREDENTIALS_PATH, CredentialsHandler, {"broker": broker, "callers": callers}),
            (HEALTH_PATH, HealthHandler),
        ],
        default_handler_class=UnknownHandler,
        log_function=_log,
    )


def _log(handler: web.RequestHandler) -> None:
    """One line about an answer, and nothing of what was asked but its place."""
    status, milliseconds = handler.get_status(), handler.request.request_time() * 1000
    is_well = status < HTTPStatus.BAD_REQUEST
    level = logging.WARNING if not is_well else logging.DEBUG if isinstance(handler, HealthHandler) else logging.INFO
    log.log(level, "%s %s %d %.0f ms", handler.request.method, (handler.request.path or "")[:100], status, milliseconds)
