"""One start of one workspace as a pod: create it, give it its Secret, follow what is told of it, see it answer.

A hub may die between any two lines. What is left then is a pod of a known name, with or without its Secret; the next
start of the same workspace finds it by that name and removes it first.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeVar

from spawner.claim import Claimed
from spawner.cluster_follow import follow_until_serving
from spawner.cluster_pods import delete_pod, last_log_lines, look_for_own, pods_path, remove_pod
from spawner.errors import (
    ClusterAway,
    HomeNotUsable,
    HomesAway,
    ServerNeverReady,
    offer_again,
    offer_empty_home,
    offers_on,
)
from spawner.homes import HomeRefused, HomesSilent
from spawner.installation import RELEASE_LABEL
from spawner.kube import KubeAway, KubeConflict, KubeError, KubeNotFound, KubeRefused
from spawner.manifest import HOME, secret_manifest
from spawner.notices import notices_variable, with_variables
from spawner.progress import Phase, PhaseState
from spawner.stages import Stage, stage_of
from spawner.team_mounts import SHARED, shared_folders, without_shared
from spawner.verdicts.create_refusals import QuotaExceeded, judge_refusal
from spawner.verdicts.errors import error_of
from spawner.verdicts.judge import DEFAULT_PATIENCE, judge
from spawner.verdicts.outcomes import NeverFits, Running, Waiting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from spawner.claim import ClusterClaim
    from spawner.errors import Offer, StartError
    from spawner.homes import HomeService
    from spawner.installation import Installation
    from spawner.kube import Json, Kube
    from spawner.plan import LaunchPlan
    from spawner.pod_facts import NodeFacts, PodFacts
    from spawner.pod_watch import PodWatch
    from spawner.progress_board import ProgressBoard
    from spawner.verdicts.errors import Verdict
    from spawner.verdicts.evidence import Patience
    from spawner.verdicts.outcomes import Outcome
    from studiolo.catalog import Hardware

API_SECONDS: Final = 60.0
"""How long an API server may be away before a start gives up: restarts of a control plane take less."""

API_PAUSE_SECONDS: Final = 0.5
"""Before it is asked again, where it does not say when."""

LEFT_OVER_SECONDS: Final = 60.0
"""For a pod that an earlier start left behind to go, beyond the time it has to save."""

SECRET_SECONDS: Final = 0.4
"""Between a pod and its Secret, at most, where the API server answers. Later than that, the kubelet may have missed it:
also where the answer to the pod's creation was lost, which takes as long as the pause before asking again."""

SETTLE_LATE_SECONDS: Final = 60.0
"""For a kubelet that has missed the Secret to look again: it does so every fifteen seconds or so."""

START_ANNOTATION: Final = "studiolo.dev/start"
"""On each pod: which start made it."""

Answer = TypeVar("Answer")


async def nothing_gives_way(_: QuotaExceeded) -> bool:
    """Where all that is there is somebody's."""
    return False


