"""Attack group 15: requests that are made to be misread, and requests that are made to cost much."""

from __future__ import annotations

import contextlib
import secrets
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from deploy.local.plans import HUB, PROXY, SERVICES
from tests.integration.conftest import PASSWORD, VICTIM

if TYPE_CHECKING:
    from deploy.local.throwaway import ThrowawayHub

pytestmark = pytest.mark.integration

MIB = 1024**2
HIDDEN = "/hub/api/hidden-request"
"""No client ever asks for it: it shows in a log when a request hidden in another one was taken for one."""

SMUGGLED = f"GET {HIDDEN} HTTP/1.1\r\nHost: x\r\n\r\n"


def said(hub: ThrowawayHub, raw: bytes) -> bytes:
    """What the proxy answers to these bytes, until it closes or says nothing more."""
    address = urlsplit(hub.base_url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        answer = b""
        with contextlib.suppress(OSError):
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                answer += part
    return answer


def request(*headers: str, body: str = "", path: str = "/hub/health", method: str = "POST") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *headers]
    return "\r\n".join([*lines, "", body]).encode("latin-1")


CHUNKED = f"0\r\n\r\n{SMUGGLED}"

PASSED_ON = request("Transfer-Encoding: identity", "Transfer-Encoding: chunked", body="0\r\n\r\n")
"""Node.js takes the last encoding, and the proxy passes both on."""

MISREAD = {
    "length and chunks": request(f"Content-Length: {len(CHUNKED)}", "Transfer-Encoding: chunked", body=CHUNKED),
    "chunks and length": request("Transfer-Encoding: chunked", f"Content-Length: {len(CHUNKED)}", body=CHUNKED),
    "two lengths": request("Content-Length: 0", f"Content-Length: {len(SMUGGLED)}", body=SMUGGLED),
    "an encoding nobody knows": request("Transfer-Encoding: xchunked", f"Content-Length: {len(CHUNKED)}", body=CHUNKED),
    "a space before the colon": request("Transfer-Encoding : chunked", f"Content-Length: {len(CHUNKED)}", body=CHUNKED),
    "a header on two lines": request("Transfer-Encoding:\r\n chunked", f"Content-Length: {len(CHUNKED)}", body=CHUNKED),
    "a bare line feed": request(f"X: 1\nContent-Length: {len(SMUGGLED)}\r\nContent-Length: 0", body=SMUGGLED),
    "a length that is none": request("Content-Length: +0", body=SMUGGLED),
    "a negative length": request("Content-Length: -1", body=SMUGGLED),
    "a huge chunk": request("Transfer-Encoding: chunked", body="fffffffffffffffff\r\n" + SMUGGLED),
    "a chunk with an extension": request("Transfer-Encoding: chunked", body=f"0;a=\n{SMUGGLED}\r\n\r\n"),
    "a line break in the path": request(path="/hub/health\rX:1", method="GET"),
}


@pytest.mark.parametrize("how", MISREAD)
def test_a_request_that_could_hide_another_is_refused_before_the_hub_hears_of_it(
    how: str, attacked: ThrowawayHub
) -> None:
    answer = said(attacked, MISREAD[how])
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert httpx.get(f"{attacked.base_url}/hub/health", trust_env=False).status_code == 200
    assert HIDDEN not in attacked.log(HUB)


def test_a_request_that_the_proxy_passes_on_is_refused_by_the_hub(attacked: ThrowawayHub) -> None:
    said(attacked, PASSED_ON)
    attacked.until(lambda: "Malformed HTTP message" in attacked.log(HUB), what="the hub says that it is malformed")
    assert httpx.get(f"{attacked.base_url}/hub/health", trust_env=False).status_code == 200


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(request("X-Long: " + "a" * 1_000_000, method="GET"), id="a header of a megabyte"),
        pytest.param(request("Cookie: " + "a=b; " * 100_000, method="GET"), id="very many cookies"),
        pytest.param(request(*(f"X-{n}: 1" for n in range(50_000)), method="GET"), id="very many headers"),
        pytest.param(request(path="/hub/" + "a" * 1_000_000, method="GET"), id="an address of a megabyte"),
    ],
)
def test_more_than_a_request_needs_is_refused_by_the_proxy(raw: bytes, attacked: ThrowawayHub) -> None:
    answer = said(attacked, raw)
    assert answer == b"" or b"HTTP/1.1 431" in answer or b"HTTP/1.1 400" in answer, answer[:200]
    assert httpx.get(f"{attacked.base_url}/hub/health", trust_env=False).status_code == 200


def test_strangers_do_not_fill_logs_or_memory(attacked: ThrowawayHub) -> None:
    """Two hundred requests of up to a megabyte; the bounds are far below what they would leave if they were kept."""

    def resident() -> int:
        return sum(psutil.Process(attacked.pid(name)).memory_info().rss for name in (HUB, SERVICES))

    def logged() -> int:
        return sum(len(attacked.log(name)) for name in (PROXY, HUB, SERVICES))

    with httpx.Client(base_url=attacked.base_url, trust_env=False, timeout=60) as stranger:
        stranger.get("/hub/login")
        xsrf = str(stranger.cookies.get("_xsrf"))

        def round_of(count: int) -> None:
            for number in range(count):
                name = secrets.token_hex(8) + "x" * 500_000
                stranger.post("/hub/login", data={"username": name, "password": name, "_xsrf": xsrf})
                stranger.post("/hub/api/users/x/activity", content=b"[" * 500_000)
                stranger.post("/services/studiolo/api/starts", content=b"[" * 500_000)
                stranger.get(f"/hub/{secrets.token_hex(8)}", headers={"Authorization": f"token {number}" * 100})

        round_of(5)  # what is made once and kept
        memory, text = resident(), logged()
        round_of(45)
        assert resident() - memory < 60 * MIB
        assert logged() - text < 2 * MIB


def test_guesses_at_many_names_do_not_lock_the_door_for_others(attacked: ThrowawayHub) -> None:
    with httpx.Client(base_url=attacked.base_url, trust_env=False, timeout=60) as stranger:
        stranger.get("/hub/login")
        xsrf = str(stranger.cookies.get("_xsrf"))
        for number in range(8):  # more than one name may be tried
            fields = {"username": f"guess{number}", "password": PASSWORD, "_xsrf": xsrf}
            assert stranger.post("/hub/login", data=fields).status_code == 403
    with contextlib.closing(attacked.browser(VICTIM, PASSWORD)) as browser:
        assert browser.get("/hub/home", follow_redirects=False).status_code == 200
