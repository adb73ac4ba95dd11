"""From a notebook in a workspace to a pod that serves: packaged by the hub, pulled by containerd, restricted.

Whoever packages has no credentials of the registry, and does not reach it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator

import httpx
import pytest

from deploy.cluster.layout import REGISTRY
from deploy.cluster.site_values import registry_password
from hub.roles import SERVICE_PREFIX
from tests.cluster.accounts import delete_workspace, new_api_token, signed_in
from tests.cluster.alice_and_bob import ALICE, Person, start
from tests.cluster.canaries import shapes
from tests.cluster.conftest import run_apart
from tests.cluster.everywhere import answers, logs, objects
from tests.cluster.installed import Installed
from tests.cluster.kube import Kube
from tests.cluster.model_pods import PORT, serving, training
from tests.cluster.namespaces import RUN
from tests.cluster.packing import Packing, click_package, package_by_program, put_file, run_all_cells, runnable_notebook
from tests.cluster.people import chromium, person
from tests.cluster.pods import PATIENCE_SECONDS, printed, started

LOCKS = ("uv", "pip", "compile", "--generate-hashes", "--no-header", "--no-annotate", "--quiet", "-")

WITH_A_PACKAGE = """
import humanize

class Model:
    def predict(self, number: int):
        return humanize.intcomma(number)
"""

SEARCHES = """
import os, pathlib, sys
needles = [line.encode() for line in sys.stdin.read().split()]
for top in ("/", *pathlib.Path("/proc").glob("[0-9]*")):
    for folder, folders, files in os.walk(top, onerror=None):
        if folder == "/":
            folders[:] = [name for name in folders if name not in ("proc", "sys", "usr", "opt")]
        if str(top) != "/":
            folders[:], files = [], ["environ", "cmdline"]
        for path in (os.path.join(folder, name) for name in files):
            try:
                if os.path.isfile(path) and os.path.getsize(path) < 2**20:
                    content = open(path, "rb").read()
                    if any(needle in content for needle in needles):
                        print(path)
            except OSError:
                pass
print("searched")
"""
"""Every file and every process that whoever runs this can read, but what the image brings, which is older than the
password. What is looked for comes in as text."""

CONNECTS = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5).close()
    print("reached")
except OSError as error:
    print("not reached:", error)
"""

WORKSPACE = FOLDER = f"packing-{RUN}"
MODEL = f"iris-{RUN}"
SETOSA = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}


async def set_up(installed: Installed) -> Packing:
    """Alice signs in at the identity provider, starts a workspace, runs a notebook, and packages it twice."""
    async with chromium() as browser, person(browser, ALICE) as page:
        await start(page, WORKSPACE, "Python")
        put_file(installed, WORKSPACE, f"{FOLDER}/iris.ipynb", runnable_notebook())
        await run_all_cells(page, FOLDER)
        await page.get_by_role("button", name="Package model").click()
        first = await click_package(page, MODEL, "Packaged")
        second = await click_package(page, MODEL, "Already packaged")
        cookies = await page.context.storage_state()
    async with signed_in(ALICE) as client:
        token = await new_api_token(client, ALICE)
        headers = {"Authorization": f"token {token}"}
        kept = (await client.get(f"{SERVICE_PREFIX}api/models/{MODEL}/latest", headers=headers)).raise_for_status()
    alice = Person(name=ALICE, workspace=WORKSPACE, cookies=cookies, token=token, installed=installed)
    return Packing(alice=alice, first=first, second=second, image=kept.json()["reference"])


async def clear_away() -> None:
    async with signed_in(ALICE) as client:
        headers = {"Authorization": f"token {await new_api_token(client, ALICE)}"}
        models = f"{SERVICE_PREFIX}api/models"
        for one in (await client.get(models, headers=headers)).raise_for_status().json()["models"]:
            await client.delete(f"{models}/{one['name']}/{one['version']}", headers=headers)
        await delete_workspace(client, ALICE, WORKSPACE)


@pytest.fixture(scope="module")
def packing(deployed: Installed) -> Iterator[Packing]:
    try:
        yield run_apart(set_up(deployed))
    finally:
        run_apart(clear_away())


