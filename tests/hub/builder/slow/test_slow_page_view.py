"""What the page shows of slow builds: those that go on, with how long they take, and those that failed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hub.builder.slow.derived_base import DerivedBase, State, asked, begun, failed
from hub.builder.slow.page_view import base_lines
from hub.builder.slow.recipe import Recipe
from hub.builder.slow.words import about, needs
from studiolo.wire_bases import SlowBuildOffer

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
LOCK = f"docopt==0.6.2 --hash=sha256:{'b' * 64}"


def new() -> DerivedBase:
    recipe = Recipe(base=f"example.org/python@sha256:{'a' * 64}", apt=("g++",), lock=(LOCK,))
    return asked(recipe, environment="python", base_digest="", by="alice", now=NOW)


def test_what_goes_on_says_its_phase_and_about_how_long() -> None:
    building = replace(begun(new(), now=NOW), phase="installing the packages")
    (line,) = base_lines([building], about_seconds=240.0, now=NOW + timedelta(minutes=2))
    assert (line.what, line.state, line.is_over) == ("g++, docopt==0.6.2", "installing the packages", False)
    assert line.about == "asked for 2 min ago, takes about 4 min"
    (line,) = base_lines([new()], about_seconds=None, now=NOW)
    assert (line.state, line.about) == ("waiting", "asked for 1 s ago")


def test_what_failed_says_why_and_what_is_ready_or_cancelled_is_not_shown() -> None:
    over = failed(new(), "No.", log="end", now=NOW)
    (line,) = base_lines([over], about_seconds=240.0, now=NOW)
    assert (line.state, line.about, line.reason, line.log) == ("could not be built", "", "No.", "end")
    others = [replace(new(), state=State.READY), replace(new(), state=State.CANCELLED)]
    assert base_lines(others, about_seconds=None, now=NOW) == ()


def test_what_a_package_needs_is_said_with_the_way_out() -> None:
    offer = SlowBuildOffer(apt=("g++",), sources=("docopt==0.6.2",), available=True, about_seconds=240)
    assert needs(offer).startswith(
        "This model needs Debian packages (g++) and docopt==0.6.2, of which there is no wheel"
    )
    assert "can be built, once (about 4 min): studiolo model base ask." in needs(offer)
    for state in ("waiting", "building", "checking"):
        assert "is being built" in needs(offer.model_copy(update={"state": state}))
    assert "list says why" in needs(offer.model_copy(update={"state": "failed"}))
    off = SlowBuildOffer(why_not="It is off here.")
    assert "packages without a wheel" in needs(off)
    assert "It is off here. Choose an environment that has them, or do without." in needs(off)
    assert about(off) == ""
