"""A click claims a pod that waits, and all that is the person's is in it: at the installation of `make deploy`.

Before a real Chromium, with the image `minimal` as it is built, the agent of the node and the policies of the chart.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Iterator

import pytest
from playwright.async_api import Page, expect

from tests.cluster.accounts import SITE_URL, delete_workspace, signed_in, start_workspace
from tests.cluster.alice_and_bob import forget_all, keep, open_notebook, run_cell, save_as
from tests.cluster.claimed import (
    CHOICE,
    Pod,
    claims_counted,
    inside,
    pods_of,
    wait_for_one,
)
from tests.cluster.conftest import run_apart
from tests.cluster.installed import Installed, eventually
from tests.cluster.people import PATIENCE_MS, chromium, person

ALICE = "alice"
TEAM = "vision"
PAPERS = "Papers"
"""What she calls her workspace."""

START_MS = 120_000

LOOKS = """
import os, pathlib, socket
home = pathlib.Path.home()
print(os.environ["COLOUR"], pathlib.Path("{folder}/note.txt").read_text(), end=" ")
print((home / "shared" / "{team}" / "{folder}.txt").read_text(), home, os.getcwd(), socket.gethostname(), end=" ")
print(os.environ["CLAIMS_KEY"], pathlib.Path("/run/credentials/{folder}.json").read_text(), end=" ")
(home / "{folder}" / "written.txt").write_text("by a cell")
print("done")
"""


@pytest.fixture(scope="module")
def tag() -> str:
    """Of what she writes in this run."""
    return f"claims-{secrets.token_hex(4)}"


@pytest.fixture(scope="module", autouse=True)
def _used(deployed: Installed, tag: str) -> Iterator[None]:
    """Alice has worked with this software before: there are files of hers and of her team, and a pod waits."""
    run_apart(_forget(ALICE))

    async def work() -> None:
        async with signed_in(ALICE) as client:
            await start_workspace(client, ALICE, PAPERS, **CHOICE)
            (pod,) = pods_of(deployed, ALICE, PAPERS.lower())
            inside(
                deployed,
                pod,
                f"mkdir ~/{tag} && echo -n note >~/{tag}/note.txt && echo -n plan >~/shared/{TEAM}/{tag}.txt",
            )
            await delete_workspace(client, ALICE, PAPERS)

    run_apart(work())
    eventually("she stopped", lambda: not pods_of(deployed, ALICE, PAPERS.lower()))
    yield
    run_apart(_forget(ALICE))


async def _forget(user: str) -> None:
    async with signed_in(user) as client:
        await delete_workspace(client, user, PAPERS)


async def click_start(page: Page) -> None:
    """The form, filled in with a variable of her own, and sent."""
    await page.goto(f"{SITE_URL}/hub/spawn")
    await page.locator("#name").fill(PAPERS)
    await page.get_by_role("radio", name="Minimal", exact=True).check()
    await page.get_by_role("radio", name="Medium", exact=True).check()
    await page.locator("details", has=page.locator("#env")).locator("summary").click()
    await page.locator("#env").fill("COLOUR=green")
    await page.get_by_role("button", name="Start").click()


async def click_start_of(page: Page) -> None:
    """Of the workspace that is there, on the list of them."""
    await page.get_by_role("button", name=f"Start: {PAPERS}").click()


async def stop(page: Page, installed: Installed) -> None:
    """On the list of workspaces; her pod is gone then."""
    await page.goto(f"{SITE_URL}/hub/home")
    await page.get_by_role("button", name=f"Stop: {PAPERS}").click()
    row = page.locator(f"#workspace-{PAPERS.lower()}")
    await expect(row).to_have_attribute("data-state", "stopped", timeout=PATIENCE_MS)
    assert await asyncio.to_thread(pods_of, installed, ALICE, PAPERS.lower()) == []


async def test_a_click_leads_to_jupyterlab_with_all_that_is_hers_and_all_is_there_afterwards(
    deployed: Installed, tag: str
) -> None:
    parked = await asyncio.to_thread(wait_for_one, deployed)
    before = await claims_counted("claimed")
    async with chromium() as browser, person(browser, ALICE) as page:
        await forget_all(page)  # of a run that broke off
        await keep(page, "env", {"Name": f"{tag}-key", "Variable": "CLAIMS_KEY", "Value": f"{tag}-in-a-variable"})
        await keep(page, "file", {"Name": f"{tag}-file", "Path": f"{tag}.json", "Content": f"{tag}-in-a-file"})
        await click_start(page)
        await page.wait_for_url(re.compile(rf"/user/{ALICE}/{PAPERS.lower()}/lab"), timeout=START_MS)
        (pod,) = await asyncio.to_thread(pods_of, deployed, ALICE, PAPERS.lower())
        assert pod == Pod(name=parked.name, uid=parked.uid, seat="claimed")
        assert await claims_counted("claimed") == before + 1

        await expect(page.locator(".jp-DirListing-item", has_text=tag)).to_be_visible(timeout=PATIENCE_MS)
        await open_notebook(page)
        said = await run_cell(page, 0, LOOKS.format(folder=tag, team=TEAM))
        hers = ["green", "note", "plan", "/home/jovyan", "/home/jovyan", parked.name]
        assert said.split() == [*hers, f"{tag}-in-a-variable", f"{tag}-in-a-file", "done"]
        told = await asyncio.to_thread(deployed.theirs, "get", "pod", parked.name, "-o", "yaml")
        assert f"{tag}-in-a" not in told
        await save_as(page, f"{tag}.ipynb")
        await stop(page, deployed)

        # Again, in whatever pod there is: what she wrote a moment ago is in it.
        await click_start_of(page)
        await page.wait_for_url(re.compile(rf"/user/{ALICE}/{PAPERS.lower()}/lab"), timeout=START_MS)
        (again,) = await asyncio.to_thread(pods_of, deployed, ALICE, PAPERS.lower())
        assert again.uid != parked.uid
        found = await asyncio.to_thread(inside, deployed, again, f"cd; cat {tag}/note.txt {tag}/written.txt; ls {tag}*")
        assert all(one in found for one in ("note", "by a cell", f"{tag}.ipynb")), found
        await stop(page, deployed)
        await forget_all(page)
