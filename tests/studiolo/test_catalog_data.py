"""data.yaml: what lies where, for whom, and on which platform."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from studiolo.catalog import Catalog, CatalogError, DataFolder, Platform, check_catalog, load_catalog, load_data
from studiolo.cli.catalog import catalog as catalog_command

KUBERNETES = "environments:\n  python: {title: Python, image: example.org/python@sha256:" + "0" * 64 + "}\n"
DATA = """
data:
  iris:
    title: Iris
    summary: Flowers
    claim: datasets
    folder: public/iris
    path: /srv/iris
  scans: {title: Scans, claim: scans, mount: /data/vision/scans, read_only: false, teams: [vision]}
  disk: {title: Disk, path: /srv/disk}
"""


def test_without_the_file_there_is_no_data(write_catalog: Callable[..., Path]) -> None:
    write_catalog()
    check = check_catalog(Path())
    assert check.problems == ()
    assert check.catalog is not None
    assert check.catalog.data == ()


def test_data_is_read_only_below_data_under_its_name_and_for_everyone_unless_it_says_otherwise(
    write_catalog: Callable[..., Path],
) -> None:
    write_catalog(environments=KUBERNETES, data=DATA)
    found = load_catalog(Path(), platform=Platform.KUBERNETES)
    assert found.data == (
        DataFolder(
            name="iris",
            title="Iris",
            summary="Flowers",
            claim="datasets",
            folder="public/iris",
            path=Path("/srv/iris"),
            mount="/data/iris",
        ),
        DataFolder(
            name="scans",
            title="Scans",
            claim="scans",
            mount="/data/vision/scans",
            read_only=False,
            teams=frozenset({"vision"}),
        ),
    )
    assert [entry.name for entry in found.data_elsewhere] == ["disk"]


def test_one_machine_offers_what_has_a_path(write_catalog: Callable[..., Path]) -> None:
    write_catalog(data=DATA)
    found = load_catalog(Path())
    assert [entry.name for entry in found.data] == ["iris", "disk"]
    assert [entry.name for entry in found.data_elsewhere] == ["scans"]


def test_a_path_is_looked_for_only_where_it_will_be_used(write_catalog: Callable[..., Path]) -> None:
    write_catalog(environments=KUBERNETES, data="data:\n  a: {title: A, claim: a, path: /no/such/folder}\n")
    assert check_catalog(Path(), platform=Platform.KUBERNETES).problems == ()


def test_people_are_offered_the_data_of_their_teams(sample_catalog: Catalog) -> None:
    assert [entry.name for entry in sample_catalog.offered_data(())] == ["iris"]
    assert [entry.name for entry in sample_catalog.offered_data(["vision"])] == ["iris", "scans"]


def test_check_and_show_tell_of_data(write_catalog: Callable[..., Path]) -> None:
    write_catalog(data=DATA)
    check = CliRunner().invoke(catalog_command, ["check"])
    assert check.stderr.endswith("environments.yaml (1), hardware.yaml (1) and data.yaml (3) can be used.\n")
    show = CliRunner().invoke(catalog_command, ["show"])
    assert "/data/iris" in show.stdout
    assert "Data not offered here, because no path is named: scans." in show.stdout


AGED = "  attic: {title: Attic, claim: homes, folder: attic, path: /srv/attic, read_only: false, max_age: 30d}\n"


def problems_of(write_catalog: Callable[..., Path], entries: str, *, homes_claim: str | None = None) -> list[str]:
    write_catalog(environments=KUBERNETES, data=f"data:\n{entries}")
    check = check_catalog(Path(), platform=Platform.KUBERNETES, homes_claim=homes_claim)
    return [problem.message for problem in check.problems]


def test_files_of_an_entry_may_grow_old(write_catalog: Callable[..., Path]) -> None:
    write_catalog(environments=KUBERNETES, data=f"data:\n{AGED}")
    for claim in (None, "homes"):
        assert problems_of(write_catalog, AGED, homes_claim=claim) == []
    [attic] = load_catalog(Path(), platform=Platform.KUBERNETES).data
    assert attic.max_age == timedelta(days=30)
    assert load_data(Path(), platform=Platform.KUBERNETES) == (attic,)
    with pytest.raises(CatalogError):
        load_data(Path(), platform=Platform.KUBERNETES, homes_claim="others")
    show = CliRunner().invoke(catalog_command, ["show", "--platform", "kubernetes"])
    assert "removed when unused for" in " ".join(show.stdout.split())


@pytest.mark.parametrize(
    ("entries", "homes_claim", "reason"),
    [
        pytest.param("  a: {title: A, path: /srv/a, max_age: 30d}\n", None, "Add read_only: false.", id="read-only"),
        pytest.param(
            "  a: {title: A, path: /srv/a, read_only: true, max_age: 30d}\n",
            None,
            "Add read_only: false.",
            id="said so",
        ),
        pytest.param(AGED.replace("30d", "30m"), None, "Write a day or more", id="a unit was mistaken"),
        pytest.param(AGED.replace("30d", "'30'"), None, "is not a length of time", id="no unit"),
        pytest.param(AGED.replace("30d", "[30d]"), None, "30d", id="a list"),
        pytest.param(AGED.replace("folder: attic, ", ""), None, "the top of a volume", id="a whole volume"),
        pytest.param(AGED, "others", 'whose claim is "others"', id="another volume"),
        pytest.param(AGED, "", "there is none here", id="nobody to do it"),
        pytest.param(
            f"{AGED}  b: {{title: B, claim: homes, folder: attic/b}}\n",
            None,
            'files of "b" lie in this folder',
            id="volume",
        ),
        pytest.param(f"{AGED}  b: {{title: B, path: /srv/attic/b}}\n", None, 'files of "b" lie in this', id="machine"),
        pytest.param(f"{AGED}  b: {{title: B, path: /srv/attic}}\n", None, 'files of "b" lie in this', id="the same"),
    ],
)
def test_files_grow_old_only_where_somebody_may_remove_them_and_nothing_else_lies(
    entries: str, homes_claim: str | None, reason: str, write_catalog: Callable[..., Path]
) -> None:
    [message] = problems_of(write_catalog, entries, homes_claim=homes_claim)
    assert reason in message


def test_beside_a_folder_with_old_files_others_keep_theirs(write_catalog: Callable[..., Path]) -> None:
    beside = (
        "  b: {title: B, claim: homes, folder: attic2, path: /srv/attic2}\n"
        "  c: {title: C, claim: others, folder: attic/c}\n"
        "  d: {title: D, path: /srv}\n"
        "  e: {title: E, claim: homes, folder: attic/e, read_only: false, max_age: 1d}\n"
    )
    assert problems_of(write_catalog, f"{AGED}{beside}") == []
