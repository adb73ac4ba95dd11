"""Signing in at the installation of `make deploy` as people do, over HTTP: at the identity provider, then at the hub.

    async with signed_in("alice") as client:
        await client.get("/hub/home")

The client reaches every name below the site, follows redirects, and keeps cookies as a browser does.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from deploy.cluster.identity.record import load_identity
from deploy.cluster.layout import NODE_ADDRESS, SITE, layout_here
from tests.browser_cookies import BrowserCookies

SITE_URL = f"https://{SITE}"

ANSWER_SECONDS = 180.0
"""Until a cold machine has pulled the hub's image and the hub has its routes."""

START_SECONDS = 300.0
"""Until a workspace answers whose image a cold node pulls first."""

_FORM_TOKEN = re.compile(r'name="_xsrf" value="([^"]+)"|data-xsrf="([^"]+)"')


class SiteTransport(httpx.AsyncBaseTransport):
    """Leads every name of the site to the node, whatever this machine's resolver knows; its certificate is checked."""

    def __init__(self) -> None:
        trust = ssl.create_default_context(cafile=str(layout_here().ca))
        # A kept connection that the proxy closes in the same moment would fail a test.
        self._inner = httpx.AsyncHTTPTransport(verify=trust, limits=httpx.Limits(max_keepalive_connections=0))
        self._cookies = BrowserCookies()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        assert host == SITE or host.endswith(f".{SITE}"), f"{request.url} is not of the site"
        self._cookies.put_into(request)
        response = await self._inner.handle_async_request(
            httpx.Request(
                request.method,
                request.url.copy_with(host=NODE_ADDRESS),
                headers=request.headers,  # with the Host that was meant
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": host},
            )
        )
        self._cookies.take_from(response, request)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


def password_of(name: str) -> str:
    """What somebody types at the identity provider."""
    return load_identity(layout_here().identity_record).passwords[name]


def new_client() -> httpx.AsyncClient:
    """A browser in which nobody is signed in."""
    return httpx.AsyncClient(base_url=SITE_URL, transport=SiteTransport(), timeout=60, follow_redirects=True)


async def until_the_site_answers(client: httpx.AsyncClient) -> None:
    """Wait for the hub behind its proxy. Fails with what was answered last."""
    deadline, last = time.monotonic() + ANSWER_SECONDS, "nothing"
    while time.monotonic() < deadline:
        try:
            answer = await client.get("/hub/health")
        except httpx.HTTPError as error:
            last = repr(error)
        else:
            if answer.is_success:
                return
            last = f"{answer.status_code} {answer.text[:200]}"
        await asyncio.sleep(0.5)  # nothing tells us when a site is there
    raise AssertionError(
        f"{SITE_URL} did not answer within {ANSWER_SECONDS:.0f} s; last: {last}. Install it: make deploy"
    )


async def sign_in(client: httpx.AsyncClient, name: str, *, next_path: str = "/hub/home") -> httpx.Response:
    """Go the whole way; the page at its end, be it the list of workspaces or a refusal."""
    await until_the_site_answers(client)
    form = await client.get("/hub/oauth_login", params={"next": next_path})
    assert form.url.path.startswith("/interaction/"), f"{form.status_code} at {form.url}: {form.text[:500]}"
    return await client.post(form.url, data={"name": name, "password": password_of(name)})


@asynccontextmanager
async def signed_in(name: str) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody's browser, on the list of workspaces."""
    async with new_client() as client:
        page = await sign_in(client, name)
        assert (page.status_code, page.url.path) == (200, "/hub/home"), (
            f"{page.status_code} {page.url}: {page.text[:500]}"
        )
        yield client


async def form_token(client: httpx.AsyncClient, path: str = "/hub/spawn") -> str:
    """What a form of this page must send as `_xsrf`, and a call of the API as `X-XSRFToken`."""
    page = (await client.get(path)).text
    found = _FORM_TOKEN.search(page)
    assert found, page[:500]
    return found[1] or found[2]


async def new_api_token(client: httpx.AsyncClient, name: str) -> str:
    """A token of this person's with all their rights, as the token page makes one."""
    headers = {"X-XSRFToken": await form_token(client)}
    answer = await client.post(f"/hub/api/users/{name}/tokens", json={"note": "test"}, headers=headers)
    return str(answer.raise_for_status().json()["token"])


async def start_workspace(
    client: httpx.AsyncClient, name: str, title: str, *, environment: str = "minimal", hardware: str = "small"
) -> str:
    """Start a named workspace by the form, or find it running; where it is opened."""
    server = title.lower()
    token = await form_token(client)
    fields = {"name": title, "environment": environment, "hardware": hardware, "_xsrf": token}
    answer = await client.post("/hub/spawn", data=fields)
    assert answer.status_code in {200, 400}, answer.text  # 400: there is one of that name
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        page = await client.get(f"/hub/spawn-pending/{name}/{server}")
        if page.url.host != SITE:
            return f"https://{page.url.host}/user/{name}/{server}/"
        # 503: the hub is being replaced; nothing that runs or starts minds.
        assert page.status_code in {200, 503}, f"{page.status_code} {page.url}: {page.text[-2000:]}"
        await asyncio.sleep(0.5)  # as the page does without scripts
    raise AssertionError(f"{name}/{server} did not start within {START_SECONDS:.0f} s")


async def delete_workspace(client: httpx.AsyncClient, name: str, title: str) -> None:
    """Stop a named workspace and forget it; fine where there is none."""
    headers = {"X-XSRFToken": await form_token(client)}
    address = f"/hub/api/users/{name}/servers/{title.lower()}"
    answer = await client.request("DELETE", address, json={"remove": True}, headers=headers)
    assert answer.status_code in {202, 204, 404}, answer.text
