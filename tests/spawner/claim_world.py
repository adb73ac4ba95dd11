"""Pods, an API server, agents and people who start workspaces at once, in an order drawn step by step.

What the API server and the agents promise stands here in a few lines: preconditions hold, an order fits one pod,
answers get lost, requests arrive late, and pods die.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spawner.claim_rules import Answer, Do, Step, after

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from random import Random


@dataclass(slots=True)
class Pod:
    """One pod as the API server has it, and what is in it."""

    name: str
    version: int = 0
    owner: int | None = None
    identity: int | None = None
    is_alive: bool = True
    is_ending: bool = False


@dataclass
class World:
    """Every step of anybody may be followed by a step of anybody else."""

    random: Random
    pods: int
    people: int
    faults: float = 0.0
    served: dict[int, str] = field(default_factory=dict)
    table: dict[str, Pod] = field(default_factory=dict)
    late: list[tuple[int, Pod, int]] = field(default_factory=list)
    """Patches on their way whose askers were told nothing: person, pod, version."""

    def run(self) -> None:
        """Until everybody has a workspace."""
        self.table = {f"warm-{number}": Pod(f"warm-{number}") for number in range(self.pods)}
        running = {person: self._start(person) for person in range(self.people)}
        while running or self.late:
            if self.late and (not running or self.random.random() < 0.2):
                self.patch(*self.late.pop(self.random.randrange(len(self.late))))
            elif running:
                person = self.random.choice(list(running))
                if next(running[person], "over") == "over":
                    del running[person]
            for pod in self.table.values():
                if pod.is_ending and self.random.random() < 0.3:
                    pod.is_alive = False
            self._check()

    def owner_of(self, name: str) -> int | None:
        """Whose a pod is."""
        return self.table[name].owner

    def left_over(self) -> set[str]:
        """Pods that are somebody's, and that nobody works in or ends."""
        used = set(self.served.values())
        return {
            pod.name
            for pod in self.table.values()
            if pod.owner is not None and pod.is_alive and not pod.is_ending and pod.name not in used
        }

    def _check(self) -> None:
        having = [pod.identity for pod in self.table.values() if pod.is_alive and pod.identity is not None]
        assert len(having) == len(set(having)), "an identity is in two pods that live"

    def fails(self) -> bool:
        """Whether something goes wrong now."""
        return self.random.random() < self.faults

    def patch(self, person: int, pod: Pod, version: int) -> bool:
        """The API server's part."""
        if not pod.is_alive or pod.is_ending or pod.version != version:
            return False
        pod.owner, pod.version = person, pod.version + 1
        return True

    def _start(self, person: int) -> Generator[str]:
        one = Start(self, person)
        step = Step(do=Do.AIM)
        while step.do not in {Do.SERVE, Do.NORMAL}:
            yield "step"
            if step.do is Do.AIM:
                if not one.has_chosen():
                    break
                yield "has read"
            is_late = self.fails() and self.fails()
            step = after(one.acts[step.do](), tries=len(one.tried), is_late=is_late)
            if step.ends:
                assert one.pod.owner == person, "nobody ends another's pod"
                one.pod.is_ending = True
            while step.waits and one.pod.is_alive:
                yield "waits"
        if step.do is not Do.SERVE:
            one.pod = self.table[f"own-{person}"] = Pod(f"own-{person}", owner=person, identity=person)
        self.served[person] = one.pod.name


class Start:
    """One person's, as far as it has come."""

    def __init__(self, world: World, person: int) -> None:
        self.world = world
        self.person = person
        self.pod = Pod("")
        self.version = 0
        self.tried: set[str] = set()
        self.ordered: set[str] = set()
        self.acts: dict[Do, Callable[[], Answer]] = {
            Do.AIM: self.patch,
            Do.LOOK: self.look,
            Do.END_PARKED: self.end_parked,
            Do.ORDER: self.order,
            Do.PROBE: self.probe,
        }

    def has_chosen(self) -> bool:
        """Whether there is a pod to aim at."""
        pods = [
            pod
            for pod in self.world.table.values()
            if pod.is_alive and not pod.is_ending and pod.owner is None and pod.name not in self.tried
        ]
        if pods:
            self.pod = self.world.random.choice(pods[:4])
            self.version = self.pod.version
            self.tried.add(self.pod.name)
        return bool(pods)

    def patch(self) -> Answer:
        """Carried out, refused, or nobody knows."""
        if not self.world.fails():
            is_ours = self.world.patch(self.person, self.pod, self.version)
            return Answer.CLAIMED if is_ours else Answer.NOT_CLAIMED
        if self.world.fails():
            self.world.patch(self.person, self.pod, self.version)
        else:
            self.world.late.append((self.person, self.pod, self.version))
        return Answer.NO_ANSWER

    def look(self) -> Answer:
        """Whose it is now."""
        self.version = self.pod.version
        if self.pod.is_alive and self.pod.owner == self.person:
            return Answer.CLAIMED
        return Answer.STILL_PARKED if self.pod.is_alive and self.pod.owner is None else Answer.NOT_CLAIMED

    def end_parked(self) -> Answer:
        """Only as it was seen."""
        if self.pod.version != self.version:
            return Answer.CHANGED
        self.pod.is_ending, self.pod.version = True, self.pod.version + 1
        return Answer.NO_ANSWER if self.world.fails() else Answer.ENDED_PARKED

    def order(self) -> Answer:
        """Once for each pod."""
        assert self.pod.name not in self.ordered
        self.ordered.add(self.pod.name)
        if self.world.fails():
            return Answer.UNREACHED
        if not self.pod.is_alive or self.pod.is_ending or self.pod.owner != self.person or self.world.fails():
            return Answer.REFUSED
        self.pod.identity = self.person
        return Answer.UNSURE if self.world.fails() else Answer.DELIVERED

    def probe(self) -> Answer:
        """It serves, or it may have died."""
        if self.world.fails():
            self.pod.is_alive = self.pod.is_alive and self.world.fails()
            return Answer.SILENT
        return Answer.SERVES if self.pod.is_alive else Answer.SILENT
