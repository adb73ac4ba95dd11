"""What a workspace that opens a package stands on, and what is said of it."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from spawner.opened_package import (
    OpenedPackage,
    on_its_image,
    said_of_the_image,
    said_of_the_lock,
    said_of_what_is_beside,
    software_of,
)
from spawner.package_errors import PackageGone, PackagesAway, PackageSoftwareGone, PackageStandsOnOther
from spawner.packages import NO_PACKAGES, SourceAway, find_origin
from spawner.refusals import to_spawn_exception
from studiolo.catalog import Environment
from studiolo.choice import Choice
from studiolo.package_name import PackageName
from studiolo.wire_models import PackageOrigin

OLD, NEW, INDEX = (f"sha256:{digit * 64}" for digit in "abc")
PLACE = "registry.example.org/studiolo/python"
IRIS = PackageName.parse("iris:1.0")
CHOICE = Choice(environment="python", hardware="small", model="iris:1.0")


def origin(**facts: object) -> PackageOrigin:
    return PackageOrigin.model_validate(
        {"name": "iris", "version": "1.0", "digest": "sha256:d", "source": "iris.ipynb", "environment": "python"}
        | facts
    )


def python(image: str | None = f"{PLACE}@{NEW}") -> Environment:
    return Environment(name="python", title="Python", image=image)


# -- which software


@pytest.mark.parametrize("is_chosen", [True, False])
def test_it_is_the_package_s_where_it_is_offered(is_chosen: bool) -> None:
    assert software_of(origin(), IRIS, choice=CHOICE, is_chosen=is_chosen, offered=(python(),)) == python()


@pytest.mark.parametrize("offered", [(), (Environment(name="r", title="R"),)])
def test_software_that_is_not_offered_any_more_is_said(offered: Sequence[Environment]) -> None:
    with pytest.raises(PackageSoftwareGone) as caught:
        software_of(origin(), IRIS, choice=CHOICE, is_chosen=True, offered=offered)
    assert caught.value.text.startswith('iris 1.0 stands on the software "python", which is no longer offered to you.')
    assert [offer.choice.model for offer in caught.value.offers] == [None]
    assert to_spawn_exception(caught.value).status_code == 409


def test_other_software_that_somebody_chose_is_refused_and_what_nobody_chose_gives_way() -> None:
    other = Choice(environment="r", hardware="small", model="iris:1.0")
    assert software_of(origin(), IRIS, choice=other, is_chosen=False, offered=(python(),)).name == "python"
    with pytest.raises(PackageStandsOnOther) as caught:
        software_of(origin(), IRIS, choice=other, is_chosen=True, offered=(python(),))
    with_it, without = (offer.choice for offer in caught.value.offers)
    assert with_it == CHOICE
    assert (without.environment, without.model) == ("r", None)


# -- which image


@pytest.mark.parametrize(
    ("base", "digest", "expected"),
    [
        pytest.param(f"{PLACE}@{NEW}", NEW, f"{PLACE}@{NEW}", id="the catalog's"),
        pytest.param(f"{PLACE}@{INDEX}", NEW, f"{PLACE}@{NEW}", id="the catalog's, named otherwise then"),
        pytest.param(f"{PLACE}@{OLD}", OLD, f"{PLACE}@{OLD}", id="an older one"),
        pytest.param(f"{PLACE}:1.2@{OLD}", OLD, f"{PLACE}:1.2@{OLD}", id="with a tag"),
        pytest.param(f"{PLACE}:1.2@{INDEX}", OLD, f"{PLACE}@{OLD}", id="with a tag, of a list"),
        pytest.param(f"host:5000/python@{OLD}", OLD, f"host:5000/python@{OLD}", id="of another place, with a port"),
        pytest.param(f"{PLACE}@{INDEX}", OLD, f"{PLACE}@{OLD}", id="of a list for several kinds of machine"),
        pytest.param("", OLD, f"{PLACE}@{OLD}", id="of which nobody noted the place"),
        pytest.param("", "", f"{PLACE}@{NEW}", id="none: it was packaged without an image"),
    ],
)
def test_the_image_is_the_very_one_that_the_package_stands_on(base: str, digest: str, expected: str) -> None:
    now = python()
    then = on_its_image(now, origin(base=base, base_digest=digest))
    assert then.image == expected
    said = said_of_the_image(then, now, IRIS)
    assert bool(said) == (expected != now.image)
    if said:
        assert said[0].startswith("Python is as it was when iris 1.0 was packaged (aaaaaaaaaaaa).")


def test_what_the_catalog_names_by_the_list_of_the_very_image_stays_so() -> None:
    now = python(f"{PLACE}@{INDEX}")
    assert on_its_image(now, origin(base=f"{PLACE}@{INDEX}", base_digest=OLD)) is now


def test_software_without_an_image_has_none() -> None:
    now = python(None)
    assert on_its_image(now, origin(base_digest=OLD)) is now


# -- what is said


def test_a_lock_that_has_changed_is_said_with_both() -> None:
    (sentence,) = said_of_the_lock(python(), "b" * 64, origin(environment_sha256="a" * 64), IRIS)
    assert "its lock was aaaaaaaaaaaa and is bbbbbbbbbbbb" in sentence
    assert said_of_the_lock(python(), "a" * 64, origin(environment_sha256="a" * 64), IRIS) == ()
    assert said_of_the_lock(python(), "a" * 64, origin(), IRIS) == ()


def test_packages_beside_the_software_are_not_forgotten() -> None:
    assert said_of_what_is_beside(python(), origin(), IRIS) == ()
    (sentence,) = said_of_what_is_beside(python(), origin(has_lock=True), IRIS)
    assert sentence.startswith("iris 1.0 has packages beside Python.")


def test_the_server_is_told_all_that_it_needs() -> None:
    opened = OpenedPackage.of(origin(), team="Vision Lab")
    assert json.loads(opened.as_variable()) == {
        "name": "iris",
        "version": "1.0",
        "team": "Vision Lab",
        "digest": "sha256:d",
        "source": "iris.ipynb",
    }


# -- who is asked


class Source:
    """Says one thing."""

    def __init__(self, answer: PackageOrigin | Exception | None) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str, str]] = []

    async def origin(self, user: str, package: PackageName, team: str) -> PackageOrigin | None:
        self.asked.append((user, str(package), team))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def test_a_package_of_a_team_is_asked_for_by_the_team_s_own_name() -> None:
    source, theirs = Source(origin()), PackageName.parse("vision/iris:1.0")
    assert await find_origin(source, theirs, CHOICE, user="ada", teams=("sound", "vision")) == (origin(), "vision")
    assert source.asked == [("ada", "vision/iris:1.0", "vision")]


async def test_of_a_team_that_somebody_is_not_in_nothing_is_asked_and_it_is_as_if_there_were_none() -> None:
    source, theirs = Source(origin()), PackageName.parse("vision/iris:1.0")
    said = []
    for asking, teams in ((source, ("sound",)), (Source(None), ("vision",))):
        with pytest.raises(PackageGone) as caught:
            await find_origin(asking, theirs, CHOICE, user="ada", teams=teams)
        said.append(caught.value.text)
    assert source.asked == []
    assert said[0] == said[1]
    with pytest.raises(PackageGone, match="of yours"):
        await find_origin(NO_PACKAGES, IRIS, CHOICE, user="ada", teams=())


async def test_where_nobody_answers_the_start_is_refused_and_can_be_tried_again() -> None:
    with pytest.raises(PackagesAway) as caught:
        await find_origin(Source(SourceAway()), IRIS, CHOICE, user="ada", teams=())
    again, without = (offer.choice for offer in caught.value.offers)
    assert (again, without.model) == (CHOICE, None)
    assert to_spawn_exception(caught.value).status_code == 503
