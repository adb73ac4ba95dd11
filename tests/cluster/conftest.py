"""What tests on a real cluster share: the door to it, namespaces of this run alone, and what is kept of a failure."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import pytest

from deploy.cluster.deployment import Deployment, deploy
from deploy.cluster.layout import CHECKOUT, layout_here
from deploy.images.cluster_catalog import IMAGES_FILE
from tests.cluster.ended_early import clean_up_when_ended
from tests.cluster.failures import keep
from tests.cluster.installed import Installed
from tests.cluster.kube import Kube, RefusedError, connect
from tests.cluster.namespaces import RUN, create_namespace, delete_namespaces
from tests.cluster.pods import RESTRICTED

OWN_CLUSTER = layout_here().kubeconfig
CATALOG = layout_here().state / "catalog"
FAILURES = CHECKOUT / "build" / "cluster-failures"
BESIDE = (
    "test_attacks_warm_pods",
    "test_bookings",
    "test_claim_race",
    "test_claimed_as_started",
    "test_claimed_credentials",
    "test_claimed_homes",
    "test_claims",
    "test_claims_pool",
    "test_claims_shown",
    "test_clients_at_work",
    "test_forecasts",
    "test_held_room",
    "test_held_room_drains",
    "test_homes",
    "test_hub_dies_in_a_claim",
    "test_node_agent",
    "test_node_agent_dies",
    "test_numbered_claims",
    "test_prepull",
    "test_user_numbers",
)
"""Test files with a hub and namespaces of their own: they run beside the others, which mostly wait as they do."""
LAST = (
    "test_cluster_offers",
    "test_held_room_grows",
    "test_nodes",
    "test_node_agent_outlives_the_node",
    "test_cluster_components_come_back",
    "test_cluster_leaves_no_trace",
)
"""Test files, in the order in which they end the run. With the second node, which the first of them adds, a network
interface comes, and a Chromium that looks at a page at that moment breaks it off."""

Namespaces = Callable[..., Awaitable[str]]
T = TypeVar("T")


def chosen_kubeconfig() -> Path:
    """The cluster that STUDIOLO_KUBECONFIG names, or the one of `make cluster`."""
    named = os.environ.get("STUDIOLO_KUBECONFIG")
    return Path(named) if named else OWN_CLUSTER


def run_apart(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run to the end where no event loop may be touched: in hooks, and in fixtures that outlive a test."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


def pytest_report_header() -> str:
    """Which cluster this is about."""
    return f"cluster: {chosen_kubeconfig()}, namespaces {RUN}-*"


def pytest_sessionstart() -> None:
    """Also `deploy/cluster/test.sh` ends the run beside its own early."""
    clean_up_when_ended()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What kills components, and what ends the whole cluster, comes last: others share what was installed on it.

    `deploy/cluster/test.sh` runs the marked ones as parts of their own.
    """
    items.sort(key=lambda item: LAST.index(item.path.stem) if item.path.stem in LAST else -1)
    for item in items:
        for files, mark in ((BESIDE, pytest.mark.beside), (LAST, pytest.mark.ending)):
            if item.path.stem in files:
                item.add_marker(mark)


@pytest.fixture(scope="session")
def kubeconfig() -> Path:
    """The kubeconfig of the cluster under test. Without a cluster a test fails; it is never skipped for that."""
    path = chosen_kubeconfig()
    if not path.is_file():
        pytest.fail(
            f"There is no cluster ({path} is missing). Bring it up: make cluster. All at once: make test-cluster."
        )
    return path


@pytest.fixture(scope="session")
def on_this_machine(kubeconfig: Path) -> None:
    """For tests that reach into the cluster's machine: processes, network namespaces, nftables."""
    if kubeconfig != OWN_CLUSTER:
        pytest.skip(
            "not run: this looks into the node of `make cluster`, and STUDIOLO_KUBECONFIG names another cluster"
        )


@pytest.fixture
async def kube(kubeconfig: Path) -> AsyncIterator[Kube]:
    """The door to the cluster."""
    async with connect(kubeconfig) as door:
        yield door


@pytest.fixture
async def new_namespace(kube: Kube, _remove_namespaces: None) -> AsyncIterator[Namespaces]:
    """Makes a namespace for the time of a test: `await new_namespace("homes", labels={…})`."""
    made: list[str] = []

    async def make(name: str = "", *, labels: dict[str, str] | None = None) -> str:
        made.append(await create_namespace(kube, name or secrets.token_hex(3), labels=labels))
        return made[-1]

    yield make
    for name in made:
        # Not waited for, and no harm if the test took the API server away: the end of the run looks again.
        with suppress(RefusedError, aiohttp.ClientError):
            await kube.delete({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


@pytest.fixture
async def namespace(new_namespace: Namespaces) -> str:
    """A namespace for one test."""
    return await new_namespace()


@pytest.fixture
def faketime() -> Path:
    """The library that gives one process another time."""
    library = "libfaketime.so.1"
    found = next((path for path in Path("/usr/lib").glob(f"*/faketime/{library}")), None)
    if found is None:
        pytest.fail(f"{library} is missing: apt install faketime")
    return found


@pytest.fixture(scope="session")
def images() -> Mapping[str, str]:
    """What was pushed to the cluster's registry, by digest."""
    path = CATALOG / IMAGES_FILE
    if not path.is_file():
        pytest.fail(f"There are no images ({path} is missing). Build them: make images.")
    found: dict[str, str] = json.loads(path.read_bytes())
    return found


@pytest.fixture(scope="session")
def _deployment(kubeconfig: Path, on_this_machine: None, images: Mapping[str, str]) -> Deployment:
    deployment = Deployment()
    deploy(layout_here(), deployment, say=print)
    return deployment


@pytest.fixture(scope="module")
def deployed(_deployment: Deployment) -> Installed:
    """Studiolo by its chart, at https://studiolo.test; what `make deploy` makes.

    It answers when a file's first test gets it, whatever the file before took away from the cluster.
    """
    installed = Installed(layout_here(), _deployment)
    installed.wait_until_up()
    return installed


@pytest.fixture
async def restricted(new_namespace: Namespaces) -> str:
    """A namespace in which only pods under Pod Security restricted may run."""
    return await new_namespace(labels=RESTRICTED)


@pytest.fixture(scope="session")
def _remove_namespaces(kubeconfig: Path) -> Iterator[None]:
    yield
    run_apart(delete_namespaces(kubeconfig))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Before anything is cleaned up: every object, event and log of this run's namespaces goes into a folder."""
    report = yield
    path = chosen_kubeconfig()
    if report.failed and path.is_file():
        folder = FAILURES / re.sub(r"[^A-Za-z0-9_.-]+", "-", item.nodeid).strip("-")[-120:]
        shutil.rmtree(folder, ignore_errors=True)  # of an earlier run
        try:
            count = run_apart(keep(path, folder))
            report.sections.append(("cluster", f"{count} objects and their logs: {folder}" if count else "no objects"))
        except Exception as trouble:  # noqa: BLE001 - the failed test is the news, not that nothing could be kept of it
            report.sections.append(("cluster", f"nothing could be kept: {trouble!r}"))
    return report
