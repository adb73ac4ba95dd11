"""One machine: a person's SSH keys push to a real SSH server, from a terminal and a notebook; who has none does not."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from spawner.credential_places import pointers
from spawner.credentials import CredentialKind, MountedCredential
from tests.cluster.git_servers import SSHD, SshGitServer, ssh_git_server
from tests.git_work import push_from_notebook, push_from_terminal, write_script
from tests.integration.conftest import PASSWORD, VICTIM

if TYPE_CHECKING:
    from deploy.local.throwaway import ThrowawayHub

pytestmark = pytest.mark.integration

LOOPBACK = "127.0.0.1"
KEYS = ("first-key", "second-key")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SshGitServer]:
    if not Path(SSHD).is_file():
        pytest.skip("not run: there is no sshd here (Debian's openssh-server)")
    with ssh_git_server(tmp_path / "ssh", address=LOOPBACK) as server:
        yield server


def test_a_workspace_pushes_with_the_key_that_its_person_keeps(
    attacked: ThrowawayHub, server: SshGitServer, tmp_path: Path
) -> None:
    token = attacked.token(VICTIM, PASSWORD)
    with attacked.services_api(token) as api, attacked.api(token) as hub:
        kept = [api.post("credentials", json={"name": name, "kind": "ssh-key", "always": False}) for name in KEYS]
        server.let_in(kept[1].raise_for_status().json()["public_key"])
        try:
            for name, credentials in (("with-keys", KEYS), ("without-keys", ())):
                choice = {"environment": "minimal", "hardware": "small", "credentials": list(credentials)}
                hub.post(f"users/{VICTIM}/servers/{name}", json={"user_options": choice}).raise_for_status()
                attacked.until(
                    lambda name=name: attacked._server(hub, VICTIM, name)["ready"],  # type: ignore[misc]  # this turn's
                    what=f"{name} starts",
                    seconds=120,
                )
            address = f"{attacked.base_url}/user/{VICTIM}"
            write_script(f"{address}/with-keys", token)
            push_from_terminal(f"{address}/with-keys", token, server.url, "typed")
            assert push_from_notebook(f"{address}/with-keys", token, server.url, "in-a-notebook").startswith("0 ")
            assert server.subjects("main") == ["in-a-notebook", "typed"]
            refused = push_from_notebook(f"{address}/without-keys", token, server.url, "without")
            assert "Permission denied (publickey)" in refused
            seen = attacked.data.home(VICTIM) / ".ssh" / "known_hosts"
            assert len(seen.read_text().splitlines()) == 1
        finally:
            for name in ("with-keys", "without-keys"):
                attacked.stop_workspace(token, VICTIM, name)
            for name in KEYS:
                api.delete(f"credentials/{name}").raise_for_status()


@pytest.fixture
def key(tmp_path: Path, server: SshGitServer) -> Path:
    """The private half of the one that is let in, where a workspace's folder has it."""
    path = tmp_path / "credentials" / "ssh" / "mine"
    path.parent.mkdir(parents=True)
    subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path), check=True)
    server.let_in(path.with_name("mine.pub").read_text())
    return path


def ask(server: SshGitServer, key: Path, home: Path) -> subprocess.CompletedProcess[str]:
    mine = MountedCredential(name="mine", kind=CredentialKind.SSH_KEY, files=("ssh/mine", "ssh/mine.pub"))
    told = pointers([mine], folder=str(key.parents[1]), git_helper=())
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "GIT_TERMINAL_PROMPT": "0", **told}
    return subprocess.run(("git", "ls-remote", server.url), env=env, capture_output=True, text=True, check=False)


def test_a_server_is_believed_at_the_first_visit_and_not_when_it_has_become_another(
    server: SshGitServer, key: Path, tmp_path: Path
) -> None:
    home = tmp_path / "a home"
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    first = ask(server, key, home)
    assert (first.returncode, "Permanently added" in first.stderr) == (0, True)
    again = ask(server, key, home)
    assert (again.returncode, again.stderr) == (0, "")
    seen = home / ".ssh" / "known_hosts"
    other = (tmp_path / "ssh" / "host_key.pub").read_text()
    subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"), check=True)
    seen.write_text(f"[{LOOPBACK}]:{server.port} {(tmp_path / 'other.pub').read_text()}")
    refused = ask(server, key, home)
    assert refused.returncode
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in refused.stderr
    seen.write_text(f"[{LOOPBACK}]:{server.port} {other}")
    assert ask(server, key, home).returncode == 0


def test_a_home_that_cannot_be_written_keeps_nobody_from_a_server(server: SshGitServer, key: Path) -> None:
    answer = ask(server, key, Path("/proc"))  # not even root writes there
    assert answer.returncode == 0
    assert "Failed to add the host" in answer.stderr


def test_a_key_that_was_removed_meanwhile_hinders_no_other(server: SshGitServer, key: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.move(key, moved)
    answer = ask(server, key, tmp_path)
    assert "Permission denied" in answer.stderr
    assert "no such identity" in answer.stderr.lower() or answer.returncode
    shutil.move(moved, key)
    assert ask(server, key, tmp_path).returncode == 0
