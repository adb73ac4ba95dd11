"""What the form sent: whose name it becomes, and why it cannot start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from hub.pages.spawn_request import check_room, errors_from_options, name_workspace, typed_wish
from hub.pages.spawn_view import Offer, Target
from spawner.admission import MachineState
from spawner.errors import OptionsError
from studiolo.choice import Choice


@pytest.mark.parametrize(
    ("typed", "server", "title"),
    [
        pytest.param("", "", "", id="no name is the default workspace"),
        pytest.param("default", "", "", id="its shown name too"),
        pytest.param("Iris, 2nd try", "iris-2nd-try", "Iris, 2nd try", id="a free name"),
        pytest.param("  two   words ", "two-words", "two words", id="spaces are tidied"),
        pytest.param("日本", "workspace", "日本", id="nothing left for the address"),
        pytest.param("Taken!", "taken-2", "Taken!", id="another title for a taken address"),
    ],
)
def test_a_title_becomes_a_name(typed: str, server: str, title: str, new_workspace: Target) -> None:
    named = name_workspace(new_workspace, {"name": [typed]}, taken={"": "default", "taken": "taken"})
    assert (named.server, named.title, named.errors) == (server, title, ())


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        pytest.param("", "is in use", id="default is in use"),
        pytest.param("iris", "There is a workspace called iris already", id="a title that exists"),
        pytest.param("x" * 121, "has 121 characters", id="too long"),
        pytest.param("a\N{RIGHT-TO-LEFT OVERRIDE}b", "cannot be read", id="turns the text around it"),
    ],
)
def test_a_name_that_cannot_be_is_refused_at_its_field(typed: str, complaint: str, new_workspace: Target) -> None:
    target = replace(new_workspace, is_default_taken=True)
    named = name_workspace(target, {"name": [typed]}, taken={"": "default", "iris": "Iris"})
    (error,) = named.errors
    assert error.field == "name"
    assert complaint in error.message


def test_a_workspace_that_exists_keeps_its_name_whatever_is_sent() -> None:
    target = Target(owner="ada", viewer="ada", server="iris", title="Iris", action="/x", is_new=False)
    assert name_workspace(target, {"name": ["other"]}, taken={}).server == "iris"


def test_each_problem_points_at_its_place_on_the_page() -> None:
    error = OptionsError(("environment: no.", "hardware: no.", "env.PATH: reserved.", "options: no."))
    assert [problem.field for problem in errors_from_options(error)] == ["software", "hardware", "env", ""]


def test_hardware_without_room_is_refused_with_what_would_fit(
    offer: Callable[..., Offer], machine: Callable[..., MachineState]
) -> None:
    (error,) = check_room(Choice(environment="python", hardware="gpu"), offer(state=machine(held_gpus=2)))
    assert error.field == "hardware"
    assert "none of 2 is free" in error.message
    assert 'What fits now: "Medium"' in error.message


def test_software_that_this_machine_cannot_run_is_refused(offer: Callable[..., Offer]) -> None:
    facts = {"python": {"missing_programs": ("Rscript",)}, "minimal": {"problem": "The lock is gone."}}
    by_program = check_room(Choice(environment="python", hardware="small"), offer(software=facts))
    by_lock = check_room(Choice(environment="minimal", hardware="small"), offer(software=facts))
    assert [error.field for error in (*by_program, *by_lock)] == ["software", "software"]
    assert "Rscript" in by_program[0].message
    assert by_lock[0].message == "The lock is gone."


def test_what_fits_has_nothing_in_its_way(offer: Callable[..., Offer]) -> None:
    assert check_room(Choice(environment="python", hardware="small"), offer()) == ()


def test_what_was_typed_is_kept() -> None:
    wish = typed_wish({"environment": ["r"], "hardware": ["gpu"], "env": ["A=1\nB"]})
    assert (wish.environment, wish.hardware, wish.env_text, wish.is_kept) == ("r", "gpu", "A=1\nB", True)
    assert typed_wish({}).environment is None
