"""A model package of one machine is opened as a workspace: on its software, with its files, for its people alone."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.local.plans import HUB, SERVICES
from deploy.local.throwaway import ThrowawayHub
from hub.passwords import ADMIN
from spawner.machine import running_records
from studiolo.client import Studiolo
from studiolo.packaging.project import collect
from studiolo.wire_models import ModelPackageView, NewModelPackage
from tests.hub.builder.conftest import notebook_of

pytestmark = pytest.mark.integration

MODEL = "class Model:\n    def train(self, rounds: int = 3):\n        return rounds\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody with packages."""

    hub: ThrowawayHub
    name: str
    password: str

    @property
    def token(self) -> str:
        return self.hub.token(self.name, self.password)

    @property
    def home(self) -> Path:
        return self.hub.data.home(self.name)

    def package(self, folder: Path, **wishes: Any) -> ModelPackageView:
        """The notebook of a folder, as version 1.0 of iris."""
        wanted = {"source": "iris.ipynb", "environment": "minimal", "version": "1.0", **wishes}

        async def send() -> ModelPackageView:
            async with Studiolo(self.hub.base_url, self.token) as client:
                return await client.package_model(NewModelPackage.model_validate(wanted), collect(folder))

        return asyncio.run(send())

    def start(self, server: str, **options: Any) -> None:
        """Their workspace, ready."""
        self.hub.start_workspace(self.token, self.name, server, **{"hardware": "small", **options})

    def refused(self, server: str, **options: Any) -> tuple[int, str]:
        """The answer to a start that is none."""
        with self.hub.api(self.token) as api:
            address = f"users/{self.name}/servers/{server}"
            answer = api.post(address, json={"user_options": {"hardware": "small", **options}})
            assert not api.get(address).json()["ready"]
        return answer.status_code, answer.json()["message"]

    def options(self, server: str) -> dict[str, Any]:
        """What the hub remembers."""
        with self.hub.api(self.token) as api:
            options: dict[str, Any] = api.get(f"users/{self.name}/servers/{server}").json()["user_options"]
        return options

    def stop(self, server: str) -> None:
        self.hub.stop_workspace(self.token, self.name, server)

    def told(self, server: str, words: str) -> None:
        """Waits until a notice says so."""
        address = f"{self.hub.base_url}/user/{self.name}/{server}/studiolo/notices"
        headers = {"Authorization": f"token {self.token}"}
        with httpx.Client(trust_env=False, headers=headers) as client:
            self.hub.until(lambda: words in client.get(address).text, what=f"{server} says: {words}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A notebook that has run, and what it needs."""
    place = tmp_path / "project"
    (place / "features").mkdir(parents=True)
    (place / "iris.ipynb").write_text(notebook_of(MODEL))
    (place / "features" / "scale.py").write_text("def scale(x):\n    return x\n")
    return place


@pytest.fixture
def person(running_hub: ThrowawayHub) -> Callable[[str], Person]:
    """Somebody of this name."""
    return lambda name: Person(hub=running_hub, name=name, password=running_hub.add_user(name))


@pytest.fixture
def team(running_hub: ThrowawayHub) -> Iterator[Callable[..., None]]:
    """Makes the team of the Vision Lab, which is not called as its folder is."""
    with running_hub.api(running_hub.token(ADMIN, running_hub.admin_password)) as api:
        yield lambda *names: api.post("groups/Vision Lab", json={"users": list(names)}).raise_for_status() and None
        api.delete("groups/Vision Lab")


def test_its_files_are_there_stay_as_their_person_leaves_them_and_are_never_written_over(
    person: Callable[[str], Person], folder: Path
) -> None:
    ada = person("open-ada")
    ada.package(folder)
    (ada.home / "models").mkdir(parents=True)
    ada.start("first", model="iris:1.0")
    ada.told("first", "The files of iris 1.0 are in ~/models/iris-1.0.")
    opened = ada.home / "models" / "iris-1.0"
    (cell,) = json.loads((opened / "iris.ipynb").read_text())["cells"]
    assert cell["source"] == MODEL
    assert cell["outputs"] == []
    assert (opened / "features" / "scale.py").read_text() == (folder / "features" / "scale.py").read_text()
    # Nobody named the software: it is the package's, and remembered.
    assert ada.options("first") == {"environment": "minimal", "hardware": "small", "model": "iris:1.0"}

    (opened / "iris.ipynb").write_text("mine")
    ada.stop("first")
    ada.start("first", **ada.options("first"))
    ada.told("first", "The files of iris 1.0 are in ~/models/iris-1.0, as you left them.")
    assert (opened / "iris.ipynb").read_text() == "mine"
    ada.stop("first")

    (ada.home / "models" / ".opened" / "iris-1.0").unlink()
    ada.start("second", model="iris:1.0")
    ada.told("second", "The files of iris 1.0 are in ~/models/iris-1.0-2, because ~/models/iris-1.0 is there already")
    assert (opened / "iris.ipynb").read_text() == "mine"
    assert sorted(path.name for path in opened.parent.iterdir()) == [".opened", "iris-1.0", "iris-1.0-2"]
    ada.stop("second")


def test_the_first_visit_shows_the_notebook_and_later_ones_jupyterlab(
    person: Callable[[str], Person], folder: Path
) -> None:
    ada = person("open-visit")
    ada.package(folder)
    ada.start("lab", model="iris:1.0")
    with contextlib.closing(ada.hub.browser(ada.name, ada.password)) as browser:
        server = f"/user/{ada.name}/lab/"
        assert str(browser.get(server).url).endswith(f"{server}lab/tree/models/iris-1.0/iris.ipynb")
        assert str(browser.get(server).url).endswith(f"{server}lab")
    ada.stop("lab")


def test_a_link_fills_the_form_and_starts_nothing_and_the_form_starts_it(
    person: Callable[[str], Person], folder: Path
) -> None:
    ada = person("open-form")
    ada.package(folder)
    with contextlib.closing(ada.hub.browser(ada.name, ada.password)) as browser:
        page = browser.get("/services/studiolo/models/iris/1.0").text
        link = "/hub/spawn?opt-model=iris%3A1.0&amp;opt-environment=minimal"
        assert f'href="{link}"' in page
        form = browser.get(link.replace("&amp;", "&")).text
        assert "Open iris 1.0 with its files" in form
        assert "It stands on Minimal, which is selected." in form
        assert "You have no workspace yet" in browser.get("/hub/home").text
        xsrf = str(browser.cookies.get("_xsrf", path="/hub/"))
        sent = {"_xsrf": xsrf, "environment": "python", "hardware": "small", "model": "iris:1.0", "name": "Opened"}
        wrong = browser.post("/hub/spawn", data=sent)
        assert wrong.status_code == httpx.codes.CONFLICT
        assert "iris 1.0 stands on &#34;Minimal&#34;, and other software was chosen." in wrong.text
        browser.post("/hub/spawn", data={**sent, "environment": "minimal"}).raise_for_status()
        ada.told("opened", "The files of iris 1.0 are in ~/models/iris-1.0.")
        assert "with the files of iris 1.0" in browser.get("/hub/home").text
    ada.stop("opened")


def test_somebody_else_s_is_refused_in_the_words_for_one_that_is_not_there(
    person: Callable[[str], Person], folder: Path
) -> None:
    person("open-ada").package(folder)
    bob = person("open-bob")
    status, said = bob.refused("theirs", model="iris:1.0")
    assert (status, bob.refused("none", model="rose:1.0")[1]) == (409, said.replace("iris", "rose"))
    assert said.startswith("There is no model package iris 1.0 of yours. It may have been deleted.")
    assert bob.refused("odd", model="../iris:1.0")[0] == 400
    assert bob.refused("any", model="iris")[1] == 'model: which version of "iris"? Write iris:VERSION.'
    with contextlib.closing(bob.hub.browser(bob.name, bob.password)) as browser:
        form = browser.get("/hub/spawn?opt-model=iris:1.0").text
        assert "There is no model package iris 1.0 of yours." in form
        assert "It stands on" not in form


def test_a_team_s_is_opened_by_its_members_and_by_nobody_else(
    person: Callable[[str], Person], team: Callable[..., None], folder: Path
) -> None:
    ada, bob, eve = (person(f"open-team-{name}") for name in ("ada", "bob", "eve"))
    team(ada.name, bob.name)
    ada.package(folder, team="Vision Lab")
    with contextlib.closing(bob.hub.browser(bob.name, bob.password)) as browser:
        page = browser.get("/services/studiolo/models/iris/1.0?team=Vision+Lab").text
    model = page.partition("opt-model=")[2].partition("&amp;")[0].replace("%2F", "/").replace("%3A", ":")
    assert model.startswith("vision-lab---")
    bob.start("theirs", model=model)
    bob.told("theirs", "The files of iris 1.0 are in ~/models/iris-1.0.")
    assert (bob.home / "models" / "iris-1.0" / "iris.ipynb").is_file()
    bob.stop("theirs")
    status, said = eve.refused("theirs", model=model)
    assert (status, said.partition(".0 ")[0]) == (409, "There is no model package iris 1")


def test_one_that_was_deleted_meanwhile_is_said_to_be_gone_and_the_workspace_starts_without_it(
    person: Callable[[str], Person], folder: Path
) -> None:
    ada = person("open-gone")
    ada.package(folder)
    ada.start("work", model="iris:1.0")
    ada.told("work", "are in ~/models/iris-1.0.")
    ada.stop("work")
    with ada.hub.services_api(ada.token) as api:
        api.delete("models/iris/1.0").raise_for_status()
    last = ada.options("work")
    assert "There is no model package iris 1.0 of yours." in ada.refused("work", **last)[1]
    with contextlib.closing(ada.hub.browser(ada.name, ada.password)) as browser:
        assert "Start without it" in browser.get(f"/hub/spawn-pending/{ada.name}/work").text
    last.pop("model")
    ada.start("work", **last)
    assert ada.options("work") == last
    assert (ada.home / "models" / "iris-1.0" / "iris.ipynb").is_file()
    ada.stop("work")


def test_without_the_services_nothing_is_guessed_and_other_starts_go_on(
    person: Callable[[str], Person], folder: Path
) -> None:
    ada = person("open-away")
    ada.package(folder)
    ada.hub.kill(SERVICES)
    try:
        status, said = ada.refused("work", model="iris:1.0")
        assert status == httpx.codes.SERVICE_UNAVAILABLE
        assert said.startswith("It is not known now what iris 1.0 stands on, so your workspace was not started.")
        with contextlib.closing(ada.hub.browser(ada.name, ada.password)) as browser:
            form = browser.get("/hub/spawn?opt-model=iris:1.0&opt-environment=minimal")
            assert "Open iris 1.0 with its files" in form.text
        ada.start("other", environment="minimal")
        ada.stop("other")
    finally:
        ada.hub.start(SERVICES)
    ada.start("work", model="iris:1.0")
    ada.told("work", "are in ~/models/iris-1.0.")
    ada.stop("work")


def test_the_files_come_though_the_hub_dies_in_the_midst_of_the_start(
    person: Callable[[str], Person], folder: Path
) -> None:
    ada = person("open-crash")
    ada.package(folder)
    with ada.hub.api(ada.token) as api:
        api.post(f"users/{ada.name}/servers/work", json={"user_options": {"hardware": "small", "model": "iris:1.0"}})
        key = f"{ada.name}--work"
        begun = lambda: any(record.held.key == key for record in running_records(ada.hub.data))  # noqa: E731
        ada.hub.until(begun, what="its server has begun")
        ada.hub.kill(HUB)
        ada.hub.start(HUB)
        ada.hub.until(
            lambda: bool(api.get(f"users/{ada.name}/servers/work").json()["ready"]), what="it is ready", seconds=120
        )
    ada.told("work", "The files of iris 1.0 are in ~/models/iris-1.0.")
    assert (ada.home / "models" / "iris-1.0" / "iris.ipynb").is_file()
    ada.stop("work")


def test_software_that_has_changed_since_is_said_with_both_locks(
    person: Callable[[str], Person], folder: Path, tmp_path: Path
) -> None:
    ada = person("open-moved")
    ada.package(folder)
    rows = ada.hub.data.root / "studiolo.sqlite"
    import sqlite3  # noqa: PLC0415 - a record of another day

    with contextlib.closing(sqlite3.connect(rows)) as database, database:
        database.execute("UPDATE model_package SET environment_sha256 = ? WHERE owner = ?", ("0" * 64, ada.name))
    ada.start("work", model="iris:1.0")
    ada.told("work", "Minimal has changed since iris 1.0 was packaged: its lock was 000000000000 and is ")
    ada.stop("work")
