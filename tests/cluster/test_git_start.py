"""A pod that is started with a repository clones it with its person's own credential; without one it starts too."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from studiolo.names import pod_name
from tests.cluster.cluster_commands import kubectl
from tests.cluster.git_servers import GitServer, SshGitServer, git_server, ssh_git_server
from tests.cluster.real_hub import SMALL, RealHub

ALICE = "alice"
TOKEN = "canary-of-a-pod-with-git"
AUTHORITY = "/run/credentials/authority.pem"
START_SECONDS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Alice, her token for a git server and her key for another, and what she trusts."""

    hub: RealHub
    git: GitServer
    ssh: SshGitServer
    token: str

    def start(self, address: str) -> None:
        """Her workspace, ready."""
        options: dict[str, Any] = {**SMALL, "git": address, "env": {"GIT_SSL_CAINFO": AUTHORITY}}
        self.hub.start_workspace(self.token, ALICE, **options)

    def notice(self, words: str) -> None:
        """Waits until she is told so in her workspace."""
        address = f"{self.hub.base_url}/user/{ALICE}/studiolo/notices"
        headers = {"Authorization": f"token {self.token}"}
        with httpx.Client(trust_env=False, headers=headers) as client:
            said = lambda: words in client.get(address).text  # noqa: E731 - the one question
            self.hub.until(said, what=f"a notice: {words}", seconds=START_SECONDS)

    def in_pod(self, *argv: str) -> str:
        """What a program in her workspace prints."""
        return kubectl("-n", self.hub.namespace, "exec", pod_name(ALICE, ""), "--", *argv)

    def push(self, work: Path, name: str, text: str) -> None:
        """A colleague's commit, on both servers."""
        work.mkdir(exist_ok=True)
        (work / name).write_text(text)
        git = ("git", "-C", str(work), "-c", "user.name=Bob", "-c", "user.email=bob@example.org")
        for words in (
            ("init", "--quiet", "--initial-branch=main"),
            ("add", name),
            ("commit", "--quiet", "--message", f"Write {name}"),
            ("push", "--quiet", str(self.git.repository.path), "main"),
            ("push", "--quiet", str(self.ssh.repository.path), "main"),
        ):
            subprocess.run((*git, *words), env=self.git.repository.env, check=True)


@pytest.fixture
def place(tmp_path: Path, kubeconfig: Path, restricted: str, images: Mapping[str, str]) -> Iterator[Place]:
    hub = RealHub(tmp_path / "hub", kubeconfig=kubeconfig, namespace=restricted, images=images, services=True)
    with git_server(tmp_path / "git", user=ALICE, token=TOKEN) as git, ssh_git_server(tmp_path / "ssh") as ssh, hub:
        token = hub.token(ALICE, password := hub.add_user(ALICE))
        sent = (
            {"name": "authority", "kind": "file", "path": "authority.pem", "value": git.authority, "always": True},
            {"name": "key", "kind": "ssh-key", "always": True},
            {"name": "forge", "kind": "git", "host": git.host, "user": ALICE, "value": TOKEN, "always": True},
        )
        with hub.services_api(token) as api:
            for one in sent:
                answer = api.post("credentials", json=one).raise_for_status().json()
                if one["kind"] == "ssh-key":
                    ssh.let_in(answer["public_key"])
        with contextlib.closing(hub.browser(ALICE, password)) as browser:
            hub.until(lambda: "forge" in browser.get("/hub/spawn").text, what="her page has forge", seconds=120)
        yield Place(hub=hub, git=git, ssh=ssh, token=token)


def test_a_pod_has_its_person_s_repository_by_token_and_by_key_and_starts_without_one_that_is_not_there(
    place: Place, tmp_path: Path
) -> None:
    place.push(tmp_path / "work", "README.md", "first\n")
    place.start(place.git.url)
    place.notice("~/work is there: cloned from ")
    assert place.in_pod("cat", "/home/jovyan/work/README.md") == "first\n"
    assert place.in_pod("git", "-C", "/home/jovyan/work", "status", "--porcelain=v1", "--branch").strip() == (
        "## main...origin/main"
    )
    assert place.in_pod("sh", "-c", f"grep -rl {TOKEN} /home/jovyan || true") == ""
    place.hub.stop_workspace(place.token, ALICE)
    place.start(place.ssh.url)
    place.notice("~/work is there: cloned from ")
    assert place.in_pod("cat", "/home/jovyan/work/README.md") == "first\n"
    place.hub.stop_workspace(place.token, ALICE)
    place.start(place.git.url.replace("work.git", "nowhere.git"))
    place.notice("~/nowhere was not cloned: ")
    assert "nowhere" not in place.in_pod("ls", "-a", "/home/jovyan")
