"""data.yaml: what lies where, for whom, and on which platform."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner

from studiolo.catalog import Catalog, DataFolder, Platform, check_catalog, load_catalog
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
