"""What somebody would start, as far as a page knows it before the click: whether a warm pod is for them. Pure.

The rule is `spawner/claim_rules.py`'s; here it is only asked what it would say.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from spawner.plan import Identity, LaunchPlan, Shape
from studiolo.names import home_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from hub.pages.spawn_view import Offer
    from spawner.credentials import MountedCredential
    from studiolo.package_name import PackageName


def planned(
    *,
    user: str,
    server: str,
    teams: Collection[str],
    env_text: str = "",
    credentials: tuple[MountedCredential, ...] = (),
) -> Callable[[Shape], LaunchPlan]:
    """The start of this person on whatever software and hardware. `env_text`: one NAME=value a line."""
    identity = Identity(
        user=user, server=server, teams=tuple(sorted(teams)), home=home_name(user), credentials=credentials
    )
    env = tuple((name.strip(), value) for name, is_one, value in map(_parts, env_text.splitlines()) if is_one)
    return lambda shape: LaunchPlan(shape=shape, identity=identity, env=env)


def _parts(line: str) -> tuple[str, str, str]:
    return line.partition("=")


def fields_without_claim(
    offer: Offer,
    plan_of: Callable[[Shape], LaunchPlan],
    may_claim: Callable[[LaunchPlan], bool],
    *,
    credentials: Collection[MountedCredential] = (),
    package: PackageName | None = None,
) -> tuple[str, ...]:
    """The fields of the form in which anything that is ticked makes a start a normal one; none where no pod waits."""
    pair = next(((each.environment, each.hardware) for each in offer.forecasts if each.is_claim), None)
    if pair is None:
        return ()
    environments = {facts.environment.name: facts.environment for facts in offer.software}
    hardware = {entry.name: entry for entry in offer.hardware}
    plan = plan_of(Shape(environment=environments[pair[0]], hardware=hardware[pair[1]]))
    ticked = {
        "data": [replace(plan, data=(entry,)) for entry in offer.data],
        "credentials": [plan.with_credentials((credential,)) for credential in credentials],
        "model": [replace(plan, model=package)] if package else [],
        "home": [replace(plan, has_empty_home=True)],
    }
    return tuple(field for field, plans in ticked.items() if not all(map(may_claim, plans)))
