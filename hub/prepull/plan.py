"""Which node fetches which image next. Pure: same input, same answer.

Most wanted first, within a disk budget of each node, one at a time on each node. An image is wanted where its
environment could run; `Why` says which is wanted more, and within one reason how often it starts on nodes of the same
group. What is wanted for its starts alone is wanted by the groups on which it starts.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from spawner.image_names import without_tag
from spawner.verdicts.node_fits import what_fits

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from spawner.pod_facts import NodeFacts
    from studiolo.catalog_model import Catalog, Environment


ANYWHERE: Final = ""
"""In place of a group of nodes: the whole cluster. Nodes of which nothing says what group they are have it, too."""


class Why(IntEnum):
    """Why an image is wanted, the weightiest first."""

    ANNOUNCED = 0
    """An environment is to have it; until it is there, the old one starts."""
    BOOKED = 1
    """A team has booked room for it."""
    DEFAULT = 2
    """It is what the form chooses."""
    STARTED = 3
    """It has started on such nodes lately."""
    WATCHED = 4
    """Somebody looks at a model whose workspace it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """An image that somebody will want."""

    image: str
    environment: str
    why: Why
    rates: Mapping[str, float]
    """Starts a day, by group of nodes; 0.0 where only others start. A group that is not named has no history: for it
    those of the whole cluster count, `ANYWHERE`."""
    nodes: frozenset[str]
    """By name: those that could run it."""
    is_everywhere: bool = False
    """Whether each of them wants it, whatever starts there. Otherwise only where it starts."""

    def rate_in(self, group: str) -> float:
        """Starts a day that are to be expected on nodes of a group."""
        return self.rates.get(group, self.rates.get(ANYWHERE, 0.0))

    def is_wanted_in(self, group: str) -> bool:
        """Whether nodes of a group want it, if they could run it."""
        return self.is_everywhere or self.rate_in(group) > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What is asked for beside the catalog."""

    announced: Mapping[str, str]
    """The image that an environment is to have, by its name."""
    offered: Mapping[str, str]
    """The image that an environment starts now, by its name."""
    rates: Mapping[tuple[str, str], float]
    """Starts a day, by environment and group of nodes; `ANYWHERE`: nobody knows on which."""
    booked: Collection[str] = ()
    """Environments for which room is booked now or soon."""
    watched: Mapping[str, str] = field(default_factory=dict)
    """Images of models that somebody looks at, each with its environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeImages:
    """One node, as far as its images are concerned."""

    name: str
    uid: str
    group: str
    has: frozenset[str]
    """Images that are there, by name and digest."""
    fetching: bool = False
    """Whether it fetches one for us already."""
    not_now: frozenset[str] = frozenset()
    """Images that it could not fetch, for a while."""
    gave_up: frozenset[str] = frozenset()
    """Of those that it could not fetch, what nobody waits for any longer. They are tried all the same."""

    def holds(self, image: str) -> bool:
        """Whether it is there, by the catalog's name or by the one that nodes give it."""
        return image in self.has or without_tag(image) in self.has


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """A node is to fetch an image."""

    node: str
    node_uid: str
    image: str
    environment: str
    why: Why


def wishes(catalog: Catalog, demand: Demand, nodes: Sequence[NodeFacts]) -> tuple[Wish, ...]:
    """Every image that is wanted anywhere, each once, with its weightiest reason."""
    fits = what_fits(catalog.hardware, nodes)
    histories = _histories(demand.rates, {entry.name for entry in catalog.environments})
    found: dict[str, Wish] = {}
    for entry in catalog.environments:
        able = frozenset(
            name
            for hardware in catalog.hardware
            if _meet(entry.teams, hardware.teams)
            for name in fits[hardware.name].usable
        )
        rates = histories[entry.name]
        for image, why, is_everywhere in _reasons(entry, demand, has_started=rates[ANYWHERE] > 0):
            wish = Wish(
                image=image, environment=entry.name, why=why, rates=rates, nodes=able, is_everywhere=is_everywhere
            )
            known = found.get(image, wish)
            weightier = wish if wish.why < known.why else known
            found[image] = replace(weightier, is_everywhere=known.is_everywhere or is_everywhere)
    return tuple(found.values())


def _histories(rates: Mapping[tuple[str, str], float], environments: Collection[str]) -> dict[str, dict[str, float]]:
    """Starts a day of each environment: `ANYWHERE`, and in each group of nodes that has a history of them at all."""
    some = {key: rate for key, rate in rates.items() if rate > 0 and key[0] in environments}
    groups = {group for _, group in some}
    found = {name: dict.fromkeys((ANYWHERE, *groups), 0.0) for name in environments}
    for (name, group), rate in some.items():
        found[name][ANYWHERE] += rate
        if group != ANYWHERE:
            found[name][group] = rate
    return found


