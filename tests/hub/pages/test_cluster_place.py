"""A cluster as pages see it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from hub.pages.cluster_place import ClusterPlace
from hub.pages.spawn_request import check_room
from hub.pages.spawn_view import Target, Wish, spawn_view
from spawner.parts import NoHistory
from studiolo.catalog import Catalog


def place(catalog: Catalog, pods: Any = None) -> ClusterPlace:
    return ClusterPlace(
        catalogs=SimpleNamespace(  # type: ignore[arg-type]  # one that does not change
            current=catalog, newer_is_coming=lambda name: name == "pytorch"
        ),
        starts=NoHistory(),  # type: ignore[arg-type]  # it knows nothing
        forecasts=SimpleNamespace(forecasts=lambda *_: ()),  # type: ignore[arg-type]  # nobody makes any
        pods=lambda: pods,
        clock=lambda: 1000.0,
    )


def pods(*, silent_seconds: float = 1.0, is_synced: bool = True) -> Any:
    here = (SimpleNamespace(has_ended=False), SimpleNamespace(has_ended=True))
    return SimpleNamespace(is_synced=is_synced, pods=lambda: here, seconds_silent=lambda _now: silent_seconds)


def test_everything_is_offered_and_nothing_refused_before_kubernetes_was_asked(
    sample_catalog: Catalog, new_workspace: Target
) -> None:
    offer = place(sample_catalog).offer_to(())
    view = spawn_view(new_workspace, offer, Wish(environment=None, hardware=None, env_text=""))
    assert all(card.fits for card in view.hardware)
    assert all(card.can_start for card in view.software)
    choice = sample_catalog.default_choice(())
    assert choice is not None
    assert check_room(choice, offer) == ()


@pytest.mark.parametrize("seen", [None, pods(is_synced=False)], ids=["not connected", "no list yet"])
def test_before_the_first_list_the_administrator_reads_that_nothing_is_known(
    sample_catalog: Catalog, seen: Any
) -> None:
    (figure,) = place(sample_catalog, seen).figures()
    assert figure.value == "not reached yet"


def test_a_silent_api_server_is_said_with_the_age_of_what_is_shown(sample_catalog: Catalog) -> None:
    workspaces, kubernetes = place(sample_catalog, pods()).figures()
    assert (workspaces.value, kubernetes.value) == ("1 running", "answers")
    assert place(sample_catalog, pods(silent_seconds=120)).figures()[1].value == "silent for 120 s"


def test_software_whose_new_image_is_on_its_way_is_known(sample_catalog: Catalog) -> None:
    teams = sample_catalog.environment("pytorch").teams or ()  # type: ignore[union-attr]  # the catalog has it
    offered = place(sample_catalog).offer_to(tuple(teams)).software
    assert [facts.environment.name for facts in offered if facts.newer_is_coming] == ["pytorch"]
