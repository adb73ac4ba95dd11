"""JupyterHub's spawner for Kubernetes: a workspace is a pod, and its end is told by events."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final

from kubespawner import KubeSpawner
from traitlets import default

from spawner.chosen_workspace import OUR_SHARE, ChosenWorkspace
from spawner.claim import SERVE_SECONDS
from spawner.cluster_claim import ClaimMaker
from spawner.cluster_end import ending_of
from spawner.cluster_pods import is_own, last_log_lines, look_for_own, pod_url, remove_pod, settle_cpu
from spawner.cluster_resume import KeptServer, resume_start
from spawner.cluster_start import LEFT_OVER_SECONDS, ClusterStart
from spawner.data_mounts import among_homes
from spawner.ending import Ending, EndingKind, from_json, to_json
from spawner.errors import ClusterAway, DataNotUsable, offer_again, offer_without
from spawner.hub_env import SERVICES_URL
from spawner.kube import KubeError
from spawner.lasting import Lasting
from spawner.manifest import pod_env, pod_traits, secret_values, settled_cpu
from spawner.opened_package import on_its_image, said_of_the_image
from spawner.start_report import CLAIMED, READY, StartReport
from spawner.verdicts.next_best import next_best
from studiolo.names import pod_name

if TYPE_CHECKING:
    from spawner.cluster_parts import ClusterParts
    from spawner.plan import LaunchPlan
    from spawner.pod_facts import NodeFacts, PodFacts
    from spawner.verdicts.errors import Verdict
    from studiolo.catalog import Environment, Hardware
    from studiolo.package_name import PackageName
    from studiolo.wire_models import PackageOrigin

STOP_AGAIN_SECONDS: Final = 5.0
"""How long to wait before a pod that is still there is asked to end once more."""

FIRST_LIST_SECONDS: Final = 3.0
"""How long a hub that starts waits for the first list of pods. Without it, workspaces are taken to be as they were."""

HTTP_SECONDS: Final = 120
"""For JupyterHub's own look at a server that has just answered us. The workspace is ended after it, so it is long."""


