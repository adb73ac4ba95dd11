"""What people do at the installation of `make deploy`, before a real Chromium and on the command line."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from deploy.cluster.layout import NODE_ADDRESS, SITE, layout_here
from deploy.cluster.up import set_gpus
from tests.cluster.accounts import SITE_URL, form_token, new_api_token, signed_in
from tests.cluster.installed import Installed
from tests.cluster.people import PATIENCE_MS, chromium, person

START_MS = 300_000
"""For a start on a machine that has never pulled the image."""

TEAM_S_SOFTWARE = "Deep learning"
"""Is for the team vision there, so that one sees what that means."""


@pytest.fixture(autouse=True)
async def _nothing_else_runs(deployed: Installed) -> AsyncIterator[None]:
    await stop_default_of("alice")
    yield
    await stop_default_of("alice")


async def stop_default_of(name: str) -> None:
    """Also what another test left running."""
    async with signed_in(name) as client:
        token = await new_api_token(client, name)
        client.headers["Authorization"] = f"token {token}"
        address = f"/hub/api/users/{name}"
        async with asyncio.timeout(PATIENCE_MS / 1000):
            while "" in (await client.get(address)).raise_for_status().json()["servers"]:
                await client.delete(f"{address}/server")
                await asyncio.sleep(0.5)  # no event of ours tells it to somebody outside


async def choose(page: Page, software: str, hardware: str) -> None:
    """Fill in the form of a new workspace and send it."""
    await page.goto(f"{SITE_URL}/hub/spawn")
    await page.get_by_role("radio", name=software, exact=True).check()
    await page.get_by_role("radio", name=hardware, exact=True).check()
    await page.get_by_role("button", name="Start").click()
    await page.wait_for_url(re.compile(r"/user/\w+/lab"), timeout=START_MS)


async def test_somebody_signs_in_runs_a_cell_in_a_pod_and_stops() -> None:
    async with chromium() as browser, person(browser, "alice") as page:
        await choose(page, "Python", "Small")
        # The home stays from run to run, and with it what was open: begin with the launcher.
        await page.goto(f"{page.url.partition('?')[0]}?reset")
        await page.locator(".jp-LauncherCard[data-category=Notebook]").first.click()
        await expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=PATIENCE_MS)
        cell = page.locator(".jp-Notebook .jp-Cell .cm-content").first
        await cell.fill("import socket; socket.gethostname()")
        await cell.press("Shift+Enter")
        output = page.locator(".jp-OutputArea-output").first
        await expect(output).to_have_text("'ws-alice--default'", timeout=PATIENCE_MS)

        home = await page.context.new_page()
        await home.goto(f"{SITE_URL}/hub/home")
        row = home.locator("#workspace-default")
        await expect(row).to_have_attribute("data-state", "running", timeout=PATIENCE_MS)
        await home.get_by_role("button", name="Stop: default").click()
        await expect(row).to_have_attribute("data-state", "stopped", timeout=PATIENCE_MS)


async def test_tensorboard_opens_beside_a_workspace_with_a_gpu(deployed: Installed) -> None:
    set_gpus(layout_here(), 1)
    try:
        async with chromium() as browser, person(browser, "alice") as page:
            await choose(page, TEAM_S_SOFTWARE, "One GPU")
            asked_for = deployed.theirs(
                "get",
                "pod",
                "ws-alice--default",
                "-o",
                r"jsonpath={.spec.containers[0].resources.limits.nvidia\.com/gpu}",
            )
            assert asked_for == "1"
            await page.goto(f"{SITE_URL}/hub/home")
            address = await page.get_by_role("link", name=re.compile("TensorBoard")).get_attribute("href")
            await page.goto(f"{address}")
            await expect(page.locator("tb-webapp")).to_be_visible(timeout=PATIENCE_MS)
    finally:
        set_gpus(layout_here(), 0)


async def test_what_is_kept_for_a_team_does_not_exist_for_others(deployed: Installed, tmp_path: Path) -> None:
    async with chromium() as browser:
        for name, sees_it in (("alice", True), ("bob", False)):
            async with person(browser, name) as page:
                await page.goto(f"{SITE_URL}/hub/spawn")
                await expect(page.get_by_role("radio", name="Python", exact=True)).to_be_visible(timeout=PATIENCE_MS)
                assert await page.get_by_role("radio", name=TEAM_S_SOFTWARE, exact=True).count() == int(sees_it)
    async with signed_in("bob") as client:
        assert TEAM_S_SOFTWARE not in (await client.get("/hub/spawn")).text
        asked = {"environment": "deep-learning", "hardware": "small"}
        headers = {"X-XSRFToken": await form_token(client)}
        by_api = await client.post("/hub/api/users/bob/server", json={"user_options": asked}, headers=headers)
        assert (by_api.status_code, TEAM_S_SOFTWARE in by_api.text) == (400, False)
        assert "deep-learning" in by_api.json()["message"]
        token = await new_api_token(client, "bob")
    done = await asyncio.to_thread(command_line, token, tmp_path, "--environment", "deep-learning")
    assert done.returncode != 0
    assert "deep-learning" in done.stderr
    assert TEAM_S_SOFTWARE not in done.stdout + done.stderr
    assert deployed.theirs("get", "pods", "-o", "name").find("ws-bob") == -1


def command_line(token: str, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`studiolo workspace start` of somebody whose machine knows the site's name and trusts its authority."""
    hosts = folder / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n{NODE_ADDRESS} {SITE}\n")
    with_names = f'mount --bind {hosts} /etc/hosts && exec "$@"'
    studiolo = (sys.executable, "-m", "studiolo", "workspace", "start", *words)
    return subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", with_names, "sh", *studiolo],
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "SSL_CERT_FILE": str(layout_here().ca),
            "STUDIOLO_URL": SITE_URL,
            "STUDIOLO_TOKEN": token,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
