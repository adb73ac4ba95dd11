"""One person's home hangs, is full, or can only be read, in a real hub of one machine: nobody else notices."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from spawner.home_state import EMPTY_HOME_SAID
from tests.faulty_disks import fill, read_only, silent, small_disk
from tests.integration.conftest import ATTACKER, PASSWORD, VICTIM
from tests.kernels import Kernel

if TYPE_CHECKING:
    from deploy.local.throwaway import ThrowawayHub

pytestmark = pytest.mark.integration

GOOD = {"environment": "minimal", "hardware": "small"}

PAGE_SECONDS = 3.0
"""Pages of others answer within a second; on a machine that is busy with other tests, within three times that."""

NOTEBOOK = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture
def home(attacked: ThrowawayHub) -> Iterator[Path]:
    """A disk of 2 MiB with a notebook in the place of alice's home."""
    path = attacked.data.home(VICTIM)
    path.mkdir(parents=True, exist_ok=True)
    with small_disk(path, megabytes=2):
        (path / "notes.ipynb").write_text(json.dumps(NOTEBOOK))
        yield path


@pytest.fixture
def token(attacked: ThrowawayHub) -> Iterator[str]:
    """alice's; her workspace is stopped afterwards."""
    token = attacked.token(VICTIM, PASSWORD)
    yield token
    attacked.stop_workspace(token, VICTIM, "rescued")


def server_of(attacked: ThrowawayHub, token: str) -> httpx.Client:
    """The API of alice's server, through the proxy."""
    address = f"{attacked.base_url}/user/{VICTIM}/rescued/api/"
    return httpx.Client(base_url=address, headers={"Authorization": f"token {token}"}, trust_env=False, timeout=60)


def save(server: httpx.Client) -> httpx.Response:
    body = {"type": "notebook", "content": NOTEBOOK | {"metadata": {"title": "new"}}}
    return server.put("contents/notes.ipynb", json=body)


def test_a_full_home_opens_says_so_and_has_room_again(
    attacked: ThrowawayHub, alice: httpx.Client, home: Path, token: str
) -> None:
    large = fill(home)
    attacked.start_workspace(token, VICTIM, "rescued")
    assert "Your home is full, so nothing can be saved in it." in alice.get("/hub/home").text
    address = f"{attacked.base_url}/user/{VICTIM}/rescued"
    with Kernel(address=address, token=token) as kernel:
        assert "".join(kernel.run("print(6 * 7)")).strip() == "42"
    with server_of(attacked, token) as server:
        assert server.get("contents/notes.ipynb").is_success
        assert save(server).status_code == httpx.codes.INSUFFICIENT_STORAGE
        assert json.loads((home / "notes.ipynb").read_text()) == NOTEBOOK
        for name in (large.name, "empty-0", "empty-1"):
            server.delete(f"contents/{name}").raise_for_status()
        save(server).raise_for_status()
    assert json.loads((home / "notes.ipynb").read_text())["metadata"] == {"title": "new"}


def test_a_home_that_can_only_be_read_opens_and_says_so(
    attacked: ThrowawayHub, alice: httpx.Client, home: Path, token: str
) -> None:
    with read_only(home):
        attacked.start_workspace(token, VICTIM, "rescued")
        assert "Your home can only be read at the moment" in alice.get("/hub/home").text
        with server_of(attacked, token) as server:
            assert server.get("contents/notes.ipynb").is_success
            assert "its disk can only be read" in save(server).json()["message"]
        attacked.stop_workspace(token, VICTIM, "rescued")


def test_a_home_that_hangs_leaves_a_choice_and_others_start_and_look_meanwhile(
    attacked: ThrowawayHub, alice: httpx.Client, mallory: httpx.Client, home: Path, token: str
) -> None:
    page = f"/hub/spawn-pending/{VICTIM}/rescued"
    with silent(home), attacked.api(token) as api:
        api.post(f"users/{VICTIM}/servers/rescued", json={"user_options": GOOD}).raise_for_status()
        others = attacked.token(ATTACKER, PASSWORD)
        attacked.start_workspace(others, ATTACKER, "meanwhile")
        attacked.stop_workspace(others, ATTACKER, "meanwhile")

        def is_given_up() -> bool:
            assert mallory.get("/hub/home", timeout=PAGE_SECONDS).is_success
            return "Your home directory does not answer" in alice.get(page, timeout=PAGE_SECONDS).text

        attacked.until(is_given_up, what="it is given up", seconds=60)
        fields = fields_of(alice.get(page).text, "Start with an empty home")
        assert alice.post(f"/hub/spawn/{VICTIM}/rescued", data=fields).is_success
        attacked.until(
            lambda: bool(api.get(f"users/{VICTIM}/servers/rescued").json().get("ready")), what="it runs", seconds=120
        )
        assert EMPTY_HOME_SAID in alice.get("/hub/home", timeout=PAGE_SECONDS).text
        with server_of(attacked, token) as server:
            assert server.get("contents").json()["content"] == []
            body = {"type": "notebook", "content": NOTEBOOK}
            server.put("contents/lost.ipynb", json=body).raise_for_status()
        attacked.stop_workspace(token, VICTIM, "rescued")
    assert not attacked.data.workspace(VICTIM, "rescued").empty_home.exists()
    attacked.start_workspace(token, VICTIM, "rescued")  # with the same choice as the last time, and her home
    with server_of(attacked, token) as server:
        names = {entry["name"] for entry in server.get("contents").json()["content"]}
    assert names == {"notes.ipynb", "shared"}


def fields_of(page: str, label: str) -> dict[str, str]:
    """What the form with this button sends."""
    (form,) = (form for form in re.findall(r"<form.*?</form>", page, re.DOTALL) if f">{label}<" in form)
    fields = dict(re.findall(r'name="([^"]*)" value="([^"]*)"', form))
    assert fields["home"] == "empty"
    return fields


def test_a_link_asks_for_an_empty_home_on_the_form_and_starts_nothing(alice: httpx.Client) -> None:
    page = alice.get(f"/hub/spawn/{VICTIM}/linked", params={"opt-home": "empty"}).text
    assert "Start with an empty home" in page
    assert "Start with an empty home" not in alice.get(f"/hub/spawn/{VICTIM}/linked").text
    assert "is no kind of home" in alice.get(f"/hub/spawn/{VICTIM}/linked", params={"opt-home": "other"}).text