def test_the_first_click_makes_an_image_and_the_second_says_that_it_is_there(packing: Packing) -> None:
    assert packing.first.digest == packing.second.digest
    repository = f"{packing.alice.installed.deployment.namespace}/models/{ALICE}/{MODEL}"
    assert packing.image == f"{REGISTRY}/{repository}@{packing.first.digest}"
    assert f"studiolo model run {MODEL}" in packing.first.commands


async def test_the_image_trains_as_a_restricted_pod_with_other_hyperparameters(
    packing: Packing, kube: Kube, restricted: str
) -> None:
    settings = {"C": 0.001, "max_iter": 50}
    result = json.loads(await printed(kube, training(packing.image, settings, namespace=restricted)))
    assert 0.3 < result["accuracy"] < 0.9  # so strong a regularisation learns less than the notebook's own, 0.97


async def test_the_image_serves_as_a_restricted_pod(packing: Packing, kube: Kube, restricted: str) -> None:
    address = await started(kube, serving("iris", packing.image, namespace=restricted))
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_SECONDS) as client:
        answer = await client.post(f"http://{address}:{PORT}/invocations", json=SETOSA)
    assert (answer.status_code, answer.json()) == (200, {"predictions": "setosa"})


async def test_what_a_model_needs_beside_its_base_comes_from_the_cluster_s_index(
    packing: Packing, kube: Kube, restricted: str
) -> None:
    installed = packing.alice.installed
    put_file(installed, WORKSPACE, f"{FOLDER}-2/model.py", WITH_A_PACKAGE)
    lock = packing.alice.inside(*LOCKS, text="humanize\n")
    new = {"source": "model.py", "environment": "python", "name": f"{MODEL}-2", "lock": lock}
    made = package_by_program(installed, WORKSPACE, f"{FOLDER}-2", **new)
    address = await started(kube, serving("numbers", made["reference"], namespace=restricted))
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_SECONDS) as client:
        answer = await client.post(f"http://{address}:{PORT}/invocations", json={"number": 1234567})
    assert (answer.status_code, answer.json()) == (200, {"predictions": "1,234,567"})


@pytest.fixture
def needles(deployed: Installed) -> tuple[str, ...]:
    """Who pushes, as it may stand somewhere."""
    password = registry_password(deployed.deployment)
    login = base64.b64encode(f"services:{password}".encode()).decode()
    return (*shapes(password), login)


def found_by(say: Callable[..., str], *pod: str, needles: tuple[str, ...]) -> list[str]:
    *found, last = say("exec", "-i", *pod, "--", "python3", "-c", SEARCHES, text="\n".join(needles)).splitlines()
    assert last == "searched"
    return found


def test_no_file_and_no_process_of_a_workspace_says_who_pushes(packing: Packing, needles: tuple[str, ...]) -> None:
    installed = packing.alice.installed
    services = f"deployment/{installed.deployment.release}-services"
    assert any("/etc/studiolo/registry/" in path for path in found_by(installed.ours, services, needles=needles))
    assert found_by(installed.theirs, packing.alice.pod, needles=needles) == []


def test_no_answer_no_object_and_no_log_says_who_pushes(packing: Packing, needles: tuple[str, ...]) -> None:
    installed = packing.alice.installed
    models = f"{SERVICE_PREFIX}api/models"
    paths = (models, f"{models}/{MODEL}/latest", f"{SERVICE_PREFIX}models", "/hub/api/user", "/hub/api/")
    told = list(answers(installed, packing.alice.token, *paths))
    assert any(packing.first.digest in text for _, text in told)
    for place, text in (*told, *objects(installed), *logs(installed)):
        assert not any(needle in text for needle in needles), place


def test_a_workspace_does_not_reach_the_registry_which_services_do(packing: Packing) -> None:
    installed = packing.alice.installed
    asks = ("--", "python3", "-c", CONNECTS, *REGISTRY.split(":"))
    services = f"deployment/{installed.deployment.release}-services"
    assert installed.ours("exec", services, *asks).strip() == "reached"
    assert installed.theirs("exec", packing.alice.pod, *asks).startswith("not reached")
