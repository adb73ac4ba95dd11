"""What people see of bookings, where several last at once and where the catalog has changed."""

from __future__ import annotations

from hub.bookings.views import booking_lines, booking_views
from studiolo.catalog_model import Catalog, Warm
from tests.hub.bookings.test_booking import HOUR, booking
from tests.hub.capacity.shapes import NOW, hardware

CATALOG = Catalog(environments=(), hardware=(hardware(warm=Warm(slots=0, at_most=8)),))


def test_a_start_is_shown_with_one_booking_alone_whoever_looks() -> None:
    first, second = booking(2, begins=-1, id=1), booking(2, begins=-0.5, id=2, team="research")
    started = {"small": [NOW - HOUR / 60] * 3}
    for seen in ((first, second), (second,)):
        views = booking_views(seen, CATALOG, now=NOW, current=(first, second), started=started)
        assert [(one.id, one.started) for one in views] == [(one.id, 2 if one is first else 1) for one in seen]


def test_one_that_is_over_comes_last_and_has_no_starts() -> None:
    over, coming = booking(begins=-9, id=1), booking(begins=9, id=2)
    views = booking_views((over, coming), CATALOG, now=NOW, current=(coming,), started={"small": [NOW - 8 * HOUR]})
    assert [(one.id, one.state, one.started) for one in views] == [(2, "coming", 0), (1, "over", 0)]


def test_what_the_catalog_no_longer_holds_is_said() -> None:
    one = booking(4, id=1)
    less = Catalog(environments=(), hardware=(hardware(warm=Warm(slots=0, at_most=3)),))
    gone = Catalog(environments=(), hardware=())
    notes = [
        booking_views((one,), catalog, now=NOW, current=(one,), started={})[0].note for catalog in (CATALOG, less, gone)
    ]
    assert notes == [
        "",
        "At most 3 of it are held now: the catalog has changed since it was booked.",
        "This hardware is not in the catalog any more, so nothing is held.",
    ]


def test_the_page_says_where_each_stands() -> None:
    those = tuple(booking(begins=begins, id=number) for number, begins in enumerate((-9, -1, 0.1, 9)))
    views = booking_views(those, CATALOG, now=NOW, current=those, started={"small": [NOW - HOUR / 2]})
    lines = booking_lines(views, CATALOG, changeable=("vision",))
    assert [(one.state, one.may_cancel) for one in lines] == [
        ("running: 1 of 4 have started", True),
        ("room is being made since 12:56", True),
        ("coming", True),
        ("over", False),
    ]
