"""People at home with a user number each, which an identity provider like the cluster's tells; the test runs it."""

from __future__ import annotations

import json
import re
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from deploy.cluster.components import IDENTITY_PROVIDER
from deploy.cluster.identity.record import CLIENT_ID, save
from deploy.cluster.layout import IDENTITY_HOST, NODE_ADDRESS, layout_here
from deploy.local.ports import free_port
from hub.sign_in import client_secret_file
from tests.cluster.people_at_home import PeopleAtHome

NUMBERS: Mapping[str, Mapping[str, Any]] = {
    "alice": {"uid_number": 5001, "gid_number": 6001},
    "bob": {"uid_number": "5002", "gid_number": "6002"},
    "carol": {},
    "mallory": {"uid_number": 5001, "gid_number": 6001},
    "root-to-be": {"uid_number": 0, "gid_number": 0},
}
"""Bob's are written as text, as some providers do. Mallory's are Alice's."""

WHO = "id -u; id -g; id -G; whoami; echo $USER $HOME"
"""What Unix says of somebody."""

PROGRAMS = """
ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_of_test
umask 002; echo 'Host *' >~/.ssh/config; echo '  ForwardX11 no' >>~/.ssh/config
ssh -G example.org | grep '^user '
git init -q ~/work; cd ~/work; echo 1 >one; git add one
git -c user.email=alice@example.org commit -q -m 'The first'
git log -1 --format='%an'
"""
"""What asks who somebody is: ssh, which trusts no file that others may write, and git."""

PASSWORD = "the same for all"
SECRET = "of the test"


class NumberedPeople(PeopleAtHome):
    """All are in the team vision. The provider runs as long as the hub."""

    def __init__(self, root: Path, *given: Any, more: Mapping[str, Any] | None = None, **named: Any) -> None:
        """As the class that comes next."""
        port = free_port()
        self.issuer = f"https://{NODE_ADDRESS}:{port}"
        root.mkdir(parents=True, exist_ok=True)
        self.record = root / "identity.json"
        settings = {
            "auth.kind": "oidc",
            "auth.oidc.issuer": self.issuer,
            "auth.oidc.clientId": CLIENT_ID,
            "auth.oidc.caFile": str(layout_here().ca),
            "auth.oidc.uidClaim": "uid_number",
            "auth.oidc.gidClaim": "gid_number",
            "auth.oidc.allowAll": True,
            "auth.oidc.contact": "the lab's office",
            "kubernetes.homes.teamFolders": True,
            **(more or {}),
        }
        super().__init__(root, *given, more=settings, **named)
        self._provider = ExitStack()
        client_secret_file(self.settings).write_text(SECRET)
        certificate = layout_here().pki / f"{IDENTITY_HOST}.crt"  # it has the node's address too
        save(
            self.record,
            {
                "issuer": self.issuer,
                "address": NODE_ADDRESS,
                "port": port,
                "certificate": str(certificate),
                "key": str(certificate.with_suffix(".key")),
                "signing_key": str(root / "signing.pem"),
                "client": {
                    "id": CLIENT_ID,
                    "secret": SECRET,
                    "redirect_uris": [f"{self.base_url}/hub/oauth_callback"],
                    "post_logout_redirect_uris": [],
                },
                "people": {
                    name: {"name": name, "password": PASSWORD, "groups": ["vision"], **numbers}
                    for name, numbers in NUMBERS.items()
                },
            },
        )

    def __enter__(self) -> Self:
        self._provider.enter_context(self._identity_provider())
        return super().__enter__()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        super().__exit__(kind, error, at)
        self._provider.close()

    def give_numbers(self, person: str, **numbers: object) -> None:
        """The provider says so from now on, and the hub has heard it."""
        facts = json.loads(self.record.read_text())
        facts["people"][person].update(numbers)
        save(self.record, facts)
        self.browser_of(person).close()

    @contextmanager
    def _identity_provider(self) -> Iterator[None]:
        with (self.data.logs / "identity.log").open("wb") as log:
            process = subprocess.Popen(["node", IDENTITY_PROVIDER, self.record], stdout=log, stderr=log)
        trust = ssl.create_default_context(cafile=str(layout_here().ca))
        try:
            with httpx.Client(verify=trust, trust_env=False) as client:
                self.until(lambda: process.poll() is not None or _answers(client, self.issuer), what="it answers")
            assert process.poll() is None, (self.data.logs / "identity.log").read_text()
            yield
        finally:
            process.kill()
            process.wait()

    def browser(self, name: str, password: str) -> httpx.Client:
        """A client that has signed in at the provider, as a browser does; the caller closes it."""
        trust = ssl.create_default_context(cafile=str(layout_here().ca))
        client = httpx.Client(base_url=self.base_url, verify=trust, trust_env=False, follow_redirects=True, timeout=30)
        page = client.get("/hub/oauth_login")
        form = re.search(r'<form method="post" action="([^"]+)"', page.text)
        assert form, page.text
        back = client.post(page.url.join(form[1]), data={"name": name, "password": password})
        assert back.is_success, back.text
        assert str(back.url).startswith(self.base_url), back.url
        return client

    def invite(self) -> None:
        """Nobody needs an account before they sign in."""
        self.passwords = dict.fromkeys(NUMBERS, PASSWORD)

    def save(self, person: str, path: str, text: str) -> httpx.Response:
        """What their server says to saving a file, as JupyterLab does it."""
        headers = {"Authorization": f"token {self.token(person, self.passwords[person])}"}
        with httpx.Client(base_url=self.base_url, headers=headers, trust_env=False, timeout=30) as client:
            file = {"type": "file", "format": "text", "content": text}
            return client.put(f"/user/{person}/api/contents/{path}", json=file)

    def refusal(self, person: str) -> str:
        """Why a start of theirs fails, as its page says."""
        with self.api_of(person) as api:
            choice = {"environment": "minimal", "hardware": "small"}
            api.post(f"users/{person}/server", json={"user_options": choice})
            self.until(lambda: not self._server(api, person, "")["pending"], what="it has failed", seconds=120)
            assert not self._server(api, person, "")["ready"]
        with closing(self.browser_of(person)) as browser:
            return browser.get(f"/hub/spawn-pending/{person}").text


def _answers(client: httpx.Client, issuer: str) -> bool:
    try:
        return client.get(f"{issuer}/.well-known/openid-configuration").is_success
    except httpx.HTTPError:
        return False
