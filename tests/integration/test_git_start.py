"""A workspace of one machine that is started with a repository: the clone is in the home, and a notice says so."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.cluster.git_servers import GitServer, git_server

if TYPE_CHECKING:
    from deploy.local.throwaway import ThrowawayHub

pytestmark = pytest.mark.integration

USER = "git-gala"
TOKEN = "canary-of-a-start-with-git"
SMALL = {"environment": "minimal", "hardware": "small"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Somebody with a token for a git server."""

    hub: ThrowawayHub
    git: GitServer
    token: str
    authority: Path

    @property
    def home(self) -> Path:
        return self.hub.data.home(USER)

    def push(self, name: str, text: str, work: Path) -> None:
        """A colleague's commit."""
        (work / name).write_text(text)
        git = ("git", "-C", str(work), "-c", "user.name=Bob", "-c", "user.email=bob@example.org")
        for words in (
            ("init", "--quiet", "--initial-branch=main"),
            ("add", name),
            ("commit", "--quiet", "--message", f"Write {name}"),
            ("push", "--quiet", str(self.git.repository.path), "main"),
        ):
            subprocess.run((*git, *words), env=self.git.repository.env, check=True)

    def start(self, server: str, address: str) -> None:
        """Starts a workspace and waits until it is ready: with the repository or without."""
        options: dict[str, Any] = {**SMALL, "git": address, "env": {"GIT_SSL_CAINFO": str(self.authority)}}
        self.hub.start_workspace(self.token, USER, server, **options)

    def notice(self, server: str, words: str) -> None:
        """Waits until the person is told so."""
        address = f"{self.hub.base_url}/user/{USER}/{server}/studiolo/notices"
        headers = {"Authorization": f"token {self.token}"}
        with httpx.Client(trust_env=False, headers=headers) as client:
            self.hub.until(lambda: words in client.get(address).text, what=f"{server} says: {words}")


@pytest.fixture
def place(running_hub: ThrowawayHub, tmp_path: Path) -> Iterator[Place]:
    token = running_hub.token(USER, running_hub.add_user(USER))
    with git_server(tmp_path / "forge", user=USER, token=TOKEN, address="127.0.0.1") as git:
        authority = tmp_path / "authority.pem"
        authority.write_text(git.authority)
        sent = {"name": "forge", "kind": "git", "host": git.host, "user": USER, "value": TOKEN, "always": True}
        with running_hub.services_api(token) as api:
            api.delete("credentials/forge")
            api.post("credentials", json=sent).raise_for_status()
        yield Place(hub=running_hub, git=git, token=token, authority=authority)


def test_it_is_cloned_with_the_person_s_token_at_first_and_brought_up_to_date_afterwards(
    place: Place, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    place.push("README.md", "first\n", work)
    place.start("repo", place.git.url)
    place.notice("repo", "~/work is there: cloned from 127.0.0.1.")
    assert (place.home / "work" / "README.md").read_text() == "first\n"
    place.hub.stop_workspace(place.token, USER, "repo")
    (place.home / "work" / "notes.txt").write_text("mine")
    place.push("README.md", "second\n", work)
    place.start("repo", place.git.url)
    place.notice("repo", "~/work has 1 new commit from 127.0.0.1.")
    assert (place.home / "work" / "README.md").read_text() == "second\n"
    assert (place.home / "work" / "notes.txt").read_text() == "mine"
    place.hub.stop_workspace(place.token, USER, "repo")
    kept = [path for path in place.home.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert kept == []


def test_a_repository_that_is_not_there_keeps_no_workspace_from_starting(place: Place) -> None:
    place.start("none", place.git.url.replace("work.git", "nowhere.git"))
    place.notice("none", "~/nowhere was not cloned: 127.0.0.1 has no such repository")
    assert not (place.home / "nowhere").exists()
    place.hub.stop_workspace(place.token, USER, "none")


def test_an_address_that_is_refused_starts_nothing_and_the_form_says_why(place: Place) -> None:
    with place.hub.api(place.token) as api:
        answer = api.post(f"users/{USER}/servers/wrong", json={"user_options": {**SMALL, "git": "file:///etc"}})
    assert answer.status_code == httpx.codes.BAD_REQUEST
    assert "git: only https:// and SSH are possible." in answer.json()["message"]
