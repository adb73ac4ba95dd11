"""An account is deleted in a real hub: its home is put aside later, and comes back with every byte."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from deploy.local.plans import SERVICES
from deploy.local.throwaway import ThrowawayHub
from hub.passwords import ADMIN
from studiolo.cli import main as studiolo
from studiolo.names import home_name
from tests.installed_software import share_software

pytestmark = pytest.mark.integration

GRACE_SECONDS = 2


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThrowawayHub]:
    """A Studiolo that puts homes aside two seconds after their accounts were deleted."""
    grace = {"homes.archiveAfter": f"{GRACE_SECONDS}s"}
    root = tmp_path_factory.mktemp("deleted")
    share_software(root)
    with ThrowawayHub(root, grace) as running:
        yield running


@pytest.fixture
def admin(hub: ThrowawayHub) -> Iterator[httpx.Client]:
    with hub.api(hub.token(ADMIN, hub.admin_password)) as api:
        yield api


def command(hub: ThrowawayHub, *words: str, name: str = ADMIN, password: str | None = None) -> Result:
    """What `studiolo home …` prints, and how it ends."""
    token = hub.token(name, password or hub.admin_password)
    environ = {"STUDIOLO_URL": hub.base_url, "STUDIOLO_TOKEN": token}
    return CliRunner().invoke(studiolo, ["home", *words], env=environ)


def state_of(hub: ThrowawayHub, user: str) -> str:
    """The state of the newest deletion of this name, as `home list` prints it; "" where there is none."""
    lines = command(hub, "list").stdout.splitlines()
    return next((line.split()[1] for line in lines if line.split()[0] == user), "")


def work(home: Path) -> None:
    """What somebody may have left: binary files, folders that are closed, links that lead nowhere."""
    (home / "deep" / "er").mkdir(parents=True)
    (home / "notebook.ipynb").write_bytes(b'{"cells": []}\n')
    (home / "deep" / "er" / "random.bin").write_bytes(bytes(range(256)) * 4096)
    (home / "deep" / "empty").write_bytes(b"")
    (home / "a name\nwith a line end").write_bytes("ünïcode".encode())
    (home / "link").symlink_to("/etc/passwd")
    (home / "deep").chmod(0o500)


def everything_in(home: Path) -> dict[str, tuple[int, int, str]]:
    """Every entry: its mode, when it was changed, and what it holds as a checksum."""

    def content(path: Path) -> str:
        if path.is_symlink():
            return str(path.readlink())
        return "" if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest()

    return {
        str(path.relative_to(home)): (path.lstat().st_mode, path.lstat().st_mtime_ns, content(path))
        for path in [home, *home.rglob("*")]
    }


def has_home(hub: ThrowawayHub, user: str) -> Path:
    """A person with an account and work in the home."""
    hub.add_user(user)
    home = hub.data.homes / home_name(user)
    home.mkdir(parents=True, mode=0o700)
    work(home)
    return home


def test_a_deleted_persons_home_is_put_aside_and_brought_back_with_every_byte(
    hub: ThrowawayHub, admin: httpx.Client
) -> None:
    home = has_home(hub, "anna@example.org")
    before = everything_in(home)
    admin.delete("users/anna@example.org").raise_for_status()
    hub.until(lambda: state_of(hub, "anna@example.org") == "archived", what="the home is put aside")
    assert not home.exists()
    [aside] = [path for path in (hub.data.homes / ".archived").iterdir() if path.name.startswith(f"{home.name}.")]
    assert everything_in(aside) == before

    refused = command(hub, "restore", "anna@example.org")
    assert refused.exit_code != 0
    assert "There is no account" in refused.stderr
    assert "studiolo user add anna@example.org" in refused.stderr
    assert not home.exists()

    hub.add_user("anna@example.org")
    back = command(hub, "restore", "anna@example.org")
    assert back.exit_code == 0, back.stderr
    assert everything_in(home) == before
    assert state_of(hub, "anna@example.org") == "restored"
    again = command(hub, "restore", "anna@example.org")
    assert "No home of" in again.stderr


def test_the_administrator_s_page_shows_them_as_text(hub: ThrowawayHub) -> None:
    name = "<b>ina"  # nobody is called so, and an administrator may have typed it all the same
    work(hub.data.homes / home_name(name))
    assert command(hub, "archive", name, "--now").exit_code == 0
    with closing(hub.browser(ADMIN, hub.admin_password)) as browser:
        page = browser.get("/hub/admin").text
        hub.stop(SERVICES)
        without = browser.get("/hub/admin").text
        hub.start(SERVICES)
    assert "&lt;b&gt;ina" in page
    assert name not in page
    assert f"as {home_name(name)}." in page
    assert "studiolo home restore" in page
    assert "services does not answer" in without


def test_who_comes_back_in_time_keeps_the_home(hub: ThrowawayHub, admin: httpx.Client) -> None:
    home = has_home(hub, "berta")
    before = everything_in(home)
    admin.delete("users/berta").raise_for_status()
    assert state_of(hub, "berta") == "waiting"
    admin.post("users/berta").raise_for_status()
    hub.until(lambda: state_of(hub, "berta") == "cancelled", what="the account is found")
    assert everything_in(home) == before


def test_a_home_with_files_again_is_not_replaced_and_the_person_is_told(hub: ThrowawayHub, admin: httpx.Client) -> None:
    home = has_home(hub, "carla")
    admin.delete("users/carla").raise_for_status()
    hub.until(lambda: state_of(hub, "carla") == "archived", what="the home is put aside")
    hub.add_user("carla")
    home.mkdir()
    (home / "new.txt").write_text("new")
    refused = command(hub, "restore", "carla")
    assert refused.exit_code != 0
    assert "carla has a home with files in it" in refused.stderr
    assert (home / "new.txt").read_text() == "new"
    assert state_of(hub, "carla") == "archived"
    (home / "new.txt").unlink()
    assert command(hub, "restore", "carla").exit_code == 0
    assert (home / "notebook.ipynb").exists()


def test_an_account_whose_deletion_cannot_be_written_down_stays(hub: ThrowawayHub, admin: httpx.Client) -> None:
    home = has_home(hub, "doris")
    hub.stop(SERVICES)
    answer = admin.delete("users/doris")
    hub.start(SERVICES)
    assert answer.status_code == 503
    assert "the account is kept" in answer.json()["message"]
    assert admin.get("users/doris").status_code == 200
    assert home.exists()
    assert state_of(hub, "doris") == ""


def test_what_was_due_while_services_were_dead_is_done_afterwards(hub: ThrowawayHub, admin: httpx.Client) -> None:
    home = has_home(hub, "elisa")
    admin.delete("users/elisa").raise_for_status()
    hub.kill(SERVICES)
    hub.start(SERVICES)
    hub.until(lambda: state_of(hub, "elisa") == "archived", what="the home is put aside")
    assert not home.exists()


def test_the_home_of_an_account_is_not_put_aside_by_command(hub: ThrowawayHub, admin: httpx.Client) -> None:
    home = has_home(hub, "frida")
    refused = command(hub, "archive", "frida", "--now")
    assert refused.exit_code != 0
    assert "has an account" in refused.stderr
    assert home.exists()
    admin.delete("users/frida").raise_for_status()
    done = command(hub, "archive", "frida", "--now")
    assert done.exit_code == 0, done.stderr
    assert "is put aside as frida." in done.stderr
    assert not home.exists()


def test_only_administrators_see_and_move_homes_of_the_deleted(hub: ThrowawayHub, admin: httpx.Client) -> None:
    password = hub.add_user("greta")
    for words in (["list"], ["archive", "anna", "--now"], ["restore", "anna"]):
        refused = command(hub, *words, name="greta", password=password)
        assert refused.exit_code != 0
        assert "This is for administrators" in refused.stderr
    for method, path in (("GET", ""), ("POST", "/put-aside"), ("POST", "/bring-back")):
        answer = admin.request(method, f"studiolo/homes/greta{path}", json={"name": "greta.20261126T201500Z.1"})
        assert answer.status_code == 403, path
