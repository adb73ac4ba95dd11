"""A person looks at a model package, downloads its image and deletes it; a member of a team sees the team's."""

from __future__ import annotations

import asyncio
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from deploy.local.throwaway import ThrowawayHub
from hub.passwords import ADMIN
from studiolo.client import Studiolo
from studiolo.packaging.project import collect
from studiolo.wire_models import ModelPackageView, NewModelPackage
from tests.hub.builder.conftest import notebook_of

pytestmark = pytest.mark.browser

SignIn = Callable[[BrowserContext, tuple[str, str]], Page]
SCREENSHOTS = Path(__file__).parent / "screenshots"
PAGE = "/services/studiolo/models"
HOSTILE = "<img src=x onerror=alert(1)>"

MODEL = f'''\
from typing import Annotated, Literal

from annotated_types import Interval


class Model:
    """Tells three flowers apart. {HOSTILE}"""

    def train(
        self,
        data: str,
        rounds: int = 100,
        rate: Annotated[float, Interval(gt=0, le=1)] = 0.1,
        optimiser: Literal["adam", "sgd"] = "adam",
    ):
        """Learn.

        :param data: Where the table of measurements lies.
        :param rounds: How often each row is looked at.
        """
        return rounds

    def predict(self, sepal_length: float, sepal_width: float):
        return "setosa"
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "project"
    place.mkdir()
    (place / "iris.ipynb").write_text(notebook_of(MODEL, "Model().train('here')", "%matplotlib inline"))
    (place / "rows.csv").write_text("a,b\n" * 1000)
    return place


def package(hub: ThrowawayHub, who: tuple[str, str], folder: Path, **wanted: str) -> ModelPackageView:
    """As a person's workspace does, with a token."""

    async def send() -> ModelPackageView:
        new = NewModelPackage.model_validate({"source": "iris.ipynb", "environment": "minimal", **wanted})
        async with Studiolo(hub.base_url, hub.token(*who)) as client:
            return await client.package_model(new, collect(folder))

    with ThreadPoolExecutor(1) as beside:  # this thread has Playwright's event loop
        return beside.submit(lambda: asyncio.run(send())).result()


def test_a_person_looks_at_a_package_downloads_it_and_deletes_it(
    *,
    hub: ThrowawayHub,
    person: tuple[str, str],
    new_context: Callable[..., BrowserContext],
    sign_in: SignIn,
    folder: Path,
    tmp_path: Path,
) -> None:
    page = sign_in(new_context(permissions=["clipboard-read", "clipboard-write"]), person)
    page.get_by_role("link", name="Models", exact=True).click()
    expect(page.get_by_text("You have packaged no model yet.")).to_be_visible()

    package(hub, person, folder, version="1.0", commit="0123456789abcdef", diff="-a\n+b")
    (folder / "rows.csv").write_text("changed\n")
    package(hub, person, folder, version="1.1")
    page.reload()
    row = page.get_by_role("row", name="iris")
    expect(row).to_contain_text("train, predict")
    expect(row).to_contain_text(HOSTILE)
    row.get_by_text("1 older").click()
    row.get_by_role("link", name="iris 1.0").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("iris 1.0")
    rows = page.locator("#hyperparameters").get_by_role("row")
    expect(rows).to_have_count(5)
    expect(rows.nth(1)).to_contain_text("required")
    expect(rows.nth(3)).to_contain_text("above 0")
    expect(rows.nth(4)).to_contain_text('"adam", "sgd"')
    page.get_by_role("button", name="Copy: Serve").click()
    expect(page.get_by_role("button", name="Copy: Serve")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()").endswith(" serve")
    page.get_by_text("What was not committed", exact=True).click()
    expect(page.get_by_label("What was not committed")).to_have_text("-a\n+b")
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download the image").click()
    saved = tmp_path / downloading.value.suggested_filename
    downloading.value.save_as(saved)
    assert saved.name == "iris-1.0.oci.tar"
    with tarfile.open(saved) as archive:
        assert {"oci-layout", "index.json"} <= set(archive.getnames())

    page.get_by_text("Delete this version", exact=True).click()
    page.get_by_role("button", name="Delete iris 1.0").click()
    expect(page.get_by_role("row", name="iris")).to_contain_text("1.1")
    expect(page.get_by_text("1 older")).to_have_count(0)


def test_without_javascript_a_version_is_deleted_all_the_same(
    hub: ThrowawayHub,
    person: tuple[str, str],
    new_context: Callable[..., BrowserContext],
    sign_in: SignIn,
    folder: Path,
) -> None:
    package(hub, person, folder, version="1.0")
    page = sign_in(new_context(java_script_enabled=False), person)
    page.goto(f"{PAGE}/iris/latest")
    expect(page.get_by_role("button", name="Copy: Train")).to_have_count(0)
    page.get_by_text("Delete this version", exact=True).click()
    page.get_by_role("button", name="Delete iris 1.0").click()
    expect(page.get_by_text("You have packaged no model yet.")).to_be_visible()
    page.goto(f"{PAGE}/iris/1.0")
    expect(page.get_by_role("alert")).to_contain_text('You have no model package "iris"')


@pytest.fixture
def team(hub: ThrowawayHub) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    """Who leads a team, and somebody else in it."""
    lead, member = ((name, hub.add_user(name)) for name in ("models-lena", "models-mara"))
    with hub.api(hub.token(ADMIN, hub.admin_password)) as api:
        api.post("groups/Flowers & co", json={"users": [lead[0], member[0]]}).raise_for_status()
        api.put("groups/Flowers & co/properties", json={"leads": [lead[0]], "quota": {}}).raise_for_status()
        yield lead, member
        api.delete("groups/Flowers & co").raise_for_status()


def test_a_member_sees_the_team_s_and_who_leads_it_deletes(
    hub: ThrowawayHub,
    team: tuple[tuple[str, str], tuple[str, str]],
    new_context: Callable[..., BrowserContext],
    sign_in: SignIn,
    folder: Path,
) -> None:
    lead, member = team
    package(hub, member, folder, team="Flowers & co", version="1")
    page = sign_in(new_context(), member)
    page.goto(PAGE)
    section = page.get_by_role("region", name="Team Flowers & co")
    section.get_by_role("link", name="iris", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("iris 1")
    expect(page.get_by_text("Delete this version")).to_have_count(0)

    page = sign_in(new_context(), lead)
    page.goto(PAGE)
    page.get_by_role("link", name="iris", exact=True).click()
    page.get_by_text("Delete this version", exact=True).click()
    page.get_by_role("button", name="Delete iris 1").click()
    expect(page.get_by_role("region", name="Team Flowers & co")).to_contain_text("The team has packaged none yet.")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_both_pages_are_accessible_and_fit_their_screen(
    *,
    theme: str,
    hub: ThrowawayHub,
    person: tuple[str, str],
    new_context: Callable[..., BrowserContext],
    sign_in: SignIn,
    serious_problems: Callable[[Page], list[str]],
    folder: Path,
) -> None:
    package(hub, person, folder, version="1.0", commit="0123456789abcdef", diff="-a\n+b")
    page = sign_in(new_context(color_scheme=theme), person)
    found = []
    for name, address in (("list", PAGE), ("one", f"{PAGE}/iris/1.0")):
        page.goto(address)
        for width in (360, 1400):
            page.set_viewport_size({"width": width, "height": 900})
            wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            if wider > 0:
                found.append(f"{address} is {wider} px wider than {width} px")
            found.extend(serious_problems(page))
            page.screenshot(path=SCREENSHOTS / f"models-{name}-{theme}-{width}.png", full_page=True)
    assert not found
