"""The agent over HTTPS, for the hub alone. Bodies hold secrets: none is logged, and none is read of who may not."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from tornado import web

from hub.node_agent.broker import NoCredentials
from hub.token_reviews import bearer
from spawner.identity import KNOCK_PATH, MOST_BYTES, ORDERS_PATH, WITH_BROKER, Delivered, Order, Refusal, Why
from spawner.kube import KubeError

if TYPE_CHECKING:
    from hub.node_agent.actions import Agent
    from hub.node_agent.broker import Broker
    from hub.node_agent.callers import Callers
    from hub.node_agent.watch import NodePods


log = logging.getLogger(__name__)


class HealthHandler(web.RequestHandler):
    """`GET /health`: whether orders can be carried out. It says nothing of anybody."""

    def initialize(self, pods: NodePods) -> None:
        """The picture that they need."""
        self._pods = pods

    def get(self) -> None:
        """503 until the first list was read."""
        if self._pods.pods is None:
            self.set_status(HTTPStatus.SERVICE_UNAVAILABLE)
            self.finish({"status": "the pods of this node are not known yet"})
        else:
            self.finish({"status": "ok"})


class ForTheHub(web.RequestHandler):
    """Answers nobody else."""

    _callers: Callers

    async def prepare(self) -> None:
        """Refuses everybody else before the body is read."""
        token = bearer(self.request.headers.get("Authorization", ""))
        try:
            may = await self._callers.may(token, early=self._is_greeting())
        except KubeError as error:
            raise web.HTTPError(503, "Kubernetes does not say whose this token is.") from error
        if not may:
            raise web.HTTPError(403, "This address is for the hub itself.")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """`{"message": "…"}`, and never what was sent."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        said = error.log_message if isinstance(error, web.HTTPError) else ""
        self.set_status(status_code)
        self.finish({"message": said or self._reason})

    def _is_greeting(self) -> bool:
        """Whether nobody waits for the answer."""
        return False


class KnockHandler(ForTheHub):
    """`GET /knock`, see `spawner/identity.py`: whether an order could be carried out."""

    def initialize(self, pods: NodePods, callers: Callers, broker: Broker) -> None:
        """What an order needs."""
        self._pods = pods
        self._callers = callers
        self._broker = broker

    async def get(self) -> None:
        """204: it could. 503 until the first list of pods was read; 502 where the broker is needed and silent."""
        if self._pods.pods is None:
            raise web.HTTPError(503, "The pods of this node are not known yet.")
        if WITH_BROKER in self.request.arguments:
            try:
                await self._broker.knock()
            except NoCredentials as error:
                raise web.HTTPError(502, f"{error}.") from None
        self.set_status(HTTPStatus.NO_CONTENT)


@web.stream_request_body
class OrderHandler(ForTheHub):
    """`POST /orders`, see `spawner/identity.py`: 200 and `Delivered`, else `Refusal`. `GET`: a greeting."""

    def initialize(self, agent: Agent, callers: Callers) -> None:
        """What this process has."""
        self._agent = agent
        self._callers = callers
        self._body = bytearray()

    def data_received(self, chunk: bytes) -> None:
        """Collects the body, as much of it as an order can have."""
        self._body += chunk
        if len(self._body) > MOST_BYTES:
            raise web.HTTPError(413, "No order is as long.")

    def get(self) -> None:
        """A greeting: whoever gives orders keeps a connection open, and the agent knows whose the token is."""
        self.set_status(HTTPStatus.NO_CONTENT)

    async def post(self) -> None:
        """Carries it out."""
        try:
            order = Order.model_validate_json(bytes(self._body))
        except ValidationError as error:
            places = sorted({".".join(str(part) for part in one["loc"][:2]) or "all of it" for one in error.errors()})
            self._answer(Refusal(why=Why.MALFORMED, message=f"This is no order, by {', '.join(places)}."))
            return
        finally:
            self._body.clear()
        self._answer(await self._agent.carry_out(order))

    def _is_greeting(self) -> bool:
        return self.request.method == "GET"

    def _answer(self, answer: Delivered | Refusal) -> None:
        if isinstance(answer, Refusal):
            malformed = answer.why is Why.MALFORMED
            self.set_status(HTTPStatus.BAD_REQUEST if malformed else HTTPStatus.CONFLICT)
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.finish(answer.model_dump_json())


class UnknownHandler(web.RequestHandler):
    """Everything that is not a route."""

    def prepare(self) -> None:
        """404, to everybody alike."""
        raise web.HTTPError(404)

    def write_error(self, status_code: int, **_: Any) -> None:
        """Says no more than that."""
        self.set_status(status_code)
        self.finish({"message": "There is nothing at this address."})


def make_app(agent: Agent, pods: NodePods, callers: Callers, broker: Broker) -> web.Application:
    """All routes."""
    return web.Application(
        [
            (r"/health", HealthHandler, {"pods": pods}),
            (KNOCK_PATH, KnockHandler, {"pods": pods, "callers": callers, "broker": broker}),
            (ORDERS_PATH, OrderHandler, {"agent": agent, "callers": callers}),
        ],
        default_handler_class=UnknownHandler,
        log_function=_log,
    )


def _log(handler: web.RequestHandler) -> None:
    """One line about an answer, and nothing of what was asked but its place."""
    status, milliseconds = handler.get_status(), handler.request.request_time() * 1000
    is_well, is_order = status < HTTPStatus.BAD_REQUEST, handler.request.method == "POST"
    level = logging.WARNING if not is_well else logging.INFO if is_order else logging.DEBUG
    log.log(level, "%s %s %d %.0f ms", handler.request.method, (handler.request.path or "")[:100], status, milliseconds)
