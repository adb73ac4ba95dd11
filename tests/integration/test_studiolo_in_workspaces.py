"""The command `studiolo` in a workspace: signed in as its person, with the few rights that a workspace's token has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.hub.builder.conftest import notebook_of
from tests.integration.test_models import MODEL, packaged
from tests.terminals import run_in_terminal

if TYPE_CHECKING:
    from deploy.local.throwaway import ThrowawayHub

pytestmark = pytest.mark.integration

PERSON = "wanda"


@pytest.fixture(scope="module")
def address(running_hub: ThrowawayHub) -> str:
    """Of a workspace of hers."""
    token = running_hub.token(PERSON, running_hub.add_user(PERSON))
    running_hub.start_workspace(token, PERSON)
    return f"{running_hub.base_url}/user/{PERSON}"


def typed(hub: ThrowawayHub, address: str, command: str) -> str:
    return run_in_terminal(address, hub.token(PERSON, ""), command)


def test_a_package_that_the_hub_keeps_is_pulled_shown_and_trained_without_signing_in(
    running_hub: ThrowawayHub, address: str, tmp_path: Path
) -> None:
    (tmp_path / "iris.ipynb").write_text(notebook_of(MODEL))
    made = packaged(running_hub.base_url, running_hub.token(PERSON, ""), tmp_path)
    command = "studiolo model pull iris && studiolo model list && studiolo model show iris"
    assert made.digest in typed(running_hub, address, command)
    typed(running_hub, address, "studiolo model run iris:1.0 train --set rounds=21 --output ~/trained")
    home = running_hub.data.home(PERSON)
    assert json.loads((home / "trained" / "result.json").read_text()) == {"rounds": 42}
    assert not (home / ".config" / "studiolo").exists(), "nothing was stored to sign in with"


def test_whose_workspace_it_is_can_be_asked(running_hub: ThrowawayHub, address: str) -> None:
    assert f"{PERSON} at {running_hub.base_url}" in typed(running_hub, address, "studiolo whoami")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("workspace list", f"This token may not see the workspaces of {PERSON}."),
        ("workspace stop", f"This token may not see the workspaces of {PERSON}."),
        ("user add zoe", "This token may not do that: it lacks the right admin:users."),
    ],
)
def test_what_the_token_of_a_workspace_may_not_is_said_with_the_way_out(
    command: str, said: str, running_hub: ThrowawayHub, address: str
) -> None:
    shown = typed(running_hub, address, f"! studiolo {command}")
    assert said in shown
    assert "studiolo login" in shown


def test_a_terminal_has_the_programs_of_the_environment_also_where_a_login_would_not(
    running_hub: ThrowawayHub, address: str
) -> None:
    home = running_hub.data.home(PERSON)
    (home / ".profile").write_text("export OF_MY_OWN=kept\nfalse\n")
    shown = typed(running_hub, address, 'command -v python && echo "it is $OF_MY_OWN"')
    assert str(running_hub.data.environments) in shown
    assert "it is kept" in shown