def _reasons(entry: Environment, demand: Demand, *, has_started: bool) -> Iterator[tuple[str, Why, bool]]:
    """The images that one environment is wanted for, why, and whether wherever it could run."""
    if entry.image is None:
        return
    offered, is_booked = demand.offered.get(entry.name, entry.image), entry.name in demand.booked
    reasons = ((is_booked, Why.BOOKED), (entry.default, Why.DEFAULT), (has_started, Why.STARTED))
    is_everywhere = is_booked or entry.default
    # What is announced goes where the old one is wanted: elsewhere nobody would find that one, either.
    if any(holds for holds, _ in reasons) and (announced := demand.announced.get(entry.name)):
        yield announced, Why.ANNOUNCED, is_everywhere
    for holds, why in reasons:
        if holds:
            yield offered, why, is_everywhere
    for image, environment in demand.watched.items():
        if environment == entry.name:
            yield image, Why.WATCHED, True


def _meet(one: frozenset[str] | None, other: frozenset[str] | None) -> bool:
    """Whether somebody is offered both."""
    return one is None or other is None or not one.isdisjoint(other)


def is_open(node: NodeFacts) -> bool:
    """Whether a node takes any image: one that is silent, cordoned or short of disk is left alone."""
    return node.is_ready and not node.is_cordoned and not node.is_short_of_disk


def ranked(wished: Iterable[Wish], group: str) -> list[Wish]:
    """What nodes of a group want, the most wanted first."""
    wanted = (wish for wish in wished if wish.is_wanted_in(group))
    return sorted(wanted, key=lambda wish: (wish.why, -wish.rate_in(group), wish.environment, wish.image))


def within_budget(
    wished: Sequence[Wish], nodes: Iterable[NodeImages], *, sizes: Mapping[str, int], budget: int
) -> Iterator[tuple[NodeImages, list[Wish]]]:
    """What each node wants and has room for within the budget, the most wanted first.

    A size that no node has told yet counts as nothing.
    """
    large = {wish.image: _size(wish.image, sizes) for wish in wished}
    by_group: dict[str, list[Wish]] = {}  # thousands of nodes are of few groups
    for node in nodes:
        if node.group not in by_group:
            by_group[node.group] = ranked(wished, node.group)
        kept, used = [], 0
        for wish in by_group[node.group]:
            if node.name not in wish.nodes:
                continue
            if used + large[wish.image] <= budget:
                kept.append(wish)
                used += large[wish.image]
        yield node, kept


def _size(image: str, sizes: Mapping[str, int]) -> int:
    return sizes.get(image) or sizes.get(without_tag(image), 0)  # nodes tell of it by the other name


def pulls(
    wished: Sequence[Wish],
    nodes: Sequence[NodeImages],
    *,
    sizes: Mapping[str, int],
    budget: int,
    at_once: int,
) -> tuple[Pull, ...]:
    """What is begun now: one for each node that fetches none, and no more than `at_once` together."""
    found: list[tuple[Why, Pull]] = []
    free = max(0, at_once - sum(node.fetching for node in nodes))
    images = {group: {wish.image for wish in ranked(wished, group)} for group in {node.group for node in nodes}}
    idle = [node for node in nodes if not node.fetching and not images[node.group] <= node.has]
    for node, wanted in within_budget(wished, idle, sizes=sizes, budget=budget) if free else ():
        missing = (wish for wish in wanted if not node.holds(wish.image) and wish.image not in node.not_now)
        wish = next(missing, None)
        if wish is not None:
            pull = Pull(node=node.name, node_uid=node.uid, image=wish.image, environment=wish.environment, why=wish.why)
            found.append((wish.why, pull))
    found.sort(key=lambda pair: (pair[0], pair[1].node))
    return tuple(pull for _, pull in found[:free])


def sizes_with_announced(
    sizes: Mapping[str, int], offered: Mapping[str, str], announced: Mapping[str, str]
) -> dict[str, int]:
    """An image that no node has told of yet is taken to be as large as what its environment starts now."""
    untold = {name: image for name, image in announced.items() if not _size(image, sizes)}
    return {**sizes, **{image: _size(offered.get(name, ""), sizes) for name, image in untold.items()}}


def lacking(
    image: str, wished: Sequence[Wish], nodes: Sequence[NodeImages], *, sizes: Mapping[str, int], budget: int
) -> tuple[str, ...]:
    """The nodes that are still to fetch an image. Those that gave it up, or have no room for it, do not count."""
    without = [node for node in nodes if not node.holds(image) and image not in node.gave_up]
    return tuple(
        node.name
        for node, wanted in within_budget(wished, without, sizes=sizes, budget=budget)
        if any(wish.image == image for wish in wanted)
    )
