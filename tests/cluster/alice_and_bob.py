"""Two people at the installation of `make deploy`: Alice keeps credentials and works with them, Bob is curious.

What Alice does, she does before a real Chromium; Bob has a browser, a token, and a shell in his own workspace.
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from functools import cached_property

from playwright.async_api import Page, StorageState, expect

from deploy.cluster.layout import NODE_ADDRESS
from studiolo.names import pod_name
from tests.cluster.accounts import SITE_URL
from tests.cluster.canaries import found_in, new_canary
from tests.cluster.cluster_commands import kubectl
from tests.cluster.git_servers import GitServer, SshGitServer
from tests.cluster.installed import Installed
from tests.cluster.people import PATIENCE_MS

ALICE, BOB = "alice", "bob"
THIEF = "thief"
"""What Bob calls his workspace."""

CREDENTIALS = f"{SITE_URL}/services/studiolo/credentials"
START_MS = 300_000
"""For a start on a machine that has never pulled the image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What Alice keeps. Names, places and values are of this run alone, so that whatever is found was hers."""

    tag: str
    env: str
    file: str
    token: str

    @classmethod
    def new(cls) -> Kept:
        return cls(tag=secrets.token_hex(5), **{name: new_canary(name) for name in ("env", "file", "token")})

    @property
    def variable(self) -> str:
        return f"WANDB_{self.tag.upper()}"

    @property
    def path(self) -> str:
        return f"kaggle-{self.tag}.json"

    @property
    def values(self) -> tuple[str, ...]:
        return (self.env, self.file, self.token)

    def name(self, kind: str) -> str:
        """Of the credential of a kind."""
        return f"{kind}-{self.tag}"

    @property
    def workspace(self) -> str:
        """Alice's."""
        return f"papers-{self.tag}"

    def told_by(self, text: str) -> list[str]:
        """What of it a text tells: values in any shape, and that there are such names and places."""
        return [*self.values_in(text), *(word for word in (self.tag, self.tag.upper()) if word in text)]

    def values_in(self, text: str) -> list[str]:
        """The values alone, in any shape."""
        return found_in(text, self.values)


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody with a browser, a token, and a shell in a workspace of their own."""

    name: str
    workspace: str
    cookies: StorageState
    token: str
    """Their own, with all their rights."""
    installed: Installed

    @property
    def pod(self) -> str:
        return pod_name(self.name, self.workspace)

    def inside(self, *argv: str, text: str = "") -> str:
        """What a program in the workspace printed. Raises ProgramFailedError where it ends with an error."""
        return self.installed.theirs("exec", "-i", self.pod, "--", *argv, text=text)


@dataclass(frozen=True, kw_only=True)
class TwoPeople:
    """An installation, two git servers, and two workspaces on one node."""

    installed: Installed
    kept: Kept
    https: GitServer
    ssh: SshGitServer
    alice: Person
    bob: Person

    @cached_property
    def alices_address(self) -> str:
        """Of her pod."""
        return self.installed.theirs("get", "pod", self.alice.pod, "-o", "jsonpath={.status.podIP}")


def let_git_out(installed: Installed, *ports: int) -> str:
    """A policy for workspaces: they reach these ports of the node. What an operator does by `networkPolicy.egress`."""
    name = f"git-of-a-test-{secrets.token_hex(3)}"
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": installed.deployment.workspaces},
        "spec": {
            "podSelector": {},
            "policyTypes": ["Egress"],
            "egress": [
                {
                    "to": [{"ipBlock": {"cidr": f"{NODE_ADDRESS}/32"}}],
                    "ports": [{"protocol": "TCP", "port": port} for port in ports],
                }
            ],
        },
    }
    kubectl("apply", "-f", "-", text=json.dumps(policy))
    return name


async def keep(page: Page, kind: str, fields: dict[str, str], *, button: str = "Keep it") -> None:
    """Fill in the form of a kind on the page Credentials, and send it."""
    await page.goto(CREDENTIALS)
    form = page.locator(f"#add-{kind}")
    await page.locator("details", has=form).locator("summary").click()
    for label, text in fields.items():
        await form.get_by_label(label, exact=True).fill(text)
    await form.get_by_role("button", name=button).click()
    await expect(page.get_by_role("row").filter(has_text=fields["Name"])).to_be_visible(timeout=PATIENCE_MS)


async def keep_all(page: Page, kept: Kept, *, git_host: str) -> tuple[str, str]:
    """Alice's four. The public half of the key that was made for her, and its fingerprint."""
    await keep(page, "env", {"Name": kept.name("wandb"), "Variable": kept.variable, "Value": kept.env})
    await keep(page, "file", {"Name": kept.name("kaggle"), "Path": kept.path, "Content": kept.file})
    await keep(page, "git", {"Name": kept.name("forge"), "Host": git_host, "User": ALICE, "Token": kept.token})
    await keep(page, "ssh-key", {"Name": kept.name("key")}, button="Make a key")
    row = page.get_by_role("row").filter(has_text=kept.name("key"))
    await row.get_by_text("Public half").click()
    found = re.search(r"SHA256:\S+", await row.inner_text())
    assert found
    return await row.locator("pre").inner_text(), found[0]


async def forget_all(page: Page) -> None:
    """Remove whatever somebody keeps, also from a run that broke off."""
    await page.goto(CREDENTIALS)
    while await (remove := page.locator("summary", has_text="Remove")).count():
        await remove.first.click()
        await page.get_by_role("button", name=re.compile("^Remove ")).first.click()
        await page.wait_for_load_state()


async def start(page: Page, title: str, software: str) -> None:
    """Fill in the form of a new workspace, send it, and wait for JupyterLab."""
    await page.goto(f"{SITE_URL}/hub/spawn")
    await page.locator("#name").fill(title)
    await page.get_by_role("radio", name=software, exact=True).check()
    await page.get_by_role("radio", name="Small", exact=True).check()
    await page.get_by_role("button", name="Start").click()
    await page.wait_for_url(re.compile(rf"/user/\w+/{title}/lab"), timeout=START_MS)


async def open_notebook(page: Page) -> None:
    """A new notebook in JupyterLab, whose kernel is ready."""
    await page.goto(f"{page.url.partition('?')[0]}?reset")
    await page.locator(".jp-LauncherCard[data-category=Notebook]").first.click()
    await expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=PATIENCE_MS)


async def run_cell(page: Page, number: int, code: str) -> str:
    """Type code into a cell of the open notebook and run it; what it printed last says "done"."""
    cell = page.locator(".jp-Notebook .jp-CodeCell").nth(number)
    await cell.locator(".cm-content").fill(code)
    await cell.locator(".cm-content").press("Shift+Enter")
    output = cell.locator(".jp-OutputArea-output").first
    await expect(output).to_contain_text("done", timeout=PATIENCE_MS)
    return await output.inner_text()


async def save_as(page: Page, name: str) -> None:
    """Save the open notebook, which JupyterLab asks a name for first."""
    await page.keyboard.press("Control+s")
    dialog = page.locator(".jp-Dialog", has_text="Rename file")
    await dialog.get_by_role("textbox").fill(name)
    async with (
        page.expect_response(lambda answer: answer.request.method == "PUT" and "/api/contents/" in answer.url),
        page.expect_response(lambda answer: answer.request.method == "PATCH" and "/api/contents/" in answer.url),
    ):
        await dialog.get_by_role("button", name="Rename and Save").click()
    await expect(dialog).to_be_hidden()
