"""A plan is a checked choice with its shape and its identity kept apart."""

from __future__ import annotations

import dataclasses

import pytest

from spawner.credentials import CredentialKind, MountedCredential
from spawner.errors import OptionsError
from spawner.plan import Identity, LaunchPlan, Shape, make_plan
from studiolo.catalog import Catalog
from studiolo.choice import Choice
from studiolo.names import home_name, workspace_key

CHOICE = Choice(environment="pytorch", hardware="gpu", env=(("A", "1"),))


def plan_for(catalog: Catalog, *, user: str = "ada", server: str = "detector") -> LaunchPlan:
    return make_plan(CHOICE, catalog=catalog, user=user, server=server, teams=["vision", "research"])


def test_a_plan_holds_the_entries_of_the_catalog_and_whose_it_is(sample_catalog: Catalog) -> None:
    plan = plan_for(sample_catalog)
    assert plan.shape == Shape(
        environment=sample_catalog.environment("pytorch"), hardware=sample_catalog.hardware_named("gpu")
    )
    assert plan.identity == Identity(user="ada", server="detector", teams=("research", "vision"), home="ada")
    assert plan.env == (("A", "1"),)


def test_the_shape_is_the_same_whoever_asks(sample_catalog: Catalog) -> None:
    assert plan_for(sample_catalog, user="ada").shape == plan_for(sample_catalog, user="Grace@example.org").shape


def test_home_and_key_are_the_names_that_the_disk_has(sample_catalog: Catalog) -> None:
    identity = plan_for(sample_catalog, user="Grace@example.org", server="").identity
    assert identity.home == home_name("Grace@example.org")
    assert identity.key == workspace_key("Grace@example.org", "")


def test_a_plan_gives_its_choice_again(sample_catalog: Catalog) -> None:
    assert plan_for(sample_catalog).choice == CHOICE


def test_credentials_belong_to_the_person_and_leave_the_shape_as_it_is(sample_catalog: Catalog) -> None:
    """A warm workspace is made from the shape alone."""
    plan = plan_for(sample_catalog)
    hub = MountedCredential(name="hub", kind=CredentialKind.ENV, env=("HF_TOKEN",))
    assert plan.with_credentials((hub,)).shape == plan.shape
    assert plan.with_credentials((hub,)).identity.credentials == (hub,)
    assert plan.with_credentials((hub,)).choice == CHOICE


def test_a_plan_remembers_which_credentials_were_chosen(sample_catalog: Catalog) -> None:
    choice = dataclasses.replace(CHOICE, credentials=("hub",))
    plan = make_plan(choice, catalog=sample_catalog, user="ada", server="", teams=["vision"])
    assert plan.credentials == ("hub",)
    assert plan.choice == choice


def test_a_plan_remembers_its_repository(sample_catalog: Catalog) -> None:
    choice = dataclasses.replace(CHOICE, git="git@git.example.org:vision/iris.git")
    plan = make_plan(choice, catalog=sample_catalog, user="ada", server="", teams=["vision"])
    assert plan.choice == choice


def test_a_plan_remembers_its_package(sample_catalog: Catalog) -> None:
    choice = dataclasses.replace(CHOICE, model="vision/iris:1.0")
    plan = make_plan(choice, catalog=sample_catalog, user="ada", server="", teams=["vision"])
    assert plan.choice == choice


def test_the_order_of_teams_does_not_change_a_plan(sample_catalog: Catalog) -> None:
    plans = {
        make_plan(CHOICE, catalog=sample_catalog, user="ada", server="", teams=teams).identity
        for teams in (["vision", "research"], {"research", "vision"})
    }
    assert len(plans) == 1


def test_a_choice_that_left_the_catalog_since_it_was_checked_is_refused(sample_catalog: Catalog) -> None:
    changed = sample_catalog.model_copy(update={"hardware": sample_catalog.hardware[:2]})
    with pytest.raises(OptionsError, match='hardware: "gpu" is not on offer'):
        plan_for(changed)


def test_a_plan_cannot_be_changed(sample_catalog: Catalog) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan_for(sample_catalog).env = ()  # type: ignore[misc]  # that it is refused is what is tested
