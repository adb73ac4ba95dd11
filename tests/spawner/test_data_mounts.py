"""Where people's homes are, no data may lie; each claim is one volume of a pod."""

from __future__ import annotations

import pytest

from spawner.data_mounts import among_homes, volumes_of
from spawner.installation import HomesVolume
from studiolo.catalog import DataFolder


@pytest.mark.parametrize(
    ("homes", "folder", "is_among"),
    [
        pytest.param("users", "users", True, id="all homes"),
        pytest.param("users", "users/bob", True, id="one home"),
        pytest.param("users", "", True, id="the whole volume"),
        pytest.param("lab/users", "lab", True, id="what holds the homes"),
        pytest.param("", "public", True, id="homes at the top: somebody may be called so"),
        pytest.param("/users/", "users", True, id="slashes around"),
        pytest.param("users", "public", False, id="beside the homes"),
        pytest.param("users", "users2", False, id="a name that begins alike"),
    ],
)
def test_data_of_the_volume_with_the_homes_lies_beside_them(homes: str, folder: str, *, is_among: bool) -> None:
    entry = DataFolder(name="a", title="A", mount="/data/a", claim="homes", folder=folder)
    assert among_homes((entry,), HomesVolume(claim="homes", folder=homes)) == ((entry,) if is_among else ())


def test_another_volume_has_no_homes() -> None:
    entry = DataFolder(name="a", title="A", mount="/data/a", claim="datasets")
    assert among_homes((entry,), HomesVolume(claim="homes")) == ()
    assert among_homes((entry,), None) == ()


def test_data_beside_the_homes_is_mounted_from_the_volume_that_the_pod_has() -> None:
    public = DataFolder(name="a", title="A", mount="/data/a", claim="homes", folder="public")
    other = DataFolder(name="b", title="B", mount="/data/b", claim="datasets")
    volumes, mounts = volumes_of((public, other), {"homes": "home"})
    assert volumes == ({"name": "data-0", "persistentVolumeClaim": {"claimName": "datasets"}},)
    assert [(one["name"], one["mountPath"], one["readOnly"]) for one in mounts] == [
        ("home", "/data/a", True),
        ("data-0", "/data/b", True),
    ]
