"""Catalogs change while the hub runs: what is broken is refused whole, and said in the log, the metric and the page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from deploy.local.throwaway import ThrowawayHub
from hub.passwords import ADMIN
from hub.settings import CHECKOUT
from studiolo.catalog import check_catalog

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThrowawayHub]:
    catalogs = tmp_path_factory.mktemp("catalogs")
    for name in ("environments.yaml", "hardware.yaml"):
        shutil.copy(CHECKOUT / name, catalogs)
    (catalogs / "images").symlink_to(CHECKOUT / "images")
    with ThrowawayHub(tmp_path_factory.mktemp("hub"), {"catalogDirectory": catalogs}, services=False) as running:
        yield running


@pytest.fixture
def admin(hub: ThrowawayHub) -> Iterator[httpx.Client]:
    with hub.api(hub.token(ADMIN, hub.admin_password)) as api:
        yield api


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_a_broken_edit_is_told_everywhere_with_the_words_of_check(hub: ThrowawayHub, admin: httpx.Client) -> None:
    hardware = hub.settings.catalog_directory / "hardware.yaml"
    good = hardware.read_text()

    def metric(line: str) -> bool:
        return line in admin.get("../metrics").text

    assert metric("studiolo_catalog_valid 1.0")
    edit(hardware, "memory:", "memry:")
    hub.until(lambda: metric("studiolo_catalog_valid 0.0"), what="the metric says that the catalog was refused")
    problems = check_catalog(hub.settings.catalog_directory).problems
    assert problems
    for problem in problems:
        assert str(problem) in hub.log("hub")
        escaped = str(problem).replace("\\", r"\\").replace('"', r"\"")
        assert metric(f'studiolo_catalog_problem{{problem="{escaped}"}} 1.0')
    hardware.write_text(good)
    hub.until(lambda: metric("studiolo_catalog_valid 1.0"), what="the metric says that the catalog is good again")
    assert not metric("studiolo_catalog_problem{")


def test_a_team_that_does_not_exist_is_told_while_the_hub_runs(hub: ThrowawayHub, admin: httpx.Client) -> None:
    environments = hub.settings.catalog_directory / "environments.yaml"
    good = environments.read_text()
    admin.post("groups/vision")
    edit(environments, "    title:", "    teams: [visoin]\n    title:")
    hub.until(lambda: 'team "visoin", which does not exist' in hub.log("hub"), what="the log names the team")
    assert 'Perhaps you meant "vision"?' in hub.log("hub")
    environments.write_text(good)


def test_a_hub_does_not_start_on_a_broken_catalog_and_says_what_check_says(tmp_path: Path) -> None:
    catalogs = tmp_path / "catalogs"
    catalogs.mkdir()
    (catalogs / "environments.yaml").write_text("environments: {}\n")
    with (
        pytest.raises(AssertionError) as ended,
        ThrowawayHub(tmp_path / "data", {"catalogDirectory": catalogs}, services=False),
    ):
        raise RuntimeError("the hub runs on a broken catalog")
    for problem in check_catalog(catalogs).problems:
        assert str(problem) in str(ended.value)
