"""What Bob tries in his browser and with his token: pages, the hub's API, and the API of services."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import httpx

from deploy.cluster.layout import SITE
from tests.cluster.accounts import SITE_URL, new_client
from tests.cluster.alice_and_bob import Person, TwoPeople
from tests.cluster.attempts import Act, Attempt, Seen
from tests.cluster.people import chromium, stranger

SERVICES = f"{SITE_URL}/services/studiolo"
HUB = f"{SITE_URL}/hub"

KINDS = ("wandb", "kaggle", "forge", "key")
"""What her credentials are called, before their mark."""


def page(*addresses: str) -> Act:
    """Pages, before Chromium: what one sees, and their sources."""

    async def act(at: TwoPeople, who: Person) -> Seen:
        texts, statuses = [], []
        async with chromium() as browser, stranger(browser, cookies=who.cookies) as shown:
            for address in addresses:
                answer = await shown.goto(with_names(address, at), wait_until="domcontentloaded")
                assert answer is not None
                statuses.append(answer.status)
                texts.append(f"{await answer.text()} {await shown.content()}")
        return Seen(text="\n".join(texts), status=min(statuses))

    return act


def sent_by_page(address: str, fields: Mapping[str, str]) -> Act:
    """A form that a page of his own sends, with everything that a form of his has."""

    async def act(at: TwoPeople, who: Person) -> Seen:
        script = """async ([address, fields]) => {
            const key = document.querySelector("[name=_xsrf]").value;
            const answer = await fetch(address, {method: "POST", body: new URLSearchParams({...fields, _xsrf: key})});
            return [answer.status, await answer.text()];
        }"""
        async with chromium() as browser, stranger(browser, cookies=who.cookies) as shown:
            await shown.goto(f"{SERVICES}/credentials")
            status, text = await shown.evaluate(script, [with_names(address, at), dict(fields)])
        return Seen(text=text, status=status)

    return act


def rest(*asked: tuple[str, str], body: Callable[[TwoPeople], Any] | None = None, **headers: str) -> Act:
    """Methods and addresses, with the person's own token and all their rights."""

    async def act(at: TwoPeople, who: Person) -> Seen:
        given = {
            "Authorization": f"token {who.token}",
            **{name.replace("_", "-"): one for name, one in headers.items()},
        }
        sent = body(at) if body else None
        async with new_client() as client:
            answers = [
                await client.request(method, with_names(address, at), headers=given, json=sent, follow_redirects=False)
                for method, address in asked
            ]
        return Seen(text="\n".join(map(_text, answers)), status=min(answer.status_code for answer in answers))

    return act


def _text(answer: httpx.Response) -> str:
    return f"{answer.request.method} {answer.status_code} {answer.headers} {answer.text}"


def with_names(address: str, at: TwoPeople) -> str:
    """An address, with what is Alice's in it."""
    names = {
        "workspace": at.alice.workspace,
        **{kind: at.kept.name(kind) for kind in ("wandb", "kaggle", "forge", "key")},
    }
    for name, value in names.items():
        address = address.replace(f"@{name}@", value)
    return address


def every_one(at: TwoPeople) -> list[str]:
    """The names of her credentials."""
    return [at.kept.name(kind) for kind in KINDS]


PAGES = {
    "her page of credentials, named in the address": Attempt(
        act=page(f"{SERVICES}/credentials?user=alice&owner=alice&for=alice", f"{SERVICES}/credentials#alice"),
    ),
    "her page of credentials, below her name": Attempt(
        act=page(f"{SERVICES}/credentials/alice", f"{SERVICES}/credentials/alice/"), is_refused=True
    ),
    "the page that rotates a credential of hers": Attempt(act=page(f"{SERVICES}/credentials/@wandb@/rotate")),
    "the page of tokens": Attempt(act=page(f"{HUB}/token", f"{HUB}/token?user=alice")),
    "the list of workspaces": Attempt(act=page(f"{HUB}/home", f"{HUB}/home?user=alice")),
    "the form of a new workspace": Attempt(act=page(f"{HUB}/spawn")),
    "the form of a new workspace of hers": Attempt(act=page(f"{HUB}/spawn/alice"), is_refused=True),
    "the form of her workspace": Attempt(act=page(f"{HUB}/spawn/alice/@workspace@"), is_refused=True, names_her=True),
    "a link that names her credentials": Attempt(
        act=page(f"{HUB}/spawn?opt-credentials=@wandb@,@kaggle@&opt-environment=minimal"), names_her=True
    ),
    "the waiting page of her workspace": Attempt(
        act=page(f"{HUB}/spawn-pending/alice/@workspace@"), is_refused=True, names_her=True
    ),
    "her workspace in her domain": Attempt(
        act=page(
            f"https://alice.{SITE}/user/alice/@workspace@/lab",
            f"https://alice.{SITE}/user/alice/@workspace@/api/contents/notes.txt",
            f"https://alice.{SITE}/user/alice/@workspace@/files/notes.txt",
        ),
        is_refused=True,
        names_her=True,
    ),
    "her workspace below his domain": Attempt(
        act=page(
            f"https://bob.{SITE}/user/alice/@workspace@/lab",
            f"https://bob.{SITE}/user/bob/%2e%2e/alice/@workspace@/files/notes.txt",
        ),
        is_refused=True,
        names_her=True,
    ),
    "the admin's page": Attempt(act=page(f"{HUB}/admin"), is_refused=True),
}

