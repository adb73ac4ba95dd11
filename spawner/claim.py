"""One claim of a warm pod for one start: knock, patch, order, first answer; or nothing, and it starts the normal way.

`claim_rules.py` decides; here is what it takes to find out. A hub may die between any two lines: the name of the pod
and the id of the order are saved before the patch, so the next one knows which pod may be whose.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar

from spawner.claim_aim import Aim, Aiming
from spawner.claim_misses import why_none
from spawner.claim_rules import (
    Answer,
    Do,
    Miss,
    Step,
    after,
    claim_patch,
    nodes_to_ask,
    seen,
)
from spawner.cluster_pods import delete_pod, pod_url, pods_path
from spawner.identity import USER_LABEL, GivenCredentials, HomeFolder, Order, TeamFolder
from spawner.kube import KubeAway, KubeConflict, KubeError, KubeNotFound, KubeRefused
from spawner.probe import wait_for_answer

if TYPE_CHECKING:
    import logging
    from collections.abc import Awaitable, Callable

    from spawner.identity import Identity
    from spawner.installation import Installation
    from spawner.kube import Json, Kube
    from spawner.made_of import Make
    from spawner.node_agents import NodeAgents
    from spawner.pod_facts import PodFacts
    from spawner.pod_watch import PodWatch

CLAIM_SECONDS: Final = 0.25
"""After this, no other pod is aimed at: what a claim costs a start that comes to nothing stays below 0.3 s."""

SERVE_SECONDS: Final = 20.0
"""For a server that has its identity to answer. It takes a tenth of a second on an idle machine."""

PAUSE_SECONDS: Final = 0.5
"""Before an API server that is away is asked again."""

END_GRACE_SECONDS: Final = 1
"""Not 0: with that, Kubernetes forgets a pod before its containers have ended, and nobody knows when they have."""

ASK_AGAIN_SECONDS: Final = 3600.0
"""After so long a node that showed no other numbers is tried once more: it may have another kernel, or another disk."""

Found = TypeVar("Found")


@dataclass(slots=True, kw_only=True)
class Claims:
    """What all claims of a hub share."""

    warm: PodWatch
    """Pods of nobody."""
    agents: NodeAgents
    aimed: set[str] = field(default_factory=set)
    """Uids of those that a start of this hub aims at just now: no two race for one."""
    plain: dict[str, float] = field(default_factory=dict)
    """Nodes that show a home with its own numbers only, and until when that is believed, in the loop's time."""
    unlike: set[str] = field(default_factory=set)
    """Templates of warm pods that cannot become what starts make, as a start found out: nobody is promised one."""
    claim_seconds: float = CLAIM_SECONDS
    serve_seconds: float = SERVE_SECONDS

    def shows_homes_of(self, node: str, *, is_renumbered: bool, now: float) -> bool:
        """Whether a home can be shown in a pod there, as far as is known. `is_renumbered`: see `Wanted`."""
        return not is_renumbered or self.plain.get(node, 0.0) <= now

    def knock_for(self, make: Make, *, takes_new: Callable[[str], bool], with_broker: bool) -> None:
        """Begins to knock where a claim for such a pod would, and waits for nothing: until that comes, the answers are
        there (`FRESH_SECONDS`).
        """
        pods = [pod for pod in self.warm.pods() if takes_new(pod.node)]
        for node in nodes_to_ask(pods, make, tried=self.aimed):
            self.agents.knock(node, with_broker=with_broker)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a pod is claimed for."""

    make: Make
    manifest: Json
    """The pod that the start would make: its labels and annotations are put on the claimed one."""
    home: HomeFolder
    is_renumbered: bool = False
    """Whether its owner has another number than the pod: not every node can show the one as the other."""
    identity: Identity = field(repr=False)
    teams: tuple[str, ...]
    """Folders."""
    credentials: GivenCredentials = field(default_factory=GivenCredentials)
    probe_path: str

    def order(self, pod: PodFacts) -> Order:
        """A new one for this pod."""
        return Order(
            id=secrets.token_hex(16),
            at=datetime.now(UTC),
            namespace=pod.namespace,
            pod=pod.name,
            pod_uid=pod.uid,
            user=self.manifest["metadata"]["labels"][USER_LABEL],
            home=self.home,
            teams=tuple(TeamFolder(name=folder) for folder in self.teams),
            credentials=self.credentials,
            identity=self.identity,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """The workspace."""

    url: str
    left_out: tuple[str, ...]
    """Folders of teams that are not in it."""


@dataclass(slots=True, kw_only=True)
class ClusterClaim:
    """Everything one claim needs, and the claim itself."""

    claims: Claims
    kube: Kube
    pods: PodWatch
    """Workspaces."""
    installation: Installation
    wanted: Wanted
    save: Callable[[str, str], None]
    """Takes down which pod may be this workspace's from now on, by its name and the id of the order; "" and "": none
    but the one that a normal start makes."""
    log: logging.Logger
    takes_new: Callable[[str], bool] = lambda _: True
    """Whether anything new should begin on a node, by its name: a pod on one that is emptied waits for nobody."""
    ended: Callable[[Miss | None, float | None], None] = lambda *_: None
    """Counts claims by how they ended (None: well), with the seconds until then."""

    async def run(self) -> Claimed | Miss:
        """The workspace, or why there is none: then no pod has its identity. Cancelled, none is left either."""
        clock = asyncio.get_running_loop().time
        began = clock()
        found = await self._run()
        if isinstance(found, Miss):
            self.log.info("%s", why_none(found))
        self.ended(found if isinstance(found, Miss) else None, clock() - began)
        return found

    async def _run(self) -> Claimed | Miss:
        aiming = Aiming(claims=self.claims, wanted=self.wanted, takes_new=self.takes_new, save=self.save, log=self.log)
        aim: Aim | None = None
        clock = asyncio.get_running_loop().time
        began = clock()
        acts = {
            Do.AIM: self._patch,
            Do.LOOK: self._look,
            Do.END_PARKED: self._end_parked,
            Do.ORDER: self._give_order,
            Do.PROBE: self._probe,
        }
        step = Step(do=Do.AIM)
        try:
            while step.do is not Do.SERVE:
                miss = step.miss
                if step.do is Do.AIM:
                    aim, miss = await aiming.next(until=began + self.claims.claim_seconds)
                if aim is None or miss is not None:
                    if aiming.tried:
                        self.save("", "")
                    return miss or aiming.none()
                doing, since = step.do, clock()
                answer = await acts[doing](aim)
                aim.seconds[doing] = clock() - since
                is_late = clock() - began > self.claims.claim_seconds
                step = after(answer, tries=len(aiming.tried), is_late=is_late)
                if step.waits:
                    await self._end_wholly(aim)
                elif step.ends:
                    await self._end(aim)
        except BaseException:
            if aim is not None:
                # What this leaves, since nobody knows how far it came, ends by the look for pods that are nobody's.
                await self._end(aim)
            raise
        finally:
            self.claims.aimed -= aiming.tried
        if aim is None:
            return aiming.none()
        self.log.info("The warm pod %s is claimed: %s", aim.pod.name, aim)
        return Claimed(url=pod_url(aim.pod), left_out=aim.left_out)

    async def _patch(self, aim: Aim) -> Answer:
        metadata = self.wanted.manifest["metadata"]
        labels, annotations = metadata["labels"], metadata.get("annotations") or {}
        patch = claim_patch(aim.pod, aim.order, labels=labels, annotations=annotations)
        try:
            raw = await self.kube.merge(self._path(aim), patch)
        except (KubeConflict, KubeNotFound, KubeRefused) as error:
            self.log.info("The warm pod %s was not claimed: %s", aim.pod.name, error)
            return Answer.NOT_CLAIMED
        except KubeAway:
            return Answer.NO_ANSWER
        # Known at once everywhere in this hub; the watches tell it some milliseconds later.
        self.claims.warm.learn(raw)
        aim.pod = self.pods.learn(raw)
        return Answer.CLAIMED

    async def _look(self, aim: Aim) -> Answer:
        found = await self._insist(lambda: self.pods.look(aim.pod.name))
        answer = seen(found, aim.pod, aim.order.id)
        if found is not None and answer in {Answer.CLAIMED, Answer.STILL_PARKED}:
            aim.pod = found
        return answer

    async def _end_parked(self, aim: Aim) -> Answer:
        pod = aim.pod
        try:
            await self.kube.delete(
                self._path(aim), uid=pod.uid, resource_version=pod.resource_version, grace_seconds=END_GRACE_SECONDS
            )
        except KubeNotFound:
            return Answer.ENDED_PARKED
        except KubeConflict:
            return Answer.CHANGED
        except KubeError:
            return Answer.NO_ANSWER
        return Answer.ENDED_PARKED

    async def _give_order(self, aim: Aim) -> Answer:
        given = await self.claims.agents.give(aim.order, aim.pod.node)
        if given.said:
            self.log.info("The agent of %s, of the warm pod %s: %s", aim.pod.node, aim.pod.name, given.said)
        if given.shows_no_numbers:
            self.claims.plain[aim.pod.node] = asyncio.get_running_loop().time() + ASK_AGAIN_SECONDS
        aim.left_out, aim.agent_ms = given.left_out, given.agent_ms
        return given.answer

    async def _probe(self, aim: Aim) -> Answer:
        """The server's first answer, or the pod's end, or too much time."""
        answered = asyncio.create_task(wait_for_answer(pod_url(aim.pod), self.wanted.probe_path))
        ended = asyncio.create_task(self._until_ended(aim.pod))
        both = {answered, ended}
        try:
            await asyncio.wait(both, timeout=self.claims.serve_seconds, return_when=asyncio.FIRST_COMPLETED)
            return Answer.SERVES if answered.done() and not ended.done() else Answer.SILENT
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    async def _until_ended(self, pod: PodFacts) -> None:
        async with aclosing(self.pods.changes(pod.name)) as changes:
            async for now in changes:
                if now is None or now.uid != pod.uid or now.is_deleting or now.has_ended:
                    return

    async def _end(self, aim: Aim) -> None:
        """Asks for the end of the pod if it is ours: if it is not, it may be another's."""
        with contextlib.suppress(KubeError):
            found = await self.pods.look(aim.pod.name)
            if seen(found, aim.pod, aim.order.id) is Answer.CLAIMED:
                await delete_pod(self.kube, aim.pod, grace_seconds=END_GRACE_SECONDS)

    async def _end_wholly(self, aim: Aim) -> None:
        """Asks for its end until the API server says that it is gone, and so its containers are."""
        async with aclosing(self.pods.changes(aim.pod.name)) as changes:
            change = asyncio.ensure_future(anext(changes))
            try:
                while (found := await self._insist(lambda: self.pods.look(aim.pod.name))) and found.uid == aim.pod.uid:
                    with contextlib.suppress(KubeError):
                        await delete_pod(self.kube, aim.pod, grace_seconds=END_GRACE_SECONDS)
                    await asyncio.wait({change}, timeout=PAUSE_SECONDS)
                    if change.done():
                        change = asyncio.ensure_future(anext(changes))
            finally:
                change.cancel()
                await asyncio.gather(change, return_exceptions=True)

    async def _insist(self, ask: Callable[[], Awaitable[Found]]) -> Found:
        """Until there is an answer: the start that this is part of has a limit of its own."""
        while True:
            try:
                return await ask()
            except KubeError as error:
                self.log.info("A warm pod cannot be asked for: %s", error)
            await asyncio.sleep(PAUSE_SECONDS)

    def _path(self, aim: Aim) -> str:
        return f"{pods_path(self.installation)}/{aim.pod.name}"
