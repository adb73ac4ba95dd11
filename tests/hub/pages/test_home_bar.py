"""How full a home is, as people read it."""

from __future__ import annotations

from datetime import datetime

import pytest

from hub.homes.board import HomeLook
from hub.pages.home_bar import home_bar
from hub.pages.home_view import home_view
from hub.pages.tones import Tone
from spawner.homes import HomeUsage
from studiolo.catalog import Catalog

GIB = 1024**3
UNKNOWN = HomeLook(usage=None, is_asked=False, quota_bytes=10 * GIB)
ASKED = HomeLook(usage=None, is_asked=True, quota_bytes=10 * GIB)


def look(used: float, *, quota: int | None = 10 * GIB, is_whole: bool = True) -> HomeLook:
    usage = HomeUsage(used_bytes=int(used), is_whole=is_whole)
    return HomeLook(usage=usage, is_asked=False, quota_bytes=quota)


@pytest.mark.parametrize(
    ("seen", "words", "percent"),
    [
        pytest.param(look(3.2 * GIB), "3.2 of 10 GiB", 31, id="one unit"),
        pytest.param(look(120 * 1024**2), "120 MiB of 10 GiB", 1, id="two units"),
        pytest.param(look(0), "0 B of 10 GiB", 0, id="empty"),
        pytest.param(look(12 * GIB), "12 of 10 GiB", 100, id="over it"),
        pytest.param(look(3 * GIB, is_whole=False), "at least 3 of 10 GiB", 30, id="not all was seen"),
        pytest.param(look(3 * GIB, quota=None), "3 GiB used", None, id="no quota"),
        pytest.param(ASKED, "being measured", None, id="being asked"),
        pytest.param(UNKNOWN, "not known now", None, id="nobody answers"),
    ],
)
def test_what_is_used_stands_beside_what_is_meant_for_it(seen: HomeLook, words: str, percent: int | None) -> None:
    bar = home_bar(seen)
    assert (bar.words, bar.percent) == (words, percent)


@pytest.mark.parametrize(
    ("share", "tone", "said"),
    [
        (0.799, Tone.CALM, ""),
        (0.8, Tone.SOON, "soon be full"),
        (0.949, Tone.SOON, "soon be full"),
        (0.95, Tone.NO, "almost full"),
        (1.0, Tone.NO, "more than the 10 GiB"),
        (7.0, Tone.NO, "ask an administrator"),
    ],
)
def test_a_home_that_fills_up_is_told_of_in_time(share: float, tone: Tone, said: str) -> None:
    bar = home_bar(look(share * 10 * GIB + 1))
    assert bar.tone is tone
    assert said in bar.note
    assert bool(bar.note) == bool(said)


def test_a_page_that_waits_for_nothing_comes_back_soon_for_the_answer(sample_catalog: Catalog, now: datetime) -> None:
    def view(home: HomeLook | None) -> float:
        return home_view([], catalog=sample_catalog, base_url="/hub/", now=now, home=home).refresh_seconds

    assert view(ASKED) < view(UNKNOWN) == view(None)


def test_where_nobody_measures_nothing_is_said(sample_catalog: Catalog, now: datetime) -> None:
    assert home_view([], catalog=sample_catalog, base_url="/hub/", now=now).home is None
