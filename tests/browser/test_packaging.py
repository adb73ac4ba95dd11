"""A person packages a model from a notebook, runs what came of it with other hyperparameters, and is served."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from deploy.local.throwaway import ThrowawayHub
from studiolo.catalog import Environment
from tests.browser.conftest import AXE, HARDWARE
from tests.images.conftest import build

pytestmark = pytest.mark.browser

SignIn = Callable[[BrowserContext, tuple[str, str]], Page]
SCREENSHOTS = Path(__file__).parent / "screenshots"
CHECKOUT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 120.0

ENVIRONMENTS = """\
environments:
  python:
    title: Python
    summary: JupyterLab with NumPy, pandas, matplotlib and scikit-learn
    requirements: images/python/requirements.lock
    default: true
  minimal:
    title: Minimal
    summary: JupyterLab and Python
    requirements: images/minimal/requirements.lock
"""

MODEL = '''\
class Model:
    """Tells three flowers apart."""

    def train(
        self,
        C: float = 1.0,
        max_iter: Annotated[int, Interval(ge=1, le=1000)] = 200,
        penalty: Literal["l1", "l2"] = "l2",
    ):
        """Fits a logistic regression.

        Args:
            C: inverse of the regularisation
        """
        features, kinds = load_iris(return_X_y=True)
        fitted = LogisticRegression(C=C, max_iter=max_iter).fit(measures(features), kinds)
        joblib.dump(fitted, OUTPUT / "iris.joblib")
        return {"accuracy": fitted.score(measures(features), kinds), "C": C}

    def init_predict(self):
        self.fitted = joblib.load(OUTPUT / "iris.joblib")

    def predict(self, sepal_length: float, sepal_width: float):
        return KINDS[int(self.fitted.predict([[sepal_length, sepal_width]])[0])]
'''

CELLS = (
    "%matplotlib inline\nimport matplotlib.pyplot as plt",
    (
        "import asyncio, os\nfrom pathlib import Path\nfrom typing import Annotated, Literal\n\nimport joblib\n"
        "from annotated_types import Interval\nfrom sklearn.datasets import load_iris\n"
        "from sklearn.linear_model import LogisticRegression\n\nfrom features import measures"
    ),
    'OUTPUT = Path(os.environ.get("STUDIOLO_OUTPUT_DIR", "."))\nKINDS = ["setosa", "versicolor", "virginica"]',
    MODEL,
    "await asyncio.sleep(0)\nplt.plot([3, 1, 2])",
    "Model().train(C=2.0)",
)

FEATURES = "def measures(table):\n    return table[:, :2]\n"
SECRET = 'KEY = "AKIAIOSFODNN7EXAMPLE"\n'


def notebook(*cells: str) -> str:
    as_cells = [
        {"cell_type": "code", "id": f"cell-{number}", "source": source, "metadata": {}, "outputs": []}
        | {"execution_count": None}
        for number, source in enumerate(cells)
    ]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": as_cells})


@pytest.fixture(scope="module")
def programs() -> Path:
    """Of an environment that has scikit-learn; it is made ahead, for that takes longer than a start may."""
    lock = CHECKOUT / "images" / "python" / "requirements.lock"
    with ThreadPoolExecutor(1) as beside:  # this thread may have Playwright's event loop
        python = beside.submit(build, Environment(name="python", title="Python", requirements=lock)).result()
    return python.parent


@pytest.fixture(scope="module")
def hub(running_hub: ThrowawayHub, programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThrowawayHub]:
    """A hub with that environment; the software is what the other tests use."""
    root, catalog = tmp_path_factory.mktemp("packaging"), tmp_path_factory.mktemp("catalog")
    (catalog / "environments.yaml").write_text(ENVIRONMENTS)
    (catalog / "hardware.yaml").write_text(HARDWARE)
    (catalog / "images").symlink_to(CHECKOUT / "images")
    running_hub.data.environments.mkdir(parents=True, exist_ok=True)
    (root / "environments").symlink_to(running_hub.data.environments)
    with ThrowawayHub(root, {"catalogDirectory": str(catalog)}) as one:
        yield one


def picture(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"lab-package-{name}.png", animations="disabled")


def serious_problems_in(page: Page, ours: str) -> list[str]:
    """What axe-core finds there. The rest of the page is JupyterLab's own."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("ours => axe.run(ours, {resultTypes: ['violations']})", ours)
    return [
        f"{rule['id']}: {[node['target'] for node in rule['nodes']]}"
        for rule in found["violations"]
        if rule["impact"] in {"serious", "critical"}
    ]


def run_all(page: Page) -> None:
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


