"""The pages of one workspace: waiting, failed, ended, and the administrator's panel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from hub.pages.admin_view import (
    CatalogFacts,
    EnvironmentFacts,
    Figure,
    GpuFacts,
    admin_view,
    machine_figures,
    parked_figure,
)
from hub.pages.delete_view import delete_view
from hub.pages.not_running_view import Reader, failed_view, stopped_view
from hub.pages.tones import Tone
from hub.pages.waiting_view import WaitingView, checking_view, stopping_view, waiting_view
from spawner.admission import DoesNotFit, MachineState
from spawner.errors import DoesNotFitError, HomesAway, StartError, offer_again, offer_empty_home, offers_on
from spawner.progress import Phase, StartProgress
from studiolo.catalog import Catalog
from studiolo.choice import Choice
from studiolo.problems import Problem

GPU = Choice(environment="python", hardware="gpu", env=(("A", "1"), ("B", "2")))
OWNER = Reader(may_start=True, is_owner=True)
ABOUT: dict[str, Any] = {
    "user": "ada",
    "server": "iris",
    "title": "Iris",
    "subject": "Python on One GPU",
    "base_url": "/hub/",
}


CARDS = GpuFacts(names=("NVIDIA A100",), problem=None)


def waiting(progress: StartProgress | None, now: float, *, log_url: str = "/log") -> WaitingView:
    return waiting_view(
        progress,
        server="",
        title="",
        subject="Python on Small",
        now=now,
        stop_url="/stop",
        next_url="",
        log_url=log_url,
    )


@pytest.mark.parametrize(("expected", "said"), [(0.004, "about 0.1 s"), (0.16, "about 0.2 s"), (0.0, ""), (None, "")])
def test_an_estimate_is_never_no_time_at_all(expected: float | None, said: str) -> None:
    progress = StartProgress().expect(Phase.LAB, expected, 0)
    assert waiting(progress, 0).steps[-1].time == said


def test_waiting_says_what_should_be_known_of_the_start() -> None:
    assert waiting(StartProgress().noticing("Your credentials are missing."), 0).notices == (
        "Your credentials are missing.",
    )
    assert waiting(None, 0).notices == ()


def test_waiting_shows_each_phase_with_its_time_and_what_is_left() -> None:
    progress = StartProgress.expecting({Phase.ROOM: 0.1, Phase.SOFTWARE: 0, Phase.SERVER: 2, Phase.LAB: 1})
    progress = progress.begin(Phase.ROOM, 0).finish(Phase.ROOM, 0.2).finish(Phase.SOFTWARE, 0.2)
    view = waiting(progress.begin(Phase.SERVER, 0.2).printed(["a line"]), 1.2)
    assert [(step.state, step.time) for step in view.steps] == [
        ("done", "0.2 s"),
        ("done", "0.0 s"),
        ("running", "1.0 s of about 2.0 s"),
        ("waiting", "about 1.0 s"),
    ]
    assert (view.heading, view.left, view.log) == ("default is starting", "about 2 s left", ("a line",))
    assert 0 < view.percent < 100


def test_waiting_without_estimates_says_what_happens_instead() -> None:
    view = waiting(StartProgress().begin(Phase.SOFTWARE, 0).detail(Phase.SOFTWARE, "34 of 92 packages"), 1)
    assert view.left == "Installing software: 34 of 92 packages"
    assert view.steps[2].time == ""


def test_waiting_before_the_first_event_is_a_page_too() -> None:
    view = waiting(None, 0)
    assert (view.left, view.percent, view.steps) == ("about to begin", 0, ())


def test_a_late_start_does_not_promise_seconds() -> None:
    progress = StartProgress.expecting(dict.fromkeys(Phase, 0.0)).begin(Phase.ROOM, 0)
    assert waiting(progress, 5).left == "any moment now"


def test_the_log_of_a_start_is_its_owners_alone() -> None:
    assert waiting(StartProgress().printed(["secret"]), 0, log_url="").log == ()


def test_stopping_and_checking_name_the_workspace() -> None:
    assert stopping_view(server="", title="").heading == "default is stopping"
    assert "Iris" in checking_view(server="iris", title="Iris").heading


def test_only_a_start_that_goes_on_after_a_restart_can_be_stopped_while_the_hub_looks() -> None:
    assert checking_view(server="iris", title="Iris").stop_url == ""
    goes_on = checking_view(server="iris", title="Iris", stop_url="/hub/workspaces/anna/iris/stop")
    assert goes_on.heading == "Iris is starting"
    assert goes_on.stop_url


def test_a_failed_start_gives_sentence_cause_offers_and_reference(sample_catalog: Catalog) -> None:
    small, medium, gpu, _ = sample_catalog.hardware
    verdict = DoesNotFit(short=("needs 1 GPU, none of 2 is free",), free=None, later=True)  # type: ignore[arg-type]  # not shown
    failure = DoesNotFitError(gpu, verdict, alternatives=(medium,), offers=offers_on((medium, small), GPU))
    view = failed_view(failure, reader=OWNER, retry=GPU, **ABOUT)
    assert view.heading == "Iris did not start"
    assert view.sentence == '"One GPU" does not fit on this machine now.'
    assert view.cause == 'It needs 1 GPU, none of 2 is free. What fits now: "Medium".'
    assert [(offer.label, offer.choice.hardware) for offer in view.offers] == [
        ("Start on Medium", "medium"),
        ("Start on Small", "small"),
        ("Try again", "gpu"),
    ]
    assert {offer.url for offer in view.offers} == {"/hub/spawn/ada/iris"}
    assert ("env", "A=1\nB=2") in view.offers[0].fields
    assert view.reference == failure.reference


def test_an_offer_to_try_again_is_made_once() -> None:
    view = failed_view(StartError("No.", offers=(offer_again(GPU),)), reader=OWNER, retry=GPU, **ABOUT)
    assert [offer.label for offer in view.offers] == ["Try again"]


def test_a_home_that_does_not_answer_leaves_a_choice_of_two() -> None:
    failure = HomesAway("Its disk hangs.", offers=(offer_again(GPU), offer_empty_home(GPU)))
    view = failed_view(failure, reader=OWNER, retry=GPU, **ABOUT)
    assert [offer.label for offer in view.offers] == ["Try again", "Start with an empty home"]
    assert [("home", "empty") in offer.fields for offer in view.offers] == [False, True]


def test_what_failed_with_an_empty_home_is_offered_again_once() -> None:
    choice = replace(GPU, has_empty_home=True)
    view = failed_view(StartError("No.", offers=(offer_again(choice),)), reader=OWNER, retry=GPU, **ABOUT)
    assert [offer.choice for offer in view.offers] == [choice]


def test_the_log_of_a_failed_start_is_its_owners_alone() -> None:
    failure = StartError("No.", log_tail=("line",))
    assert failed_view(failure, reader=OWNER, retry=None, **ABOUT).log == ("line",)
    visitor = failed_view(failure, reader=Reader(may_start=False, is_owner=False), retry=GPU, **ABOUT)
    assert (visitor.log, visitor.offers, visitor.choose_url) == ((), (), "")


def test_a_workspace_that_the_rules_stopped_says_why_and_that_files_are_there() -> None:
    view = stopped_view(reader=OWNER, choice=GPU, ending="It was stopped after 2 h without use.", **ABOUT)
    assert (view.heading, view.is_trouble) == ("Iris is not running", False)
    assert (view.sentence, view.cause) == (
        "It was stopped after 2 h without use.",
        "What was saved is in the home directory.",
    )
    assert [offer.label for offer in view.offers] == ["Start"]


def test_a_workspace_that_ended_says_how_with_its_log_and_a_start_button() -> None:
    view = stopped_view(
        reader=OWNER, choice=GPU, ending="It was killed by signal 9.", is_trouble=True, log=("x",), **ABOUT
    )
    assert (view.heading, view.sentence, view.log) == ("Iris has ended", "It was killed by signal 9.", ("x",))
    assert [(offer.label, offer.note) for offer in view.offers] == [("Start", "Python on One GPU")]


def test_a_stopped_workspace_is_no_trouble() -> None:
    view = stopped_view(reader=OWNER, choice=None, **ABOUT)
    assert (view.heading, view.is_trouble, view.offers) == ("Iris is not running", False, ())
    assert view.choose_url == "/hub/spawn/ada/iris"


def test_deleting_says_that_files_stay() -> None:
    view = delete_view(title="Iris", action="/x")
    assert view.heading == "Delete Iris?"
    assert "Files in the home directory stay" in view.sentence


@pytest.fixture
def catalog_facts(now: datetime) -> CatalogFacts:
    return CatalogFacts(
        loaded_at=now - timedelta(hours=3), is_valid=True, problems=(), environment_count=5, hardware_count=4
    )


def test_the_panel_says_what_is_free_and_what_is_on_disk(
    machine: Callable[..., MachineState], catalog_facts: CatalogFacts, now: datetime
) -> None:
    built = EnvironmentFacts(
        names=("Python",),
        digest="0123456789abcdef",
        size_bytes=800 * 1024**2,
        built_at=now - timedelta(days=2),
        last_used=None,
        is_in_use=True,
    )
    orphan = replace(built, names=(), digest="f" * 16, last_used=now, is_in_use=False)
    view = admin_view(
        place="This machine",
        figures=machine_figures(machine(held_gib=4, held_gpus=1), CARDS),
        catalog=catalog_facts,
        environments=(orphan, built),
        now=now,
    )
    assert [(figure.value, figure.note) for figure in view.figures] == [
        ("8 GiB free", "of 12 GiB"),
        ("8 free", "of 8 cores"),
        ("1 of 2 free", "NVIDIA A100"),
        ("1 running", ""),
    ]
    assert [(line.title, line.size, line.built, line.last_used, line.in_use) for line in view.environments] == [
        ("Python", "800 MiB", "on 20 Nov", "never", "yes"),
        ("not in the catalog any more", "800 MiB", "on 20 Nov", "just now", "no"),
    ]
    assert (view.catalog_tone, view.catalog_state) == (Tone.OK, "valid, loaded 3 h ago: 5 environments, 4 hardware")


def test_a_refused_edit_is_shown_with_the_lines_of_the_check(
    machine: Callable[..., MachineState], catalog_facts: CatalogFacts, now: datetime
) -> None:
    problem = Problem(file="environments.yaml", line=3, column=5, path="environments.x.imag", message="unknown key.")
    refused = replace(catalog_facts, is_valid=False, problems=(problem,))
    view = admin_view(
        place="This machine", figures=machine_figures(machine(), CARDS), catalog=refused, environments=(), now=now
    )
    assert view.catalog_tone is Tone.NO
    assert view.catalog_problems == (str(problem),)
    warned = admin_view(
        place="This machine",
        figures=machine_figures(machine(), CARDS),
        catalog=replace(catalog_facts, problems=(problem,)),
        environments=(),
        now=now,
    )
    assert warned.catalog_tone is Tone.SOON


def test_a_driver_that_does_not_answer_is_said(
    machine: Callable[..., MachineState], catalog_facts: CatalogFacts, now: datetime
) -> None:
    silent = GpuFacts(names=("NVIDIA A100 (lost)",), problem="The GPUs of this machine do not answer: lost.")
    view = admin_view(
        place="This machine",
        figures=machine_figures(machine(), silent),
        catalog=catalog_facts,
        environments=(),
        now=now,
    )
    assert view.figures[2].note == "The GPUs of this machine do not answer: lost."


def test_the_panel_says_what_servers_take_that_wait_for_somebody() -> None:
    assert parked_figure(()) == Figure(title="Servers waiting", value="none")
    waiting = parked_figure((60 * 2**20 + 5, 35 * 2**20))
    assert (waiting.value, waiting.note) == ("2", "95 MiB of memory")