class WorkspaceSpawner(ChosenWorkspace, KubeSpawner):  # type: ignore[misc]  # untyped upstream
    """One workspace of one person as a pod."""

    parts: ClassVar[ClusterParts]

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.pod_name = pod_name(self.user.name, self.name)
        self._order = ""
        """By which its pod was claimed; "" where a start made it."""
        self._ending: Ending | None = None
        self._hub_env: dict[str, str] = {}
        self._is_resumed = False
        """Whether its start was cut off by the end of an earlier hub, and goes on in this one."""

    @default("http_timeout")
    def _http_timeout_default(self) -> int:
        return HTTP_SECONDS

    # What pages ask

    def ending(self) -> Ending | None:
        """How the workspace ended; None while it runs or where it never ran."""
        return self._ending

    # What JupyterHub asks

    def get_state(self) -> dict[str, Any]:
        """What is known again after a restart of the hub: the pod's name and namespace, and how the last one ended."""
        ended = {"ending": to_json(self._ending)} if self._ending else {}
        claimed = {"order": self._order} if self._order else {}
        return {"pod_name": self.pod_name, "namespace": self.namespace, **claimed, **ended, **self.lasting.as_state()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Takes over what `get_state` gave. The name of a pod that was not claimed follows from the workspace's."""
        self._take(str(state.get("pod_name", "")), str(state.get("order", "")))
        self.namespace = state.get("namespace") or self.parts.installation.namespace
        self._ending = from_json(str(state.get("ending", "")))
        self.lasting = Lasting.from_state(state)

    def clear_state(self) -> None:
        """Before a start. How the last one ended stays known until the next has begun."""
        self.api_token = ""

    def get_env(self) -> dict[str, Any]:
        """The container's variables. The token's value is kept apart: it reaches the container by the pod's Secret."""
        env: dict[str, Any] = super().get_env()
        told = ("JUPYTERHUB_", "JPY_", SERVICES_URL)
        self._hub_env = {name: value for name, value in env.items() if name.startswith(told)}
        if self.plan is None:
            return dict(self._hub_env)
        index = self.parts.installation.package_index
        return pod_env(self.plan, self._hub_env, secret=self.pod_name, package_index=index)

    async def start(self) -> str:
        """The address of a server that answers. Everything that goes wrong is a SpawnException with its reason."""
        # Saved before anything exists in Kubernetes: a hub that dies now finds what it had begun.
        self.namespace = self.parts.installation.namespace
        self._ending = None
        self.lasting = Lasting()
        self._save_state()
        return await self._run_start(self._start_pod)

    async def stop(self, now: bool = False) -> None:  # noqa: FBT001, FBT002 - JupyterHub's signature
        """Ends the workspace, and does not return before it is gone: JupyterHub would forget an error in silence."""
        self._begin_stop()
        parts = self.parts
        while True:
            try:
                await self._note_end(is_asked_for=True)
                self._save_state()  # a hub that dies now goes on with this stop in its next life
                grace = 0 if now else None
                await remove_pod(
                    parts.kube,
                    parts.pods,
                    parts.installation,
                    self.pod_name,
                    order=self._order,
                    grace_seconds=grace,
                )
            except KubeError as error:
                if self.failure is not None:
                    # The person waits for the reason of a failed start. What is left of it, if anything, has no row
                    # in the database from now on: the next start, or the look for such pods, ends it.
                    self.log.warning("The failed start of %s may have left a pod: %s", self._log_name, error)
                    return
                self.log.warning("The workspace %s does not end, trying again: %s", self._log_name, error)
                self.meter.stop_retried()
                await asyncio.sleep(STOP_AGAIN_SECONDS)
            else:
                self._take("", "")
                return

    async def poll(self) -> int | None:
        """None while it starts or runs, otherwise an exit code. Without data nothing is declared gone."""
        try:
            return await self._poll()
        except Exception:
            # JupyterHub would take this for the end of a workspace, when it restarts.
            self.log.exception("This is a bug. The workspace %s is taken to run", self._log_name)
            return None

    async def get_url(self) -> str:
        """Where the server is, asked by a hub that restarted. A start that this cut off goes on meanwhile."""
        pods, server = self.parts.pods, self.server
        if server.ip:  # it has answered once
            self._server = KeptServer(server.orm_server, is_over=self._is_over)
            pod = self._known_pod()
            return f"{pod_url(pod)}{server.base_url}" if pod is not None and pod.ip else str(server.url)
        self._is_resumed = True
        url = await resume_start(
            pods,
            self.parts.installation,
            self.pod_name,
            order=self._order,
            probe_path=f"{server.base_url}api",
            seconds=SERVE_SECONDS if self._order else self.start_timeout * OUR_SHARE,
            is_wanted=lambda: self._ending is None,
        )
        if url is None and self._ending is None:
            self._ending = Ending(kind=EndingKind.CUT_OFF, ended_at=datetime.now(UTC))
        self._server = KeptServer(server.orm_server, is_over=self._is_over)
        return str(server.url) if url is None else f"{url}{server.base_url}"

    @property
    def is_resumed(self) -> bool:
        """Whether this is a start that was cut off by a restart of the hub, and goes on."""
        return self._is_resumed

    def stop_resumed(self) -> None:
        """Ends such a start within a second or two; JupyterHub itself has no way to stop what it still looks at."""
        self._ending = Ending(kind=EndingKind.STOPPED, ended_at=datetime.now(UTC))

    def start_polling(self) -> None:
        """As JupyterHub has it. A start that went on in this hub gets its route now: nobody else would add it soon."""
        super().start_polling()
        if self._is_resumed:
            self._is_resumed = False
            self._adding_route = asyncio.ensure_future(self._add_route())

    async def rename(self, old_name: str, new_name: str) -> None:  # noqa: ARG002 - JupyterHub's signature
        """Nothing is kept under a stopped workspace's name but what JupyterHub keeps itself."""
        self.pod_name = pod_name(self.user.name, new_name)

    async def delete_forever(self) -> None:
        """Nothing is left of a stopped workspace; the home is the person's."""

    # How it is done

    def _known_pod(self) -> PodFacts | None:
        """As it was last heard of. One of that name that is another's is not it."""
        pod = self.parts.pods.get(self.pod_name)
        return pod if pod is not None and is_own(pod, self.parts.installation, self._order) else None

    def _take(self, name: str, order: str) -> None:
        """Which pod is this workspace's: a warm one of that name and order, else the one that a start makes."""
        self.pod_name = name if order else pod_name(self.user.name, self.name)
        self._order = order

    def _take_and_save(self, name: str, order: str) -> None:
        self._take(name, order)
        self._save_state()

    async def _end_claimed(self, plan: LaunchPlan) -> None:
        """What an earlier start may have left: it may have the person's files, so nothing begins before it is gone."""
        if not self._order:
            return
        parts, seconds = self.parts, self.parts.installation.stop_seconds + LEFT_OVER_SECONDS
        try:
            async with asyncio.timeout(seconds):
                await remove_pod(parts.kube, parts.pods, parts.installation, self.pod_name, order=self._order)
        except (TimeoutError, KubeError) as error:
            raise ClusterAway(seconds, offers=(offer_again(plan.choice),)) from error
        self._take_and_save("", "")

    def _send_report(self, outcome: str) -> None:
        """A claimed start counts as one, and says nothing of how long a normal one takes."""
        super()._send_report(CLAIMED if self._order and outcome == READY else outcome)

    def _save_state(self) -> None:
        self.orm_spawner.state = self.get_state()
        self.user.db.commit()

    async def _poll(self) -> int | None:
        pods = self.parts.pods
        if self._check_pending:  # asked by a hub that has just started
            await pods.wait_synced(FIRST_LIST_SECONDS)
        if self._is_starting or not pods.is_synced:
            return None
        pod = self._known_pod()
        if pod is None:
            try:
                pod = await look_for_own(pods, self.parts.installation, self.pod_name, self._order)
            except KubeError as error:
                self.log.warning("The workspace %s cannot be looked at: %s", self._log_name, error)
                return None
        if pod is not None and not pod.has_ended:
            return None
        if pod is None and self._ending is None and self.server is not None and not self.server.ip:
            self._ending = Ending(kind=EndingKind.CUT_OFF, ended_at=datetime.now(UTC))
        await self._note_end()
        code = self._ending.exit_code if self._ending else None
        return 1 if code is None else code

    async def _is_over(self) -> bool:
        return self._ending is not None or await self.poll() is not None

    async def _add_route(self) -> None:
        proxy = self.user.settings.get("proxy")
        if proxy is None:
            return
        try:
            await proxy.add_user(self.user, self.name)
        except Exception:
            self.log.exception("The workspace %s has no route yet; the next look at all routes adds it", self._log_name)

    async def _with_owner(self, plan: LaunchPlan) -> LaunchPlan:
        """The plan with the person's user number. Nobody without one gets that of others instead."""
        if self.parts.owner_of is None:
            return plan
        return plan.owned_by(self.parts.owner_of(await self.user.get_auth_state()))

    async def _start_pod(self, plan: LaunchPlan) -> str:
        await self._end_claimed(plan)
        plan = self.plan = await self._with_owner(plan)
        if wrong := among_homes(plan.data, self.parts.installation.homes):
            offer = offer_without({entry.name for entry in wrong}, plan.choice)
            raise DataNotUsable(wrong[0].title, "It lies where people's homes are, which are theirs.", offers=(offer,))
        for name, value in pod_traits(plan, self.parts.installation).items():
            setattr(self, name, value)
        self._expect(plan)
        self._report = StartReport(
            starts=self.parts.starts,
            plan=plan,
            environment_digest=plan.shape.environment.image or "",
            was_installed=False,
            started_at=datetime.now(UTC),
        )
        manifest = self.parts.kube.as_json(await self.get_pod_manifest())
        secrets = secret_values(self._hub_env)  # which is known now
        maker = ClaimMaker(
            parts=self.parts,
            plan=plan,
            secrets=secrets,
            probe_path=f"{self.server.base_url}api",
            save=self._take_and_save,
            ended=self.meter.claim_ended,
            log=self.log,
        )
        start = ClusterStart(
            kube=self.parts.kube,
            pods=self.parts.pods,
            plan=plan,
            installation=self.parts.installation,
            manifest=manifest,
            secrets=secrets,
            claim=maker.claim,
            knock=maker.knock,
            make_room=maker.make_room,
            board=self._board,
            probe_path=f"{self.server.base_url}api",
            seconds=self.start_timeout * OUR_SHARE,
            homes=self.parts.homes,
            node_of=self._node_of,
            instead=lambda verdict: self._instead(plan, verdict),
        )
        url = await start.run()
        await self._settle_cpu(plan)
        return url

    def _node_group(self) -> str:
        """The sort of node that it came to."""
        pod = self._known_pod()
        node = self._node_of(pod.node) if pod is not None and pod.node else None
        return node.group if node is not None else ""

    async def _software_of_then(
        self, now: Environment, origin: PackageOrigin, package: PackageName
    ) -> tuple[Environment, tuple[str, ...]]:
        """With the very image, even if the catalog has moved on."""
        environment = on_its_image(now, origin)
        return environment, said_of_the_image(environment, now, package)

    def _node_of(self, name: str) -> NodeFacts | None:
        return None if self.parts.nodes is None else self.parts.nodes.get(name)

    def _instead(self, plan: LaunchPlan, verdict: Verdict) -> tuple[Hardware, ...]:
        """What a node would hold of all that is on offer to this person."""
        if self.parts.nodes is None:
            return ()
        return next_best(
            verdict,
            plan.shape.hardware,
            offered=self.parts.catalogs.current.offered_hardware(plan.identity.teams),
            nodes=self.parts.nodes.nodes(),
            by_forecast=self.parts.forecasts.instead(plan),
        )

    async def _settle_cpu(self, plan: LaunchPlan) -> None:
        """Half a core is for working, not for starting. Where a running pod cannot be changed, it keeps what it has."""
        pod, change = self._known_pod(), settled_cpu(plan)
        if pod is None or change is None:
            return
        try:
            await settle_cpu(self.parts.kube, pod, change)
        except KubeError as error:
            self.log.info("The workspace %s keeps the cores that it started with: %s", self._log_name, error)

    async def _note_end(self, *, is_asked_for: bool = False) -> None:
        """Keeps how it ended while that can still be read: log and status go with the pod."""
        if self._ending is not None:
            return
        parts, now = self.parts, datetime.now(UTC)
        pod = self._known_pod()
        if is_asked_for and pod is not None and not pod.has_ended:
            self._ending = self.lasting.explain(Ending(kind=EndingKind.STOPPED, ended_at=now))
            return
        self._ending = ending_of(
            pod,
            parts.pods.events_of(pod.uid) if pod else (),
            log_tail=await last_log_lines(parts.kube, pod) if pod else (),
            memory_limit_bytes=self.mem_limit,
            now=now,
        )
