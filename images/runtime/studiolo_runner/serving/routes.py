"""Which address means what, and who answers it."""

from __future__ import annotations

import os
import re
import sys
import time
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from studiolo_runner.serving import bodies
from studiolo_runner.serving.calls import BadInput
from studiolo_runner.serving.http import Request, Response, json_response
from studiolo_runner.serving.measures import Measures

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from studiolo_runner.serving.bodies import Calls
    from studiolo_runner.serving.workers import Workers

NAME_VARIABLE = "MODEL_NAME"
"""What the model is called in addresses; KServe sets it."""

VERSION_VARIABLE = "STUDIOLO_MODEL_VERSION"
NOT_READY = 503
NOTHING = "There is nothing at this address."


@dataclass
class Routes:
    """Answers requests."""

    workers: Workers
    measures: Measures = field(default_factory=Measures)
    name: str = field(default_factory=lambda: os.environ.get(NAME_VARIABLE) or "model")
    version: str = field(default_factory=lambda: os.environ.get(VERSION_VARIABLE) or "1")

    def __post_init__(self) -> None:
        quoted = re.escape(self.name)
        version = rf"(?:/versions/{re.escape(self.version)})?"
        predict = os.environ.get("AIP_PREDICT_ROUTE") or "/vertex/predict"
        health = os.environ.get("AIP_HEALTH_ROUTE") or "/vertex/health"
        self._posts = [
            (re.compile(r"/invocations"), "/invocations", self._invocations),
            (re.compile(rf"/v1/models/{quoted}:predict"), "/v1/models/{model}:predict", self._instances),
            (re.compile(rf"/v2/models/{quoted}{version}/infer"), "/v2/models/{model}/infer", self._infer),
            (re.compile(re.escape(predict)), "AIP_PREDICT_ROUTE", self._instances),
        ]
        self._gets: list[tuple[re.Pattern[str], str, Callable[[], Response]]] = [
            (re.compile(r"/ping|/health|/livez|/healthz|/v2/health/live"), "/health", self._alive),
            (re.compile(r"/readyz|/v2/health/ready|/ready"), "/v2/health/ready", self._ready),
            (re.compile(re.escape(health)), "AIP_HEALTH_ROUTE", self._ready),
            (re.compile(r"/metrics"), "/metrics", self._metrics),
            (re.compile(r"/version"), "/version", lambda: json_response({"version": self.version})),
            (re.compile(r"/v1/models"), "/v1/models", lambda: json_response({"models": [self.name]})),
            (re.compile(rf"/v1/models/{quoted}"), "/v1/models/{model}", self._v1_status),
            (re.compile(r"/v2/?"), "/v2", self._server),
            (re.compile(rf"/v2/models/{quoted}{version}"), "/v2/models/{model}", self._metadata),
            (re.compile(rf"/v2/models/{quoted}{version}/ready"), "/v2/models/{model}/ready", self._ready),
        ]

    async def answer(self, request: Request) -> Response:
        """The answer; never an exception."""
        began = time.perf_counter()
        self.measures.in_flight += 1
        try:
            route, response = await self._routed(request)
        finally:
            self.measures.in_flight -= 1
        self.measures.ended(route, response.status, time.perf_counter() - began)
        return response

    async def _routed(self, request: Request) -> tuple[str, Response]:
        for pattern, route, post in self._posts:
            if pattern.fullmatch(request.path):
                return route, await self._posted(request, post)
        for pattern, route, get in self._gets:
            if pattern.fullmatch(request.path):
                allowed = request.method in {"GET", "HEAD"}
                return route, get() if allowed else json_response({"error": "GET it."}, 405)
        is_other_model = re.match(r"/v[12]/models/", request.path) is not None
        sentence = f"There is no such model; this one is called {self.name}." if is_other_model else NOTHING
        return "other", json_response({"error": sentence}, 404)

    async def _posted(self, request: Request, post: Callable[[Request], Awaitable[Response]]) -> Response:
        if request.method != "POST":
            return json_response({"error": "POST it."}, 405)
        if not self.measures.is_ready:
            return self._not_ready()
        try:
            return await post(request)
        except BadInput as bad:
            return json_response({"error": str(bad), "field": bad.field}, 400)
        except Exception as error:  # noqa: BLE001 - whatever the model raises is an answer, not our end
            traceback.print_exc(file=sys.stderr)
            return json_response({"error": f"{type(error).__name__}: {error}"[:1000]}, 500)

    async def _invocations(self, request: Request) -> Response:
        kind = request.headers.get("content-type", "")
        calls = bodies.invocation(request.body, kind, self.workers.takes)
        return json_response(bodies.predictions(await self._predict(calls), calls))

    async def _instances(self, request: Request) -> Response:
        calls = bodies.instances(request.body, self.workers.takes)
        return json_response(bodies.predictions(await self._predict(calls), calls))

    async def _infer(self, request: Request) -> Response:
        calls = bodies.infer(request.body, self.workers.takes)
        results = await self._predict(calls)
        return json_response(bodies.inferred(results, calls, model=self.name, version=self.version))

    async def _predict(self, calls: Calls) -> list[Any]:
        return [await self.workers.predict(named) for named in calls.calls]

    def _alive(self) -> Response:
        return json_response({"status": "alive"})

    def _ready(self) -> Response:
        if not self.measures.is_ready:
            return self._not_ready()
        return json_response({"name": self.name, "ready": True})

    def _not_ready(self) -> Response:
        return json_response({"error": "The model is being loaded."}, NOT_READY)

    def _v1_status(self) -> Response:
        return json_response({"name": self.name, "ready": self.measures.is_ready})

    def _server(self) -> Response:
        return json_response({"name": "studiolo", "version": self.version, "extensions": []})

    def _metadata(self) -> Response:
        takes = self.workers.takes
        inputs = [{"name": name, "datatype": "BYTES", "shape": [-1]} for name in takes.names]
        outputs = [{"name": "predict", "datatype": "BYTES", "shape": [-1]}]
        return json_response(
            {
                "name": self.name,
                "versions": [self.version],
                "platform": "studiolo",
                "inputs": inputs,
                "outputs": outputs,
            }
        )

    def _metrics(self) -> Response:
        return Response(200, self.measures.text().encode(), "text/plain; version=0.0.4; charset=utf-8")