@contextmanager
def served(command: list[str | Path], env: dict[str, str]) -> Iterator[str]:
    """A model that begins to be served; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    process = subprocess.Popen(command, env={**env, "PORT": str(port)}, start_new_session=True)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(PATIENCE_SECONDS)


def sees_what_is_in_it(page: Page) -> Locator:
    page.get_by_role("button", name="Package model").click()
    panel = page.locator(".st-Package")
    expect(panel.get_by_role("heading", name="Package model")).to_be_focused()
    model = panel.get_by_role("region", name="Model")
    expect(model).to_contain_text("Tells three flowers apart.")
    expect(model.get_by_role("row", name="max_iter")).to_contain_text("integer from 1 to 1000")
    expect(panel.get_by_role("region", name="Cells")).to_contain_text("3 cells in the module, 3 left out.")
    expect(panel.get_by_role("region", name="Packages")).to_contain_text("scikit-learn==")
    files = panel.get_by_role("region", name="Files")
    expect(files).to_contain_text("4 files")  # what the training wrote is one
    files.get_by_text("3 left out").click()
    expect(files.get_by_role("row", name=".env")).to_contain_text("keys and passwords are kept there")
    expect(panel.get_by_label("Stands on")).to_have_value("python")
    return panel


def sees_a_problem_come_and_go(page: Page, panel: Locator) -> None:
    cell = page.locator(".jp-Notebook .jp-Cell").nth(3)
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+Home")
    page.keyboard.type("(")
    in_the_way = panel.get_by_role("region", name="In the way")
    expect(in_the_way).to_contain_text("The class Model is in cell 4, which is no Python")
    picture(page, "problem")
    page.locator(".jp-Notebook .jp-Cell").nth(1).click()
    in_the_way.get_by_role("button", name="cell 4").click()
    expect(cell).to_have_class(re.compile("jp-mod-active"))
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+Home")
    page.keyboard.press("Delete")
    expect(in_the_way).to_have_count(0)


def packages_twice(page: Page, panel: Locator) -> list[str]:
    """The words of the command that fetches it."""
    package = panel.get_by_role("button", name="Package", exact=True)
    expect(package).to_have_accessible_description("A line looks like a secret.")
    panel.get_by_label("Allow keys.py:1").check()
    expect(package).to_have_accessible_description("Your changes are saved first.")
    package.press("Enter")
    result = panel.get_by_role("region", name="Result")
    heading = result.get_by_role("heading")
    expect(heading).to_have_text(re.compile("^Packaged: iris [0-9a-f]{12}$"))
    expect(heading).to_be_focused()
    expect(panel.get_by_role("status")).to_contain_text("Packaged: iris")
    result.get_by_role("button", name="Copy: Fetch").click()
    fetch: str = page.evaluate("navigator.clipboard.readText()")
    picture(page, "result")
    package.click()
    expect(panel.get_by_role("status")).to_contain_text("Already packaged: iris")
    with page.context.expect_page() as opening:
        result.get_by_role("link", name="Its page in the hub").click()
    expect(opening.value.get_by_role("heading", level=1)).to_contain_text("iris")
    expect(opening.value.get_by_text("keys.py:1")).to_be_visible()
    opening.value.close()
    return fetch.split()


def runs_it_in_a_terminal(programs: Path, env: dict[str, str], fetch: list[str], output: Path) -> object:
    """What it predicts, fetched, trained with something else, and served."""
    subprocess.run([programs / fetch[0], *fetch[1:]], env=env, check=True)
    run = [programs / "studiolo", "model", "run", fetch[-1]]
    subprocess.run([*run, "train", "--set", "C=0.25", "--output", output], env=env, check=True)
    trained = (output / "result.json").read_text()
    assert "accuracy" in trained
    assert "0.25" in trained
    with served([*run, "serve"], env | {"STUDIOLO_OUTPUT_DIR": str(output)}) as address:
        body = json.dumps({"instances": [{"sepal_length": 5.1, "sepal_width": 3.5}]})
        patience = ("--retry", "8", "--retry-connrefused")  # 1 s, twice that, … until the model is loaded
        options = ("--silent", "--fail", "--noproxy", "*", "--header", "Content-Type: application/json", *patience)
        ask = ["curl", *options, "--data", body, f"{address}/invocations"]
        return json.loads(subprocess.run(ask, capture_output=True, text=True, check=True).stdout)


def test_a_notebook_becomes_an_image_that_trains_with_other_hyperparameters_and_is_served(
    *,
    hub: ThrowawayHub,
    programs: Path,
    person: tuple[str, str],
    new_context: Callable[..., BrowserContext],
    sign_in: SignIn,
    tmp_path: Path,
) -> None:
    user, token = person[0], hub.token(*person)
    folder = hub.data.home(user) / "iris"
    folder.mkdir(parents=True)
    (folder / "iris.ipynb").write_text(notebook(*CELLS))
    (folder / "features.py").write_text(FEATURES)
    (folder / "keys.py").write_text(SECRET)
    (folder / ".env").write_text("A=b")
    hub.start_workspace(token, user, environment="python", hardware="small")
    page = sign_in(new_context(permissions=["clipboard-read", "clipboard-write"]), person)
    page.set_viewport_size({"width": 1400, "height": 1000})
    page.goto(f"/user/{user}/lab/tree/iris/iris.ipynb")
    run_all(page)
    expect(page.locator(".jp-OutputArea-output").filter(has_text="accuracy")).to_be_visible()

    panel = sees_what_is_in_it(page)
    picture(page, "secret")
    assert not serious_problems_in(page, ".st-Package")
    sees_a_problem_come_and_go(page, panel)
    fetch = packages_twice(page, panel)
    saved = json.loads((folder / "iris.ipynb").read_text())
    assert saved["cells"][-1]["outputs"], "it was saved first, as it had run"
    page.set_viewport_size({"width": 360, "height": 740})
    page.keyboard.press("Control+b")  # JupyterLab's own way to make room
    expect(page.locator("#jp-left-stack")).to_be_hidden()
    picture(page, "narrow")
    assert panel.evaluate("panel => panel.scrollWidth <= panel.clientWidth"), "nothing is cut off on a small screen"

    terminal = {
        "HOME": str(hub.data.home(user)),
        "USER": user,
        "PATH": f"{programs}:{os.defpath}",
        "LANG": "C.UTF-8",
        "STUDIOLO_URL": hub.base_url,
        "STUDIOLO_TOKEN": token,
    }
    predicted = runs_it_in_a_terminal(programs, terminal, fetch, tmp_path / "results")
    assert predicted == {"predictions": ["setosa"]}
