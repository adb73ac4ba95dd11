"""A fault has a reference: the page shows it, the header has it, and the log tells all under it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from tornado import web
from tornado.httpserver import HTTPServer

from hub.logs.hub import with_references
from hub.logs.references import HEADER
from hub.logs.requests import log_request
from tests.hub.conftest import free_port
from tests.hub.logs.log_lines import WrittenLog, written


class StockHandler(web.RequestHandler):
    """As JupyterHub's: knows nothing of references, and fails as it is asked to."""

    async def get(self) -> None:
        match self.get_argument("fails", ""):
            case "bug":
                raise ZeroDivisionError("by accident")
            case "sent":
                self.send_error(500)
            case status if status:
                raise web.HTTPError(int(status), "as asked")

    @property
    def template_namespace(self) -> dict[str, Any]:
        return {"base_url": "/hub/"}

    def write_error(self, status_code: int, **_: Any) -> None:
        self.finish(f"page of {self.template_namespace}")


@asynccontextmanager
async def running() -> AsyncIterator[tuple[httpx.AsyncClient, WrittenLog]]:
    """A web server with that handler, and what is logged of it."""
    port = free_port()
    application = web.Application(with_references([("/hub/page", StockHandler)]), log_function=log_request)
    server = HTTPServer(application)
    server.listen(port, address="127.0.0.1")
    with written("hub", "tornado") as log:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            yield client, log
    server.stop()
    await server.close_all_connections()


@pytest.mark.parametrize("how", ["bug", "500", "sent"])
async def test_a_fault_is_found_in_the_log_by_what_the_page_shows(how: str) -> None:
    async with running() as (client, log):
        answer = await client.get("/hub/page", params={"fails": how})
    reference = answer.headers[HEADER]
    assert answer.status_code == 500
    assert f"'reference': '{reference}'" in answer.text
    about = [line for line in log.objects if line.get("reference") == reference]
    assert about[-1]["status"] == 500
    if how == "bug":
        assert "by accident" in about[0]["exception"]


@pytest.mark.parametrize("status", [403, 404, 503])
async def test_what_is_no_fault_has_no_reference(status: int) -> None:
    async with running() as (client, log):
        answer = await client.get("/hub/page", params={"fails": status})
    assert HEADER not in answer.headers
    assert "'reference': ''" in answer.text
    assert not [line for line in log.objects if "reference" in line]


@pytest.mark.parametrize("how", ["", "bug", "403", "503"])
async def test_no_line_shows_what_follows_the_question_mark(how: str) -> None:
    async with running() as (client, log):
        await client.get("/hub/page", params={"fails": how, "color": "ultramarine", "code": "opensesame"})
    assert log.objects[-1]["path"] == "/hub/page"
    assert "ultramarine" not in log.text
    assert "opensesame" not in log.text


async def test_no_line_shows_headers_or_cookies() -> None:
    headers = {"Authorization": "token opensesame", "Cookie": "session=opensesame", "Referer": "/x?code=opensesame"}
    async with running() as (client, log):
        for how in ("", "bug", "403"):
            await client.get("/hub/page", params={"fails": how}, headers=headers)
    assert "opensesame" not in log.text


async def test_handlers_keep_the_name_that_metrics_know_them_by() -> None:
    ((_, handler),) = with_references([("/", StockHandler)])
    assert (handler.__name__, handler.__module__) == (StockHandler.__name__, StockHandler.__module__)
    assert with_references([("/", handler)])[0][1] is handler
