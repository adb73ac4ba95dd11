"""Teams that catalogs name and JupyterHub does not know."""

from __future__ import annotations

import pytest

from hub.missing_teams import missing_teams
from studiolo.catalog import Catalog


@pytest.mark.parametrize(
    ("teams", "named"),
    [
        pytest.param({"vision", "research"}, [], id="all exist"),
        pytest.param({"vision"}, ["research"], id="one is missing"),
        pytest.param(set(), ["research", "vision"], id="none exists yet"),
    ],
)
def test_each_missing_team_is_told_once_with_the_way_out(
    sample_catalog: Catalog, teams: set[str], named: list[str]
) -> None:
    sentences = missing_teams(sample_catalog, teams)
    assert len(sentences) == len(named)
    for sentence, team in zip(sentences, named, strict=True):
        assert f'"{team}"' in sentence
        assert f"studiolo team add {team}" in sentence


def test_a_team_that_was_probably_meant_is_named(sample_catalog: Catalog) -> None:
    (sentence,) = missing_teams(sample_catalog, {"visoin", "research"})
    assert 'Perhaps you meant "visoin"?' in sentence


def test_a_team_of_the_identity_provider_is_made_by_nobody_here(sample_catalog: Catalog) -> None:
    (sentence,) = missing_teams(sample_catalog, {"vision"}, are_managed=True)
    assert "the first of its members who signs in" in sentence
    assert "studiolo team add" not in sentence