FORMS = {
    "a form that rotates a credential of hers": Attempt(
        act=sent_by_page(f"{SERVICES}/credentials/@kaggle@/rotate", {"value": "of Bob"}),
        is_refused=True,
        names_her=True,
    ),
    "a form that removes a credential of hers": Attempt(
        act=sent_by_page(f"{SERVICES}/credentials/@kaggle@/remove", {}), is_refused=True, names_her=True
    ),
    "a form that gives a credential of hers to all": Attempt(
        act=sent_by_page(f"{SERVICES}/credentials/@kaggle@/always", {"always": "yes", "owner": "alice"}),
        is_refused=True,
        names_her=True,
    ),
    "the form of a new workspace, in her name": Attempt(
        act=sent_by_page(f"{HUB}/spawn/alice", {"name": "for-bob", "environment": "minimal", "hardware": "small"}),
        is_refused=True,
    ),
}

ALICE = f"{HUB}/api/users/alice"
OF_SERVICES = f"{SERVICES}/api"

HUB_REST = {
    "her account": Attempt(act=rest(("GET", ALICE)), is_refused=True, works_for_owner=True),
    "all accounts": Attempt(
        act=rest(*(("GET", f"{HUB}/api/users{query}") for query in ("", "?state=active", "?include_stopped_servers"))),
        is_refused=True,
    ),
    "changes of her account": Attempt(
        act=rest(("PATCH", ALICE), ("DELETE", ALICE), body=lambda _: {"name": "bob", "admin": True}), is_refused=True
    ),
    "her tokens": Attempt(act=rest(("GET", f"{ALICE}/tokens")), is_refused=True),
    "a token in her name": Attempt(
        act=rest(("POST", f"{ALICE}/tokens"), body=lambda _: {"note": "for Bob"}), is_refused=True
    ),
    "a token of his that may do more": Attempt(
        act=rest(
            ("POST", f"{HUB}/api/users/bob/tokens"),
            body=lambda _: {"scopes": ["read:servers!user=alice", "access:servers!user=alice"]},
        ),
        is_refused=True,
    ),
    "the progress of her start": Attempt(
        act=rest(("GET", f"{ALICE}/servers/@workspace@/progress"), ("GET", f"{ALICE}/server/progress")),
        is_refused=True,
        names_her=True,
    ),
    "her workspace by a token": Attempt(
        act=rest(
            ("GET", f"https://alice.{SITE}/user/alice/@workspace@/api/contents/notes.txt"),
            ("GET", f"https://alice.{SITE}/user/alice/@workspace@/api/kernels"),
            ("POST", f"https://alice.{SITE}/user/alice/@workspace@/api/terminals"),
        ),
        is_refused=True,
        names_her=True,
    ),
    "starts and stops of hers": Attempt(
        act=rest(
            ("POST", f"{ALICE}/servers/for-bob"),
            ("DELETE", f"{ALICE}/servers/@workspace@"),
            body=lambda at: {"environment": "minimal", "hardware": "small", "credentials": every_one(at)},
        ),
        is_refused=True,
        names_her=True,
    ),
    "a workspace of his with her credentials": Attempt(
        act=rest(
            ("POST", f"{HUB}/api/users/bob/servers/bag"),
            body=lambda at: {"environment": "minimal", "hardware": "small", "credentials": every_one(at)},
        ),
        names_her=True,
    ),
    "her team": Attempt(
        act=rest(
            ("GET", f"{HUB}/api/groups"),
            ("GET", f"{HUB}/api/groups/vision"),
            ("POST", f"{HUB}/api/groups/vision/users"),
            ("PUT", f"{HUB}/api/groups/vision/properties"),
            body=lambda _: {"users": ["bob"], "leads": ["bob"]},
        ),
        is_refused=True,
    ),
    "shares of her workspace": Attempt(
        act=rest(
            ("GET", f"{HUB}/api/shares/alice/@workspace@"),
            ("POST", f"{HUB}/api/shares/alice/@workspace@"),
            ("GET", f"{HUB}/api/users/bob/shared"),
            body=lambda _: {"user": "bob"},
        ),
        names_her=True,
    ),
    "the services and the proxy": Attempt(
        act=rest(("GET", f"{HUB}/api/services"), ("GET", f"{HUB}/api/proxy"), ("POST", f"{HUB}/api/proxy")),
    ),
}

