"""Alice at the installation of `make deploy`, with a workspace in which she packages a notebook."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Page, expect

from deploy.cluster.layout import CHECKOUT
from studiolo.names import pod_name
from tests.cluster.alice_and_bob import ALICE, Person
from tests.cluster.installed import Installed
from tests.cluster.people import PATIENCE_MS

NOTEBOOK = CHECKOUT / "tests" / "data" / "notebooks" / "iris_with_everything.ipynb"

PACKAGES = """
import asyncio, json, sys
from pathlib import Path
from studiolo.client import Studiolo
from studiolo.packaging.project import collect
from studiolo.wire_models import NewModelPackage

async def main():
    new = NewModelPackage.model_validate_json(sys.argv[2])
    async with Studiolo.from_environment() as hub:
        print((await hub.package_model(new, collect(Path(sys.argv[1]).expanduser()))).model_dump_json())

asyncio.run(main())
"""
"""What a program in a workspace does, with the token that every workspace has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Click:
    """What the panel said of one."""

    heading: str
    digest: str
    commands: str


@dataclass(frozen=True, kw_only=True)
class Packing:
    """Alice's workspace, and what came of two clicks."""

    alice: Person
    first: Click
    second: Click
    image: str
    """As a pod names it, by its digest."""


def put_file(installed: Installed, workspace: str, path: str, text: str) -> None:
    """Into the home, as if it had been written there."""
    script = 'mkdir -p "$(dirname "$HOME/$1")" && cat > "$HOME/$1"'
    installed.theirs("exec", "-i", pod_name(ALICE, workspace), "--", "sh", "-c", script, "sh", path, text=text)


def runnable_notebook() -> str:
    """With plots, magics, `await` and a model. Below `%%time` IPython takes no `await`, so that line goes."""
    return NOTEBOOK.read_text().replace(json.dumps("%%time\n") + ",", "")


async def run_all_cells(page: Page, folder: str) -> None:
    """Open the notebook in JupyterLab and run it: what it plots and what it says of its model is seen."""
    await page.goto(f"{page.url.partition('/lab')[0]}/lab/tree/{folder}/iris.ipynb?reset")
    await expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=PATIENCE_MS)
    await page.get_by_role("menuitem", name="Run", exact=True).click()
    await page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    outputs = page.locator(".jp-Notebook .jp-OutputArea-output")
    await expect(outputs.filter(has_text=re.compile("accuracy"))).to_be_visible(timeout=PATIENCE_MS)


async def click_package(page: Page, name: str, says: str) -> Click:
    """Press *Package* in the panel, and read its result."""
    panel = page.get_by_role("region", name="Package Model")
    await panel.get_by_label("Name", exact=True).fill(name)
    await panel.get_by_role("button", name="Package", exact=True).click()
    result = panel.get_by_role("region", name="Result")
    heading = result.get_by_role("heading")
    await expect(heading).to_contain_text(f"{says}: {name} ", timeout=PATIENCE_MS)
    return Click(
        heading=await heading.inner_text(),
        digest=await result.locator(".st-Package-digest").inner_text(),
        commands=await result.get_by_role("list", name="How to use it").inner_text(),
    )


def package_by_program(installed: Installed, workspace: str, folder: str, **new: Any) -> dict[str, Any]:
    """What the hub says of a package that a program in the workspace makes of a folder there."""
    program = ("python", "-P", "-c", PACKAGES, f"~/{folder}", json.dumps(new))
    said = installed.theirs("exec", pod_name(ALICE, workspace), "--", *program)
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found
