"""`studiolo capacity`: room that is held free, and what teams have booked of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click
from click.shell_completion import CompletionItem

from studiolo.cli.completion import PATIENCE_SECONDS
from studiolo.cli.connection import ask
from studiolo.cli.output import json_option, note, print_json, print_table
from studiolo.errors import StudioloError

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from studiolo.client import Studiolo
    from studiolo.wire_capacity import BookingViews


@click.group()
def capacity() -> None:
    """Book room for a class or a deadline, and see how much is held."""


@capacity.command()
@click.option("--hardware", required=True, metavar="NAME", help="Of the catalog.")
@click.option("--slots", required=True, type=click.IntRange(min=1), help="For how many workspaces.")
@click.option("--team", required=True, metavar="TEAM", help="One that you lead.")
@click.option("--from", "begins", required=True, metavar="TIME", help='Such as "2026-11-30 09:00".')
@click.option("--to", "ends", required=True, metavar="TIME", help='The same, or "12:00" for the same day.')
@click.option("--environment", default="", metavar="NAME", help="Whose image is brought along.  [default: the usual]")
@click.option("--title", default="", metavar="TEXT", help="What it is for.")
@json_option
def book(*, as_json: bool, **facts: Any) -> None:
    """Have room held for a team for some time. Times are those of the catalog's time zone."""
    from pydantic import ValidationError  # noqa: PLC0415 - takes long to load, and --help does not need it

    from studiolo.wire_capacity import NewBooking  # noqa: PLC0415 - loads pydantic

    try:
        new = NewBooking.model_validate(facts)
    except ValidationError as error:
        raise click.UsageError("; ".join(f"{one['loc'][0]}: {one['msg']}" for one in error.errors())) from None
    booked = ask(lambda studiolo: studiolo.book(new))
    if as_json:
        print_json(booked.model_dump(mode="json"))
        return
    note(f"Booked as {booked.id}: room for {booked.slots} x {booked.hardware}, held from ten minutes before it begins.")


@capacity.command()
@json_option
def bookings(*, as_json: bool) -> None:
    """Show what your teams have booked. An administrator sees all."""
    found = ask(lambda studiolo: studiolo.bookings())
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    zone = ZoneInfo(found.timezone)
    print_table(
        ("number", "team", "for", "room", "from", "to", "now", "cost"),
        (
            (
                str(one.id),
                one.team,
                one.title,
                f"{one.slots} x {one.hardware}",
                _shown(one.begins, zone),
                _shown(one.ends, zone),
                f"{one.state} {one.note}".strip(),
                _cost(one.cost, found.currency),
            )
            for one in found.bookings
        ),
    )
    note(f"Times are those of {found.timezone}.")


def complete_booking(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Bookings that are not over; nothing when that cannot be told: a shell waits for the answer."""
    del param

    async def question(studiolo: Studiolo) -> BookingViews:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await studiolo.bookings()

    try:
        with ctx:
            known = ask(question).bookings
    except (StudioloError, TimeoutError):
        return []
    return [
        CompletionItem(str(one.id), help=f"{one.team}, {one.slots} x {one.hardware}, {one.state}")
        for one in known
        if one.state != "over" and str(one.id).startswith(incomplete)
    ]


@capacity.command()
@click.argument("number", type=int, shell_complete=complete_booking)
@json_option
def cancel(number: int, *, as_json: bool) -> None:
    """Take the booking NUMBER back. Workspaces that have started go on."""
    ask(lambda studiolo: studiolo.cancel_booking(number))
    if as_json:
        print_json({"id": number})
        return
    note(f"Booking {number} is cancelled. What has started goes on.")


@capacity.command()
@json_option
def slots(*, as_json: bool) -> None:
    """Show how much room is held for each hardware, and which pods wait in it to be claimed (administrators)."""
    found = ask(lambda studiolo: studiolo.slots())
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    print_table(
        ("hardware", "held", "wanted", "at most", "have room", "because", "cost an hour"),
        (
            (
                one.hardware,
                str(one.present),
                str(one.wanted),
                str(one.at_most),
                str(one.fitting),
                one.because,
                _cost(one.cost_per_hour, found.currency),
            )
            for one in found.slots
        ),
    )
    if found.warm is None:
        return
    note("")
    if not found.warm:
        note("No pod waits to be claimed.")
        return
    print_table(
        ("environment", "hardware", "ready", "parking", "wanted", "cost an hour"),
        (
            (
                one.environment,
                one.hardware,
                str(one.ready),
                str(one.parking),
                str(one.wanted),
                _cost(one.cost_per_hour, found.currency),
            )
            for one in found.warm
        ),
    )


@capacity.command()
@json_option
def images(*, as_json: bool) -> None:
    """Show which images are on how many nodes, and why they are wanted there (administrators)."""
    found = ask(lambda studiolo: studiolo.images_on_nodes())
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    if not found.available:
        note("No image is brought to nodes ahead here: capacity.images.enabled is false.")
        return
    print_table(
        ("environment", "because", "on nodes", "fetching", "waiting", "failed", "image"),
        (
            (
                one.environment,
                f"{one.because} ({', '.join(one.groups)})" if one.groups else one.because,
                f"{one.present} of {one.nodes}",
                str(one.fetching),
                str(one.waiting),
                str(one.could_not),
                one.image,
            )
            for one in found.images
        ),
    )
    for one in found.images:
        for failed in one.failed:
            note(f"{failed.node} could not fetch {one.environment} ({failed.tries} times): {failed.reason}")


def _cost(amount: Decimal | None, currency: str) -> str:
    return "" if amount is None else f"{currency} {amount}".strip()


def _shown(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"