SERVICES_REST = {
    "credentials, as hers": Attempt(
        act=rest(("GET", f"{OF_SERVICES}/credentials?user=alice"), X_Forwarded_User="alice", X_JupyterHub_User="alice"),
        works_for_owner=True,
    ),
    "one credential of hers, by every method": Attempt(
        act=rest(
            *((method, f"{OF_SERVICES}/credentials/@kaggle@") for method in ("GET", "PUT", "PATCH", "DELETE", "POST"))
        ),
        is_refused=True,
        names_her=True,
    ),
    "one credential of hers, below her name": Attempt(
        act=rest(
            ("GET", f"{OF_SERVICES}/credentials/alice/@kaggle@"),
            ("GET", f"{OF_SERVICES}/credentials/alice%2F@kaggle@"),
            ("DELETE", f"{OF_SERVICES}/credentials/alice--@kaggle@"),
            ("DELETE", f"{OF_SERVICES}/credentials/..%2Falice%2F@kaggle@"),
        ),
        is_refused=True,
        names_her=True,
    ),
    "a new value for a credential of hers": Attempt(
        act=rest(("POST", f"{OF_SERVICES}/credentials/@kaggle@/rotate"), body=lambda _: {"value": "of Bob"}),
        is_refused=True,
        names_her=True,
    ),
    "a credential that is to be hers": Attempt(
        act=rest(
            ("POST", f"{OF_SERVICES}/credentials"),
            body=lambda at: {
                "name": at.kept.name("kaggle"),
                "kind": "env",
                "variable": "X",
                "value": "y",
                "owner": "alice",
            },
        ),
        is_refused=True,
        names_her=True,
    ),
    "what a start would mount of hers": Attempt(
        act=rest(("GET", f"{OF_SERVICES}/credentials/alice/mounts")), is_refused=True
    ),
    "her values, as the hub of one machine opens them": Attempt(
        act=rest(("POST", f"{OF_SERVICES}/credentials/alice/open"), body=lambda at: {"names": every_one(at)}),
        is_refused=True,
        names_her=True,
    ),
    "her values, as if he came from the machine itself": Attempt(
        act=rest(
            ("POST", f"{OF_SERVICES}/credentials/alice/open"),
            body=lambda at: {"names": every_one(at)},
            X_Forwarded_For="127.0.0.1",
            X_Real_IP="127.0.0.1",
            Forwarded="for=127.0.0.1",
        ),
        is_refused=True,
        names_her=True,
    ),
    "a word that a workspace got them": Attempt(
        act=rest(
            ("POST", f"{OF_SERVICES}/credentials/alice/mounted"),
            body=lambda at: {"names": every_one(at), "workspace": "bag"},
        ),
        is_refused=True,
        names_her=True,
    ),
    "a word that she is deleted": Attempt(
        act=rest(("POST", f"{OF_SERVICES}/credentials/alice/forget")), is_refused=True
    ),
    "the log of her workspace": Attempt(
        act=rest(
            ("GET", f"{OF_SERVICES}/workspaces/alice/@workspace@/log"),
            ("GET", f"{OF_SERVICES}/workspaces/bob/..%2Falice%2F@workspace@/log"),
        ),
        is_refused=True,
        names_her=True,
    ),
    "the starts of everybody": Attempt(
        act=rest(
            ("GET", f"{OF_SERVICES}/starts"), ("GET", f"{OF_SERVICES}/expectations"), ("GET", f"{SERVICES}/metrics")
        ),
    ),
}

BY_WEB = PAGES | FORMS | HUB_REST | SERVICES_REST
