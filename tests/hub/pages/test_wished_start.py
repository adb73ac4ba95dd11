"""What a page knows of a start before the click, and which of its fields keep the start from claiming a warm pod."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hub.capacity.forecast import Forecast, Kind, StageForecast
from hub.pages.spawn_view import Offer, Target, Wish, spawn_view
from hub.pages.wished_start import fields_without_claim, planned
from spawner.credentials import CredentialKind, MountedCredential
from spawner.plan import LaunchPlan
from spawner.stages import Stage
from studiolo.package_name import PackageName

CREDENTIAL = MountedCredential(name="hub", kind=CredentialKind.ENV)
PACKAGE = PackageName.parse("iris:1.0")
READY = Forecast(environment="python", hardware="small", kind=Kind.READY, seconds=4)
CLAIM = replace(READY, seconds=1, stages=(StageForecast(stage=Stage.CLAIM, seconds=1),))
PLAN_OF = planned(user="alice", server="", teams=("b", "a"), env_text="A=1\nno variable\n LANG = C")


def only_with_nothing(plan: LaunchPlan) -> bool:
    return not (plan.data or plan.identity.credentials or plan.model or plan.has_empty_home)


def test_what_is_typed_and_who_it_is_for_is_in_the_plan(offer: Callable[..., Offer]) -> None:
    seen: list[LaunchPlan] = []

    def may_claim(plan: LaunchPlan) -> bool:
        seen.append(plan)
        return True

    assert fields_without_claim(replace(offer(), forecasts=(CLAIM,)), PLAN_OF, may_claim) == ()
    assert (seen[0].identity.user, seen[0].identity.teams) == ("alice", ("a", "b"))
    assert [name for name, _ in seen[0].env] == ["A", "LANG"]
    assert (seen[0].shape.environment.name, seen[0].shape.hardware.name) == ("python", "small")


def test_the_fields_are_those_with_which_the_rule_refuses_a_claim(offer: Callable[..., Offer]) -> None:
    here = replace(offer(), forecasts=(READY, CLAIM))
    found = fields_without_claim(here, PLAN_OF, only_with_nothing, credentials=(CREDENTIAL,), package=PACKAGE)
    assert set(found) == {"data", "credentials", "model", "home"} - (set() if here.data else {"data"})
    assert fields_without_claim(here, PLAN_OF, lambda plan: not plan.has_empty_home) == ("home",)


def test_where_no_pod_waits_nothing_keeps_from_it(offer: Callable[..., Offer]) -> None:
    assert fields_without_claim(replace(offer(), forecasts=(READY,)), PLAN_OF, only_with_nothing) == ()


def test_the_form_promises_what_holds_for_what_is_ticked(new_workspace: Target, offer: Callable[..., Offer]) -> None:
    here = replace(offer(), forecasts=(CLAIM,), without_claims=(READY,))

    def time(wish: Wish) -> str:
        return spawn_view(new_workspace, here, wish, without_claim=("home",)).summary.time

    assert time(Wish(environment="python", hardware="small")) == "about 1 s"
    assert time(Wish(environment="python", hardware="small", has_empty_home=True)) == "about 4 s"
