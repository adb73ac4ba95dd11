"""Bookings in both kinds of database: kept as they were made, and never more than there is, whoever books at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from hub.bookings import store
from hub.bookings.actions import Bookings
from hub.bookings.booking import IMAGES_BEFORE, KEPT
from hub.bookings.errors import BookingRefused
from hub.database import Database
from studiolo.catalog_model import Catalog, Environment, Warm
from studiolo.wire_capacity import NewBooking
from tests.hub.capacity.shapes import NOW, hardware
from tests.hub.capacity.test_measured_starts import database

__all__ = ["database"]

CATALOG = Catalog(environments=(), hardware=(hardware(warm=Warm(slots=0, at_most=8)),))


def new(slots: int = 5, *, days: int = 1) -> NewBooking:
    begins = NOW + timedelta(days=days)
    return NewBooking(
        team="vision",
        hardware="small",
        slots=slots,
        begins=begins.isoformat(),
        ends=(begins + timedelta(hours=2)).isoformat(),
        title="  Course  on\nsight\x00\x1b ",
    )


async def test_a_booking_comes_back_as_it_was_made(database: Database) -> None:
    bookings = Bookings(database, lambda: CATALOG, now=lambda: NOW)
    booked = await bookings.book(new(), by="lena")
    assert list(await bookings.all()) == [await bookings.named(booked.id)] == [booked]
    assert (booked.title, booked.by, booked.begins) == ("Course on sight", "lena", NOW + timedelta(days=1))


async def test_two_processes_that_book_at_once_never_book_more_than_there_is(database: Database) -> None:
    other = Database(database.url)
    try:
        both = [Bookings(each, lambda: CATALOG, now=lambda: NOW) for each in (database, other)]
        asked = [each.book(new(days=day), by="lena") for day in range(1, 9) for each in both]
        answers = await asyncio.gather(*asked, return_exceptions=True)
    finally:
        other.close()
    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert len(refused) == 8
    assert {type(one) for one in refused} == {BookingRefused}
    assert len(await both[0].all()) == 8


async def test_what_is_long_over_is_forgotten_with_the_next_booking(database: Database) -> None:
    await Bookings(database, lambda: CATALOG, now=lambda: NOW).book(new(), by="lena")
    later = NOW + KEPT + timedelta(days=3)
    bookings = Bookings(database, lambda: CATALOG, now=lambda: later)
    booked = await bookings.book(new(days=40), by="lena")
    everything = await database.run(lambda session: store.ending_after(session, NOW - timedelta(days=999)))
    assert [one.id for one in everything] == [booked.id]


async def test_the_image_of_a_booking_is_wanted_from_an_hour_before_it_to_its_end(database: Database) -> None:
    def environment(name: str, **more: Any) -> Environment:
        return Environment(name=name, title=name, image=f"{name}@sha256:1", **more)

    for_vision = environment("torch", teams=frozenset({"vision"}), default=True)
    catalog = CATALOG.model_copy(update={"environments": (environment("python"), for_vision, environment("r"))})
    bookings = Bookings(database, lambda: catalog, now=lambda: NOW)
    await bookings.book(new(1), by="lena")
    await bookings.book(new(1).model_copy(update={"environment": "r"}), by="lena")
    begins, ends = NOW + timedelta(days=1), NOW + timedelta(days=1, hours=2)
    wanted = {"torch", "r"}  # what its form chooses for the team, and what was named
    assert await bookings.environments_at(begins - IMAGES_BEFORE) == wanted
    assert await bookings.environments_at(ends - timedelta(seconds=1)) == wanted
    for moment in (begins - IMAGES_BEFORE - timedelta(seconds=1), ends):
        assert await bookings.environments_at(moment) == frozenset()


async def test_a_booking_that_is_refused_is_not_kept(database: Database) -> None:
    bookings = Bookings(database, lambda: CATALOG, now=lambda: NOW)
    with pytest.raises(BookingRefused):
        await bookings.book(new(9), by="lena")
    assert list(await bookings.all()) == []
