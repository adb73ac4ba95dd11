"""The hub is killed (`kill -9`) at each step of a claim, and services in the middle of a refill.

Afterwards there is one live workspace or none, no home is mounted where nobody works, as many pods wait as should, and
the next start of that person works. Real processes, the real agent, real parked servers.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from deploy.local.plans import HUB, SERVICES
from hub.node_agent.mounts import SEAT_PATH
from spawner.identity import CLAIMED, PARKED
from tests.cluster.claiming_hub import PATIENCE_SECONDS, ClaimingHub, claiming_hub
from tests.cluster.node_agents import PODS
from tests.cluster.surrounded_hub import dies_as_told

pytestmark = pytest.mark.usefixtures("on_this_machine")

WAITING = 2
CHOICE = {"user_options": {"environment": "minimal", "hardware": "small"}}

STEPS = {
    "saved": ("before _patch", {False}),
    "patched": ("after _patch", {False}),
    "ordered": ("within _give_order", {False, True}),
    "delivered": ("after _give_order", {True}),
    "probing": ("within _probe", {True}),
    "ready": ("after _probe", {True}),
}
"""What it has done; where it dies then; whether the start goes on with the next hub: where the agent has delivered."""


class Deaths:
    """A hub with claims that dies as it is told."""

    def __init__(self, hub: ClaimingHub, orders: Path) -> None:
        self.hub = hub
        self._orders = orders

    def start_and_die(self, where: str) -> None:
        """Asks for alice's workspace; the hub is dead."""
        with self.hub.api_of("alice") as api:
            self._orders.write_text(where)
            asking = threading.Thread(target=self._ask, args=(api,))
            asking.start()
            self.until_dead(HUB)
            asking.join()
        self._orders.unlink()

    def _ask(self, api: httpx.Client) -> None:
        try:
            api.post("users/alice/server", json=CHOICE)
        except httpx.HTTPError:
            return  # it died before it answered

    def until_dead(self, name: str) -> None:
        dead = self.hub._processes[name]
        self.hub.until(lambda: dead.poll() is not None, what=f"{name} is dead", seconds=PATIENCE_SECONDS)

    def tell(self, where: str) -> None:
        self._orders.write_text(where)

    def starts_again(self, name: str) -> None:
        """As whatever looks after it does."""
        self._orders.unlink(missing_ok=True)
        self.hub.kill(name)
        self.hub.start(name)

    def is_kept(self) -> bool:
        """Whether alice's workspace runs, once it neither starts nor stops."""
        return bool(self._settled()["ready"])

    def _settled(self) -> dict[str, object]:
        def server() -> dict[str, object]:
            with self.hub.api_of("alice") as api:
                return self.hub._server(api, "alice", "")

        self.hub.until(lambda: not server()["pending"], what="it neither starts nor stops", seconds=PATIENCE_SECONDS)
        return server()

    def until_right(self, *, workspaces: int) -> None:
        """So many claimed pods, each with its home; no home elsewhere; and as many wait as should."""
        hub = self.hub

        def is_right() -> bool:
            claimed = {pod["metadata"]["uid"] for pod in hub.pods(CLAIMED)}
            return len(claimed) == workspaces and self.mounted() == claimed

        hub.until(is_right, what=f"{workspaces} claimed, and homes there alone", seconds=PATIENCE_SECONDS)
        hub.until_parked(WAITING)
        assert len(hub.pods(PARKED)) == WAITING
        assert is_right()

    def mounted(self) -> set[str]:
        """Uids of pods in which homes of this volume are mounted, as the node sees it."""
        told = self.hub.agents.on_node("cat", "/proc/self/mountinfo").splitlines()
        places = [line.split()[4] for line in told if self.hub.volume_name in line]
        below = [place.removeprefix(f"{PODS}/").split("/", 1) for place in places if place.startswith(f"{PODS}/")]
        return {uid for uid, rest in below if rest.startswith(SEAT_PATH)}

    def answers(self) -> bool:
        """Whether alice's server answers through the proxy."""
        token = self.hub.token("alice", self.hub.passwords["alice"])
        address = f"{self.hub.base_url}/user/alice/api/status"
        answer = httpx.get(address, headers={"Authorization": f"token {token}"}, trust_env=False, timeout=30)
        return answer.is_success


@pytest.fixture(scope="module")
def deaths(
    tmp_path_factory: pytest.TempPathFactory,
    kubeconfig: Path,
    images: Mapping[str, str],
    on_this_machine: None,
    _remove_namespaces: None,
) -> Iterator[Deaths]:
    folder = tmp_path_factory.mktemp("deaths")
    with claiming_hub(folder, kubeconfig, images, pods=WAITING) as hub:
        for name in (HUB, SERVICES):
            dies_as_told(hub, name, folder / "orders")
            hub.stop(name)
            hub.start(name)
        hub.start_for("alice")
        hub.inside("alice", "echo of alice >~/notes.txt")
        hub.stop_for("alice")
        yield Deaths(hub, folder / "orders")


@pytest.mark.parametrize(
    "step", [pytest.param(step, marks=() if step in {"patched", "delivered"} else pytest.mark.long) for step in STEPS]
)
def test_a_hub_that_is_killed_in_a_claim_leaves_one_workspace_or_none_and_the_next_start_works(
    deaths: Deaths, step: str
) -> None:
    hub = deaths.hub
    where, allowed = STEPS[step]
    deaths.until_right(workspaces=0)
    deaths.start_and_die(where)
    deaths.starts_again(HUB)
    is_kept = deaths.is_kept()
    assert is_kept in allowed
    deaths.until_right(workspaces=int(is_kept))
    if is_kept:
        assert deaths.answers()
        assert hub.inside("alice", "cat ~/notes.txt") == "of alice"
        hub.stop_for("alice")
        deaths.until_right(workspaces=0)
    hub.start_for("alice")
    assert hub.is_claimed("alice")
    assert hub.inside("alice", "cat ~/notes.txt") == "of alice"
    deaths.until_right(workspaces=1)
    hub.stop_for("alice")
    assert (hub.home_of("alice") / "notes.txt").read_text() == "of alice\n"


@pytest.mark.parametrize("where", [pytest.param("before _create", marks=pytest.mark.long), "after _create"])
def test_services_that_are_killed_in_a_refill_make_the_pool_right_when_they_are_back(
    deaths: Deaths, where: str
) -> None:
    hub = deaths.hub
    deaths.until_right(workspaces=0)
    deaths.tell(where)
    hub.start_for("alice")
    hub.start_for("bob")
    assert hub.is_claimed("alice")
    assert hub.is_claimed("bob")
    deaths.until_dead(SERVICES)
    # Nobody needs them for what runs.
    assert deaths.answers()
    deaths.starts_again(SERVICES)
    deaths.until_right(workspaces=2)
    for person in ("alice", "bob"):
        hub.stop_for(person)


@pytest.mark.long
def test_services_that_are_killed_while_they_give_up_pods_leave_as_many_as_should_wait(deaths: Deaths) -> None:
    hub = deaths.hub
    deaths.until_right(workspaces=0)
    deaths.tell("after _delete")
    hub.want_pods(0)
    deaths.until_dead(SERVICES)
    deaths.starts_again(SERVICES)
    hub.until(lambda: not hub.pods(PARKED), what="no pod waits", seconds=PATIENCE_SECONDS)
    hub.want_pods(WAITING)
    deaths.until_right(workspaces=0)
