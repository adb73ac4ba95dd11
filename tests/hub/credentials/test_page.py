"""The page "Credentials": forms without JavaScript, for who has signed in, and no other site's."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from tornado.web import create_signed_value

from hub.auth import cookie_secret
from hub.keys import Keys
from hub.settings import Settings

CANARY = "canary-7f3kq-Zebra"
PAGE = "credentials"
NAVIGATES = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def browser(
    services: httpx.AsyncClient, settings: Settings, keys: Keys, fake_hub: Any
) -> AsyncIterator[Callable[[str], httpx.AsyncClient]]:
    """A browser in which somebody has signed in."""
    opened: list[httpx.AsyncClient] = []

    def sign_in(name: str) -> httpx.AsyncClient:
        fake_hub.knows_for_test(name)
        token = create_signed_value(cookie_secret(keys), "service-studiolo", f"token-of-{name}").decode()
        base = f"{settings.services.url}/services/studiolo/"
        client = httpx.AsyncClient(
            base_url=base, trust_env=False, headers=NAVIGATES, cookies={"service-studiolo": token}
        )
        opened.append(client)
        return client

    yield sign_in
    for client in opened:
        await client.aclose()


async def xsrf_of(client: httpx.AsyncClient) -> str:
    page = (await client.get(PAGE)).text
    found = re.search(r'name="_xsrf" value="([^"]+)"', page)
    assert found is not None
    return html.unescape(found[1])


async def send(client: httpx.AsyncClient, to: str = PAGE, **fields: str) -> httpx.Response:
    return await client.post(to, data={"_xsrf": await xsrf_of(client), **fields})


ENV = {"kind": "env", "name": "hf", "variable": "HF_TOKEN", "value": CANARY, "always": "yes"}


async def test_a_person_adds_rotates_and_removes_by_forms_alone(
    browser: Callable[[str], httpx.AsyncClient],
) -> None:
    alice = browser("alice")
    assert "You keep none yet." in (await alice.get(PAGE)).text
    answer = await send(alice, **ENV)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/services/studiolo/credentials")
    page = (await alice.get(PAGE)).text
    assert "HF_TOKEN" in page
    assert 'aria-current="page">Credentials<' in page
    for path, fields in (("hf/rotate", {"value": "v2"}), ("hf/always", {"always": "no"})):
        assert (await send(alice, f"{PAGE}/{path}", **fields)).status_code == 303
    assert "when chosen" in (await alice.get(PAGE)).text
    assert (await send(alice, f"{PAGE}/hf/remove")).status_code == 303
    assert "You keep none yet." in (await alice.get(PAGE)).text
    assert (await send(alice, f"{PAGE}/hf/remove")).status_code == 404


async def test_the_public_half_of_a_new_key_is_shown_and_the_private_half_is_not(
    browser: Callable[[str], httpx.AsyncClient],
) -> None:
    alice = browser("alice")
    await send(alice, kind="ssh-key", name="work", value="")
    page = (await alice.get(PAGE)).text
    assert "ssh-ed25519 " in page
    assert "SHA256:" in page
    assert "PRIVATE" not in page


async def test_what_is_wrong_is_said_with_all_that_was_typed_but_the_value(
    browser: Callable[[str], httpx.AsyncClient],
) -> None:
    alice = browser("alice")
    answer = await send(alice, **ENV | {"variable": "LD_PRELOAD", "name": "<b>x</b>"})
    assert answer.status_code == 400
    assert "reserved: it could break the workspace" in answer.text
    assert 'value="LD_PRELOAD"' in answer.text
    assert "&lt;b&gt;x&lt;/b&gt;" in answer.text
    assert "<b>x</b>" not in answer.text
    assert CANARY not in answer.text


async def test_no_page_holds_a_value(browser: Callable[[str], httpx.AsyncClient]) -> None:
    alice = browser("alice")
    await send(alice, **ENV)
    await send(alice, f"{PAGE}/hf/rotate", value=f"{CANARY}2")
    for path in (PAGE, f"{PAGE}/hf/rotate", "nothing"):
        assert CANARY not in (await alice.get(path, follow_redirects=path.endswith("rotate"))).text


async def test_what_a_browser_adds_to_a_pasted_token_is_not_kept(
    browser: Callable[[str], httpx.AsyncClient], services: httpx.AsyncClient, keys: Keys
) -> None:
    alice = browser("alice")
    await send(alice, **ENV | {"value": "v1\r\n"})
    await send(alice, kind="file", name="two", path="two", value="a\r\nb\r\n")
    hub = {"Authorization": f"token {keys.hub_token}"}
    opened = await services.post("api/credentials/alice/open", json={"names": ["hf", "two"]}, headers=hub)
    assert opened.json() == {"env": {"HF_TOKEN": "v1"}, "files": {"two": "a\nb\n"}, "missing": []}


async def test_another_site_s_form_changes_nothing(browser: Callable[[str], httpx.AsyncClient]) -> None:
    alice, bob = browser("alice"), browser("bob")
    await send(alice, **ENV)
    for fields in ({}, {"_xsrf": "made-up"}, {"_xsrf": await xsrf_of(bob)}):
        for path, more in ((PAGE, ENV | {"name": "y", "variable": "Y"}), (f"{PAGE}/hf/remove", {})):
            answer = await alice.post(path, data={**more, **fields}, headers={"Sec-Fetch-Site": "cross-site"})
            assert answer.status_code == 403
    page = (await alice.get(PAGE)).text
    assert "HF_TOKEN" in page
    assert ">y<" not in page


async def test_the_api_takes_no_cookie_without_the_token_of_a_page(
    browser: Callable[[str], httpx.AsyncClient],
) -> None:
    alice = browser("alice")
    await xsrf_of(alice)
    answer = await alice.post("api/credentials", json=ENV | {"always": True}, headers={"Sec-Fetch-Mode": "no-cors"})
    assert answer.status_code == 403


async def test_nobody_sees_another_person_s(browser: Callable[[str], httpx.AsyncClient]) -> None:
    alice, bob = browser("alice"), browser("bob")
    await send(alice, **ENV)
    assert "You keep none yet." in (await bob.get(PAGE)).text
    assert (await send(bob, f"{PAGE}/hf/remove")).status_code == 404
    assert "HF_TOKEN" in (await alice.get(PAGE)).text


OF_THE_LAB = ENV | {"variable": "LAB_TOKEN"}


async def test_a_lead_keeps_their_team_s_and_members_see_it_without_a_button(
    browser: Callable[[str], httpx.AsyncClient], fake_hub: Any
) -> None:
    fake_hub.team_for_test("R & D", "lena", "mara", leads=("lena",))
    lena, mara, nora = browser("lena"), browser("mara"), browser("nora")
    page = (await lena.get(f"{PAGE}?team=R+%26+D")).text
    assert '<option value="R &amp; D" selected>All members of team R &amp; D</option>' in page
    assert "You lead it." in page
    assert (await send(lena, **OF_THE_LAB, team="R & D")).status_code == 303
    page = (await mara.get(PAGE)).text
    assert "LAB_TOKEN" in page
    assert "Led by lena." in page
    assert "by team R &amp; D" in page
    assert "You keep none yet." in page
    for words in ("/hf/rotate", "/hf/always", "/hf/remove", "All members of team"):
        assert words not in page
    assert "LAB_TOKEN" not in (await nora.get(PAGE)).text
    tries = (
        (PAGE, ENV | {"name": "x", "variable": "X"}),
        *((f"{PAGE}/hf/{what}", {"value": "v2"}) for what in ("rotate", "always", "remove")),
    )
    for path, fields in tries:
        refused = await send(mara, path, **fields, team="R & D")
        assert refused.status_code == 403
        assert "Only who leads the team" in refused.text
        assert (await send(nora, path, **fields, team="R & D")).status_code == 404
    for what in ("rotate", "always", "remove"):
        assert (await send(lena, f"{PAGE}/hf/{what}", value="v2", team="R & D")).status_code == 303
    assert "The team keeps none yet." in (await mara.get(PAGE)).text


async def test_an_administrator_sees_teams_that_keep_something_and_those_that_are_gone(
    browser: Callable[[str], httpx.AsyncClient], fake_hub: Any
) -> None:
    fake_hub.team_for_test("vision", "lena", leads=("lena",))
    fake_hub.team_for_test("quiet", "lena", leads=())
    fake_hub.admins.add("admin")
    await send(browser("lena"), **OF_THE_LAB, team="vision")
    admin = browser("admin")
    page = (await admin.get(PAGE)).text
    assert "Led by lena. You are not in it" in page
    assert 'id="team-vision"' in page
    assert 'id="team-quiet"' not in page
    assert "All members of team quiet" in page
    del fake_hub.teams["vision"]
    assert "This team does not exist any more" in (await admin.get(PAGE)).text
    assert (await send(admin, f"{PAGE}/hf/remove", team="vision")).status_code == 303
    assert 'id="team-vision"' not in (await admin.get(PAGE)).text


async def test_without_the_hub_s_word_on_teams_a_person_s_own_are_there(
    browser: Callable[[str], httpx.AsyncClient], fake_hub: Any
) -> None:
    alice = browser("alice")
    await send(alice, **OF_THE_LAB)
    fake_hub.knows_no_teams = True
    answer = await alice.get(PAGE)
    assert answer.status_code == 200
    assert "LAB_TOKEN" in answer.text
    assert "The hub does not say who is in which team" in answer.text


async def test_who_is_not_signed_in_is_sent_to_do_so(services: httpx.AsyncClient, fake_hub: Any) -> None:
    answer = await services.get(PAGE)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/hub/api/oauth2/authorize?")
    assert (await services.post(PAGE, data=ENV)).status_code == 403


async def test_the_page_runs_no_script_that_stands_in_it(browser: Callable[[str], httpx.AsyncClient]) -> None:
    answer = await browser("alice").get(PAGE)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert not re.search(r"<script(?![^>]*\bsrc=)", answer.text)
    assert " style=" not in answer.text


async def test_a_fault_is_a_page_with_its_reference(
    browser: Callable[[str], httpx.AsyncClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> Any:
        raise RuntimeError("a bug")

    alice = browser("alice")
    monkeypatch.setattr("hub.credentials.actions.render", broken)
    answer = await send(alice, **ENV)
    assert answer.status_code == 500
    assert answer.headers["Content-Type"].startswith("text/html")
    assert 'id="reference"' in answer.text
    assert CANARY not in answer.text
