"""A real git server over HTTPS, the real credential helper, and what a person is told when one of them fails."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from spawner.credential_places import pointers
from spawner.credentials import CredentialKind, MountedCredential
from spawner.process import GIT_HELPER
from studiolo_lab.git_program import Git, GitTimedOut
from studiolo_lab.notices import Board
from studiolo_lab.repository import KEY, bring
from tests.cluster.git_servers import GitServer, git_server

LOOPBACK = "127.0.0.1"
TOKEN = "canary-of-a-token"
FORGE = MountedCredential(name="forge", kind=CredentialKind.GIT, files=("git/forge",))


class Person:
    """A home, and a token in a file as a workspace has it."""

    def __init__(self, root: Path, server: GitServer) -> None:
        self.server = server
        self.home = root / "home"
        self.home.mkdir()
        self.credentials = root / "credentials"
        (self.credentials / "git").mkdir(parents=True)
        self.authority = root / "authority.pem"
        self.authority.write_text(server.authority)

    def keep(self, token: str) -> None:
        (self.credentials / "git" / "forge").write_text(f"https://alice:{token}@{self.server.host}\n")

    async def start(self, url: str = "", **env: str) -> tuple[str, str]:
        helper = (sys.executable, "-I", str(GIT_HELPER))
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_SSL_CAINFO": str(self.authority),
            **pointers((FORGE,), folder=str(self.credentials), git_helper=helper),
            **env,
        }
        board = Board()
        await bring(url or self.server.url, home=self.home, git=Git(environ, home=self.home), board=board)
        (notice,) = board.current()
        assert notice.key == KEY
        assert TOKEN not in notice.text
        return notice.level, notice.text


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    with git_server(tmp_path / "forge", user="alice", token=TOKEN, address=LOOPBACK) as server:
        work = tmp_path / "first"
        git = ("git", "-c", "user.name=Bob", "-c", "user.email=bob@example.org")
        for words in (
            ("init", "--quiet", "--initial-branch=main", str(work)),
            ("-C", str(work), "commit", "--quiet", "--allow-empty", "--message", "First"),
            ("-C", str(work), "push", "--quiet", str(server.repository.path), "main"),
        ):
            subprocess.run((*git, *words), env=server.repository.env, check=True)
        yield Person(tmp_path, server)


async def test_a_private_repository_is_cloned_with_the_person_s_own_token_which_stays_where_it_was(
    person: Person,
) -> None:
    person.keep(TOKEN)
    assert await person.start() == ("info", f"~/work is there: cloned from {LOOPBACK}.")
    found = [path for path in person.home.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert found == []


@pytest.mark.parametrize("kept", [None, "another"])
async def test_without_the_right_token_the_way_to_one_is_shown(person: Person, kept: str | None) -> None:
    if kept:
        person.keep(kept)
    level, text = await person.start()
    assert level == "warning"
    assert text == (
        f"~/work was not cloned: {LOOPBACK} wants a token, or does not take yours. "
        "Save one under Credentials (git over HTTPS), or choose it for this workspace."
    )
    assert list(person.home.iterdir()) == []


async def test_a_repository_that_is_not_there_is_said(person: Person) -> None:
    person.keep(TOKEN)
    level, text = await person.start(person.server.url.replace("work", "none"))
    assert level == "warning"
    assert text.startswith(f"~/none was not cloned: {LOOPBACK} has no such repository, or does not show it to you.")


async def test_a_server_that_nobody_vouches_for_is_given_nothing(person: Person) -> None:
    person.keep(TOKEN)
    _, text = await person.start(GIT_SSL_CAINFO="/etc/ssl/certs/ca-certificates.crt")
    assert text.startswith(f"~/work was not cloned: The certificate of {LOOPBACK} is not one that is trusted here.")
    assert person.server.refused == 0


async def test_a_server_that_is_not_there_is_said(person: Person) -> None:
    with socket.create_server((LOOPBACK, 0)) as nobody:
        port = nobody.getsockname()[1]
    _, text = await person.start(f"https://{LOOPBACK}:{port}/team/work.git")
    assert text == f"~/work was not cloned: {LOOPBACK} does not answer. Try again later."
    _, text = await person.start(f"ssh://git@{LOOPBACK}:{port}/team/work.git")
    assert text == f"~/work was not cloned: {LOOPBACK} does not answer. Try again later."


async def test_a_server_that_never_answers_is_given_up_and_no_process_stays(person: Person) -> None:
    git = Git({"PATH": os.environ["PATH"], "HOME": str(person.home)}, home=person.home)
    with socket.create_server((LOOPBACK, 0)) as silent:
        url = f"https://{LOOPBACK}:{silent.getsockname()[1]}/team/work.git"
        with pytest.raises(GitTimedOut):
            await git.run_with_server("ls-remote", url, folder=person.home, seconds=1)
    left = [each for each in psutil.process_iter(["cmdline"]) if url in (each.info["cmdline"] or ())]
    assert left == []
