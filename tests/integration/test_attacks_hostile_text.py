"""Attacks, group 8: text that wants to be HTML. Whatever people type is text on every page, for whoever looks at it.

Pages are parsed as a browser would parse them; what a browser then does is in tests/browser/test_hostile_text.py.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx
import pytest

from spawner.machine import running_records
from tests.integration.conftest import ATTACKER, HOSTILE_TITLE, PASSWORD

if TYPE_CHECKING:
    from deploy.local.throwaway import ThrowawayHub

pytestmark = pytest.mark.integration

CORPUS = (
    "<xss onxss=1>hit</xss>",
    '"><xss onxss=1>',
    "' onxss='1",
    '" onxss="1',
    "</script><xss></xss>",
    "</title></textarea></style><xss>",
    "<!--<xss>--><xss>",
    "javascript:xss()",
    "\N{FULLWIDTH LESS-THAN SIGN}xss\N{FULLWIDTH GREATER-THAN SIGN}<xss>",
    "{{ 99999989 * 99999971 }}{% raw %}<xss>",
)
"""An element and an attribute that no page of ours has: where they are found, text became HTML."""


@dataclass
class Found(HTMLParser):
    """What a page is made of, and what of it came from the corpus."""

    trouble: list[str] = field(default_factory=list)
    text: str = ""
    _is_script: bool = False

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_script = tag == "script"
        if tag == "xss" or any(name == "onxss" for name, _ in attrs):
            self.trouble.append(f"<{tag} {attrs}>")
        addresses = [value or "" for name, value in attrs if name in {"href", "src", "action", "formaction"}]
        self.trouble += [one for one in addresses if one.strip().lower().startswith(("javascript:", "data:text"))]

    def handle_endtag(self, tag: str) -> None:
        self._is_script = False

    def handle_data(self, data: str) -> None:
        if self._is_script and "xss" in data:
            self.trouble.append(f"in a script: {data.strip()[:200]}")
        self.text += data


def check(answer: httpx.Response) -> Found:
    """Fails where a text of the corpus became a part of the page, or of an answer that a browser may take for one."""
    found = Found()
    if "text/html" in answer.headers.get("Content-Type", ""):
        found.feed(answer.text)
        found.close()
    else:
        assert answer.headers.get("X-Content-Type-Options") == "nosniff", answer.url
    assert found.trouble == [], answer.url
    assert "9999996000000319" not in found.text, "a template was filled in twice"
    return found


@pytest.mark.parametrize("text", CORPUS)
def test_an_address_is_never_html(text: str, attacked: ThrowawayHub, mallory: httpx.Client) -> None:
    quoted = quote(text, safe="")
    for address in (
        f"/hub/spawn?opt-environment={quoted}&opt-hardware={quoted}&opt-env=A%3D{quoted}&opt-git={quoted}&next={quoted}",
        f"/hub/spawn/{ATTACKER}/{quoted}",
        f"/hub/spawn-pending/{quoted}/{quoted}",
        f"/hub/user/{quoted}/lab",
        f"/hub/workspaces/{ATTACKER}/{quoted}/delete",
        f"/hub/error/404?message={quoted}",
        f"/hub/login?next={quoted}&username={quoted}&error={quoted}",
        f"/hub/token?note={quoted}",
        f"/hub/{quoted}",
        f"/services/studiolo/api/workspaces/{quoted}/{quoted}/log",
        f"/hub/api/users/{quoted}",
        f"/hub/api/oauth2/authorize?client_id={quoted}&redirect_uri={quoted}&response_type=code&state={quoted}",
    ):
        check(mallory.get(address))
        if not address.startswith("/hub/api"):
            check(stranger_gets(attacked, address))


def stranger_gets(hub: ThrowawayHub, address: str) -> httpx.Response:
    """What somebody gets who has not signed in."""
    return httpx.get(f"{hub.base_url}{address}", trust_env=False, follow_redirects=True, timeout=30)


def test_a_form_that_is_shown_again_shows_text(mallory: httpx.Client) -> None:
    xsrf = str(mallory.cookies.get("_xsrf", path="/hub/"))
    for text in CORPUS:
        fields = {"name": text, "environment": text, "hardware": text, "env": f"A={text}\n{text}=1", "next": text}
        answer = mallory.post("/hub/spawn", data={"_xsrf": xsrf, **fields})
        assert answer.status_code == 400
        check(answer)


def test_a_name_at_the_sign_in_form_is_text(mallory: httpx.Client) -> None:
    mallory.cookies.clear()
    mallory.get("/hub/login")
    for text in CORPUS:
        fields = {"username": text, "password": text, "_xsrf": str(mallory.cookies.get("_xsrf"))}
        check(mallory.post("/hub/login", data=fields))


@pytest.fixture
def room_for_workspaces(attacked: ThrowawayHub) -> Iterator[None]:
    """What a test made is removed, however it ended: a person may have ten."""
    yield
    with attacked.api(attacked.token(ATTACKER, PASSWORD)) as api:
        for number in range(len(CORPUS)):
            for server in (f"x{number}", f"r{number}"):
                api.request("DELETE", f"users/{ATTACKER}/servers/{server}", json={"remove": True})


@pytest.mark.usefixtures("room_for_workspaces")
def test_titles_options_and_notes_are_text_for_their_owner_and_for_the_administrator(
    attacked: ThrowawayHub, mallory: httpx.Client, administrator: httpx.Client
) -> None:
    with attacked.api(attacked.token(ATTACKER, PASSWORD)) as api:
        for number, text in enumerate(CORPUS):
            options = {"environment": text, "hardware": text, "env": {"A": text}}
            api.put(f"users/{ATTACKER}/servers/x{number}", json={"display_name": text, "user_options": options})
            refused = {"display_name": text, "user_options": options}
            assert api.post(f"users/{ATTACKER}/servers/r{number}", json=refused).status_code == 400
            api.post(f"users/{ATTACKER}/tokens", json={"note": text}).raise_for_status()
    assert CORPUS[0] in check(mallory.get("/hub/home")).text
    for viewer in (mallory, administrator):
        for number in range(len(CORPUS)):
            for page in (
                f"/hub/spawn/{ATTACKER}/x{number}",
                f"/hub/spawn-pending/{ATTACKER}/x{number}",
                f"/hub/spawn-pending/{ATTACKER}/r{number}",
                f"/hub/user/{ATTACKER}/x{number}/lab",
                f"/hub/workspaces/{ATTACKER}/x{number}/delete",
                f"/hub/api/users/{ATTACKER}/servers/x{number}",
            ):
                check(viewer.get(page))
        for page in ("/hub/home", "/hub/token", "/hub/admin", f"/hub/api/users/{ATTACKER}", "/hub/metrics"):
            check(viewer.get(page))


def test_catalogs_and_teams_are_text(mallory: httpx.Client, administrator: httpx.Client) -> None:
    assert HOSTILE_TITLE in check(mallory.get("/hub/spawn")).text
    xsrf = {"X-XSRFToken": str(administrator.cookies.get("_xsrf", path="/hub/"))}
    groups = [f"/hub/api/groups/{quote(text, safe='')}" for text in CORPUS]
    for group in groups:
        administrator.post(group, headers=xsrf)
    for page in ("/hub/admin", "/hub/home", "/hub/spawn", "/hub/api/groups"):
        check(administrator.get(page))
    for group in groups:
        administrator.delete(group, headers=xsrf)


def test_what_a_workspace_printed_is_text(attacked: ThrowawayHub, mallory: httpx.Client) -> None:
    attacked.start_workspace(attacked.token(ATTACKER, PASSWORD), ATTACKER, "printer")
    (record,) = (one for one in running_records(attacked.data) if one.held.key == f"{ATTACKER}--printer")
    with attacked.data.workspace(ATTACKER, "printer").log.open("a") as log:
        log.write("\n".join(CORPUS) + "\n\x1b]0;xss\x07\x1b[31m<xss>\n")
    assert record.server_process is not None
    os.kill(record.server_process.pid, signal.SIGKILL)
    attacked.until(lambda: "signal 9" in mallory.get("/hub/home").text, what="the list says that it ended")
    shown = check(mallory.get(f"/hub/user/{ATTACKER}/printer/lab")).text
    assert CORPUS[0] in shown
    address = f"/services/studiolo/api/workspaces/{ATTACKER}/printer/log"
    answer = mallory.get(address, headers={"Sec-Fetch-Mode": "navigate"})
    assert answer.headers["Content-Type"].startswith("text/plain")
    check(answer)