def new_mark() -> str:
    """A name for one start, that no other has."""
    return secrets.token_hex(8)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterStart:
    """Everything one start needs, and the start itself."""

    kube: Kube
    pods: PodWatch
    plan: LaunchPlan
    installation: Installation
    manifest: Json
    secrets: Mapping[str, str]
    """Variables whose values only the pod's Secret holds."""
    board: ProgressBoard
    probe_path: str
    """What the server is asked for, to see that it answers."""
    seconds: float
    """How long all of it may take."""
    claim: Callable[[Json, tuple[str, ...]], ClusterClaim | None] = lambda *_: None
    """Gives the claim of a warm pod, if one may be tried, for the pod that would be made and the folders of teams."""
    knock: Callable[[], None] = lambda: None
    """Begins what such a claim begins with, and waits for nothing: it is done while the home is made ready."""
    make_room: Callable[[QuotaExceeded], Awaitable[bool]] = nothing_gives_way
    """Ends something that is nobody's, for a start that a quota refuses; whether asking again may be right."""
    homes: HomeService | None = None
    """Who makes the home before the pod; None where the node does, which knows no owner."""
    node_of: Callable[[str], NodeFacts | None] = lambda _: None
    """A node by its name, where nodes may be seen."""
    instead: Callable[[Verdict], tuple[Hardware, ...]] = lambda _: ()
    """What would fit, where what was chosen does not."""
    mark: str = field(default_factory=new_mark)
    """Stands on the pod: it is of this very start, also where the answer to its creation was lost."""

    async def run(self) -> str:
        """The address of a server that answers. Raises StartError; cancelled or failed, no pod is left behind."""
        self.board.begin(Phase.ROOM)
        self.board.enter(Stage.CLAIM if self.board.forecast.is_claim else Stage.SCHEDULING)
        try:
            self.knock()
            prepared, folders = await self._prepare_home()
            manifest = with_variables(prepared, notices_variable(self.board.progress.notices))
        except BaseException:
            # What an earlier start left may have work in it: `stop` comes next, and gives it time to save.
            self._show_failure()
            raise
        try:
            async with asyncio.timeout(self.seconds):
                if (url := await self._claim(manifest, folders)) is not None:
                    return url
                created, patience = await self._create(manifest)
                return await self._follow(created, patience)
        except BaseException as error:
            self._show_failure()
            with contextlib.suppress(KubeError):  # the spawner's `stop` comes next, and insists
                await self._clear_away()
            if isinstance(error, TimeoutError):
                raise ServerNeverReady(self.seconds, offers=(offer_again(self.plan.choice),)) from None
            raise

    async def _claim(self, manifest: Json, folders: tuple[str, ...]) -> str | None:
        """The address of a warm pod's server that has become this workspace; None: the normal way, and at once."""
        claim = self.claim(manifest, folders)
        if claim is not None:
            self.board.enter(Stage.CLAIM)
            self.board.detail(Phase.ROOM, "A server that waits already becomes yours")
        found = None if claim is None else await claim.run()
        if not isinstance(found, Claimed):
            self.board.detail(Phase.ROOM, "")
            self.board.go_normal()
            return None
        for folder in found.left_out:
            self.board.notice(f"~/{SHARED}/{folder} is missing in this workspace.")
        self._reach(Phase.SERVER, "")
        self.board.finish(Phase.SERVER)
        self.board.leave()
        return found.url

    async def _prepare_home(self) -> tuple[Json, tuple[str, ...]]:
        """Before anything is made: without a home there is nothing to clear away, and nobody waits for a mount.

        Gives the manifest without the folders of teams that could not be made ready, and those that are: what is in the
        way may be the person's own file, which nobody but a workspace of theirs can move.
        """
        if self.homes is None or self.plan.has_empty_home:
            return self.manifest, ()
        try:
            state = await self.homes.ensure(self.plan.identity.home, self.plan.identity.owner)
            if state.sentence:
                self.board.notice(state.sentence)
            return await self._prepare_shared(self.homes)
        except HomesSilent as silent:
            raise HomesAway(str(silent), offers=self._without_home()) from silent
        except HomeRefused as refused:
            raise HomeNotUsable(str(refused), offers=self._without_home()) from refused

    def _without_home(self) -> tuple[Offer, ...]:
        """Again, or beside the home; then also without data on its volume, which a pod would wait for."""
        choice, homes = self.plan.choice, self.installation.homes
        claim = homes.claim if homes is not None else ""
        data = tuple(entry.name for entry in self.plan.data if entry.claim != claim)
        return offer_again(choice), offer_empty_home(replace(choice, data=data))

    async def _prepare_shared(self, homes: HomeService) -> tuple[Json, tuple[str, ...]]:
        folders = shared_folders(self.plan, self.installation)
        answers = await asyncio.gather(
            *(homes.share(self.plan.identity.home, folder, self.plan.identity.owner) for folder in folders),
            return_exceptions=True,
        )
        failed = {folder: error for folder, error in zip(folders, answers, strict=True) if error is not None}
        for folder, error in failed.items():
            if not isinstance(error, HomeRefused):
                raise error
            self.board.notice(f"~/{SHARED}/{folder} is missing in this workspace. {error}")
        ready = tuple(folder for folder in folders if folder not in failed)
        return without_shared(self.manifest, failed, home=HOME), ready

    async def _clear_away(self) -> None:
        """Removes what this start made; also where the answer to its creation was lost, and never another's."""
        if (pod := await look_for_own(self.pods, self.installation, self._name)) is not None:
            await delete_pod(self.kube, pod, grace_seconds=0)

    @property
    def _name(self) -> str:
        name: str = self.manifest["metadata"]["name"]
        return name

    async def _create(self, manifest: Json) -> tuple[PodFacts, Patience]:
        """The pod first, and its Secret at once after, so that the Secret belongs to it from its first moment."""
        began = asyncio.get_running_loop().time()
        pod = await self._insist(lambda: self._post_pod(manifest))
        secret = secret_manifest(self._name, self.secrets, pod_uid=pod.uid, installation=self.installation)
        await self._insist(lambda: self._post_secret(secret))
        is_late = asyncio.get_running_loop().time() - began > SECRET_SECONDS
        return pod, replace(DEFAULT_PATIENCE, settle=SETTLE_LATE_SECONDS) if is_late else DEFAULT_PATIENCE

    async def _post_pod(self, manifest: Json) -> PodFacts:
        path, marked = pods_path(self.installation), marked_with(manifest, self.mark)
        try:
            return self.pods.learn(await self._post(path, marked))
        except KubeConflict as conflict:
            if conflict.reason != "AlreadyExists":
                raise  # a quota that two starts asked at the same moment; asking again is right
            found = await self.pods.look(self._name)
            if found is not None and found.label(RELEASE_LABEL) != self.installation.release:
                raise KubeRefused(
                    f"The pod {self._name} belongs to another installation in this namespace.",
                    status=conflict.status,
                    reason=conflict.reason,
                ) from conflict
            if found is not None and found.annotation(START_ANNOTATION) == self.mark and not found.is_deleting:
                return found  # our own question reached the server, and its answer was lost
            self.board.detail(Phase.ROOM, "Removing what an earlier start left behind")
            # With the time to save that it was made with: what runs in it may be somebody's work.
            async with asyncio.timeout(self.installation.stop_seconds + LEFT_OVER_SECONDS):
                await remove_pod(self.kube, self.pods, self.installation, self._name)
            return self.pods.learn(await self._post(path, marked))

    async def _post(self, path: str, manifest: Json) -> Json:
        while True:
            try:
                return await self.kube.create(path, manifest)
            except KubeRefused as refused:
                verdict = judge_refusal(refused.status, refused.reason, str(refused))
                if not isinstance(verdict, QuotaExceeded) or not await self.make_room(verdict):
                    raise

    async def _post_secret(self, secret: Json) -> Json:
        path = f"/api/v1/namespaces/{self.installation.namespace}/secrets"
        try:
            return await self.kube.create(path, secret)
        except KubeConflict:
            # Of a pod of the same name that is gone, and that Kubernetes is about to collect.
            with contextlib.suppress(KubeNotFound):
                await self.kube.delete(f"{path}/{self._name}")
            return await self.kube.create(path, secret)

    async def _insist(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """Asks until there is an answer. A refusal is one; it is told with its reason, and at once."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + API_SECONDS
        while True:
            try:
                return await ask()
            except KubeRefused as refused:
                verdict = judge_refusal(refused.status, refused.reason, str(refused))
                raise self._error(verdict) from refused
            except (KubeAway, KubeConflict) as away:
                # The answer may have been lost, not the question: what was created then is found by its name.
                left = deadline - loop.time()
                if left < 0:
                    raise self._away(away) from away
                pause, why = API_PAUSE_SECONDS, "Something else changed at the same moment"
                if isinstance(away, KubeAway):
                    pause, why = away.retry_after or pause, "The cluster does not answer"
                self.board.detail(Phase.ROOM, f"{why}; trying again")
                await asyncio.sleep(min(left, pause))

    async def _follow(self, created: PodFacts, patience: Patience) -> str:
        """Until the server answers, or until what is told of its pod says that it never will."""
        began = asyncio.get_running_loop().time()

        async def running() -> PodFacts | None:
            pod = await self._now(created)
            return pod if await self._judge(pod, began, patience) else None

        url = await follow_until_serving(self.pods, created.name, running, self.probe_path)
        self.board.finish(Phase.SERVER)
        self.board.leave()
        return url

    async def _judge(self, pod: PodFacts, began: float, patience: Patience) -> bool:
        """Shows what is waited for; whether the server's container runs. Raises what ends the start."""
        match outcome := self._outcome(pod, began, patience):
            case Waiting():
                self._reach(outcome.phase, outcome.detail)
                self.board.enter(stage_of(outcome))
                return False
            case Running():
                self._reach(Phase.SERVER, "")
                self.board.enter(stage_of(outcome))
                return True
        log_tail = await last_log_lines(self.kube, pod) if pod.node else ()
        # Once more: why a program could not run may stand in its log alone.
        final = self._outcome(pod, began, patience, log_tail=log_tail)
        verdict = outcome if isinstance(final, Waiting | Running) else final
        raise self._error(verdict, log_tail=log_tail)

    def _outcome(self, pod: PodFacts, began: float, patience: Patience, *, log_tail: tuple[str, ...] = ()) -> Outcome:
        return judge(
            pod,
            self.pods.events_of(pod.uid),
            waited_seconds=asyncio.get_running_loop().time() - began,
            patience=patience,
            node=self.node_of(pod.node),
            memory_limit_bytes=self.plan.shape.hardware.memory_bytes,
            log_tail=log_tail,
        )

    async def _now(self, created: PodFacts) -> PodFacts:
        """The pod that was created, also when it has gone meanwhile: then as one that is being deleted."""
        found = self.pods.get(created.name)
        if found is None:
            try:
                found = await self.pods.look(created.name)
            except KubeError:
                return created  # nobody knows; the next look tells
        return found if found is not None and found.uid == created.uid else replace(created, is_deleting=True)

    def _reach(self, reached: Phase, detail: str) -> None:
        """Show the phase that runs now; those before it are done, whether anybody told of them or not."""
        for phase in Phase:
            if phase is reached:
                break
            self.board.begin(phase)
            if self.board.progress.of(phase).state is PhaseState.RUNNING:
                self.board.finish(phase)
        self.board.begin(reached)
        if detail:
            self.board.detail(reached, detail)

    def _show_failure(self) -> None:
        self.board.leave()
        running = (entry.phase for entry in self.board.progress.phases if entry.state is PhaseState.RUNNING)
        self.board.fail(next(running, Phase.ROOM))

    def _away(self, error: KubeError) -> StartError:
        """Nobody could be asked; or a rule of the cluster's own is silent, which looks like a fault of its server."""
        if error.status:
            return self._error(judge_refusal(error.status, error.reason, str(error)))
        return ClusterAway(API_SECONDS, offers=(offer_again(self.plan.choice),))

    def _error(self, verdict: Verdict, *, log_tail: tuple[str, ...] = ()) -> StartError:
        fitting = self.instead(verdict)
        offers = offers_on(fitting, self.plan.choice)
        if not offers or not isinstance(verdict, NeverFits):
            offers = (*offers, offer_again(self.plan.choice))
        return error_of(verdict, asked=self.plan.shape.hardware, fitting=fitting, offers=offers, log_tail=log_tail)


def marked_with(manifest: Json, mark: str) -> Json:
    """The manifest of a pod that tells which start made it."""
    metadata = manifest["metadata"]
    annotations = {**(metadata.get("annotations") or {}), START_ANNOTATION: mark}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}
