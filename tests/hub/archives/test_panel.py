"""What an administrator reads of a home whose account is gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.archives.panel import MOST_ROWS, ArchiveRow, archive_rows
from studiolo.wire import HomeArchive

NOW = datetime(2026, 11, 26, 20, 15, tzinfo=UTC)


def archive(state: str, **more: Any) -> HomeArchive:
    return HomeArchive(user="bob", home="bob", state=state, since=NOW - timedelta(hours=2), **more)


@pytest.mark.parametrize(
    ("known", "state", "then"),
    [
        (
            archive("waiting", due=NOW + timedelta(days=3)),
            "still in its place",
            "put aside in 3 d, unless the account is there again",
        ),
        (archive("archived", archived="bob.20261126T181500Z.1"), "put aside", "as bob.20261126T181500Z.1"),
        (
            archive("failed", reason="The disk hangs.", next_try=NOW + timedelta(minutes=4)),
            "could not be put aside",
            "The disk hangs. Tried again in 4 min.",
        ),
        (archive("cancelled", reason="There was no home."), "not put aside", "There was no home."),
        (archive("of a later version"), "of a later version", ""),
    ],
)
def test_a_row_says_how_it_is_and_what_comes_next(known: HomeArchive, state: str, then: str) -> None:
    assert archive_rows([known], now=NOW) == (ArchiveRow(user="bob", state=state, since="2 h ago", then=then),)


def test_a_page_has_an_end() -> None:
    assert len(archive_rows([archive("restored")] * (MOST_ROWS + 1), now=NOW)) == MOST_ROWS
