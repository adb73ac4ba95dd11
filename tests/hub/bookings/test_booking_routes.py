"""Bookings over REST and on the command line: who may book, who sees it, and what the room then is."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import httpx
import pytest
from click.testing import CliRunner, Result

from hub.app import RunningServices
from hub.settings import Settings
from studiolo.cli import main
from studiolo.cli.capacity import cancel, complete_booking
from studiolo.cli.connection import Connection
from studiolo.client import Studiolo
from tests.fakes.fake_kubernetes import PATIENCE_SECONDS, FakeKubernetes
from tests.hub.conftest import FakeHub

BOOKINGS = "api/capacity/bookings"


def wanted(**changes: Any) -> dict[str, Any]:
    begins = datetime.now(UTC).replace(tzinfo=None, microsecond=0) + timedelta(days=2)
    return {
        "team": "vision",
        "hardware": "small",
        "slots": 3,
        "begins": begins.isoformat(" ") + "Z",
        "ends": (begins + timedelta(hours=2)).isoformat(" ") + "Z",
        "title": "Course",
        **changes,
    }


async def test_a_lead_books_their_team_sees_it_and_an_administrator_cancels_it(
    services: httpx.AsyncClient, teams: FakeHub
) -> None:
    lena, mara, rita, adam = [teams.knows_for_test(name) for name in ("lena", "mara", "rita", "adam")]
    answer = await services.post(BOOKINGS, json=wanted(), headers=lena)
    assert answer.status_code == 201, answer.text
    booked = answer.json()
    assert (booked["by"], booked["state"], booked["cost"]) == ("lena", "coming", "3.00")
    seen = {
        name: [one["id"] for one in (await services.get(BOOKINGS, headers=who)).json()["bookings"]]
        for name, who in {"lena": lena, "mara": mara, "rita": rita, "adam": adam}.items()
    }
    assert seen == {"lena": [booked["id"]], "mara": [booked["id"]], "rita": [], "adam": [booked["id"]]}
    assert (await services.get(BOOKINGS, headers=lena)).json()["timezone"] == "Europe/Berlin"
    answers = [await services.delete(f"{BOOKINGS}/{booked['id']}", headers=who) for who in (rita, mara, adam, adam)]
    assert [answer.status_code for answer in answers] == [404, 403, 204, 404]


@pytest.mark.parametrize(
    ("who", "status", "said"),
    [
        ("mara", 403, "Ask lena or former."),
        ("rita", 404, 'You are in no team "vision".'),
        # Whoever left the team leads it no more, even where the list of leads still has them.
        ("former", 404, 'You are in no team "vision".'),
        ("adam", 201, ""),
    ],
)
async def test_only_who_leads_a_team_books_for_it(
    services: httpx.AsyncClient, teams: FakeHub, who: str, status: int, said: str
) -> None:
    answer = await services.post(BOOKINGS, json=wanted(), headers=teams.knows_for_test(who))
    assert answer.status_code == status
    assert said in answer.text.replace('\\"', '"')
    count = len((await services.get(BOOKINGS, headers=teams.knows_for_test("adam"))).json()["bookings"])
    assert count == (1 if status == 201 else 0)


async def test_a_service_books_nothing_and_whoever_may_not_use_studiolo_neither(
    services: httpx.AsyncClient, teams: FakeHub
) -> None:
    for headers in (teams.knows_for_test("lena", kind="service"), teams.knows_for_test("lena", scopes=())):
        assert (await services.post(BOOKINGS, json=wanted(), headers=headers)).status_code == 403


async def test_everything_wrong_with_a_booking_is_said_at_once_with_the_nearest_names(
    services: httpx.AsyncClient, teams: FakeHub
) -> None:
    lena = teams.knows_for_test("lena")
    wrong = wanted(hardware="smal", environment="pyton", begins="soon")
    answer = await services.post(BOOKINGS, json=wrong, headers=lena)
    assert answer.status_code == 400
    for said in ('no hardware "smal"', "small", 'no environment "pyton"', "python", '"soon" is no time'):
        assert said in answer.json()["message"]
    answer = await services.post(BOOKINGS, json={"team": "vision", "slots": 0}, headers=lena)
    assert all(name in answer.json()["message"] for name in ("hardware", "slots", "begins", "ends"))
    # What is kept for another team is not there for this one.
    assert 'no hardware "secret"' in (
        await services.post(BOOKINGS, json=wanted(hardware="secret"), headers=lena)
    ).text.replace("\\", "")
    assert "warm: {slots: 0" in (await services.post(BOOKINGS, json=wanted(hardware="plain"), headers=lena)).text
    assert (await services.get(BOOKINGS, headers=lena)).json()["bookings"] == []


async def test_two_who_book_at_once_never_book_more_than_there_is(services: httpx.AsyncClient, teams: FakeHub) -> None:
    lena = teams.knows_for_test("lena")
    answers = await asyncio.gather(*(services.post(BOOKINGS, json=wanted(slots=5), headers=lena) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201, 400, 400, 400, 400, 400]


async def test_what_a_team_booked_that_is_gone_an_administrator_cancels(
    services: httpx.AsyncClient, teams: FakeHub
) -> None:
    lena, adam = teams.knows_for_test("lena"), teams.knows_for_test("adam")
    number = (await services.post(BOOKINGS, json=wanted(), headers=lena)).json()["id"]
    del teams.teams["vision"]
    answers = [await services.delete(f"{BOOKINGS}/{number}", headers=who) for who in (lena, adam)]
    assert [answer.status_code for answer in answers] == [404, 204]
    # Nobody books for a team that is not there, whose name may be mistyped.
    assert (await services.post(BOOKINGS, json=wanted(), headers=adam)).status_code == 404


async def test_what_is_booked_for_now_is_held_now(
    services: httpx.AsyncClient, teams: FakeHub, kubernetes: FakeKubernetes
) -> None:
    now = datetime.now(UTC) - timedelta(minutes=1)
    times = {"begins": now.isoformat(), "ends": (now + timedelta(hours=1)).isoformat()}
    await services.post(BOOKINGS, json=wanted(slots=2, **times), headers=teams.knows_for_test("lena"))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(kubernetes.objects_for_test("pods", namespace="lab-capacity")) != 4:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.05)
    answer = await services.get("api/capacity/slots", headers=teams.knows_for_test("adam"))
    (small,) = [one for one in answer.json()["slots"] if one["hardware"] == "small"]
    assert (small["wanted"], small["because"], small["at_most"]) == (3, "booked", 8)
    assert (await services.get("api/capacity/slots", headers=teams.knows_for_test("lena"))).status_code == 403


def completed(settings: Settings) -> list[str]:
    """What a shell is told after `studiolo capacity cancel`."""
    connection = Connection(open=lambda: Studiolo(settings.services.url, "token-of-lena"), open_at=Studiolo)
    context = click.Context(cancel, obj=connection)
    items = [one.value for one in complete_booking(context, cancel.params[0], "")]
    assert complete_booking(context, cancel.params[0], "x") == []
    return items


async def test_on_the_command_line_a_team_books_lists_and_cancels(
    services: httpx.AsyncClient, teams: FakeHub, settings: Settings
) -> None:
    async def run(*words: str, who: str = "lena") -> Result:
        teams.knows_for_test(who)
        connection = Connection(
            open=lambda: Studiolo(settings.services.url, f"token-of-{who}"),
            open_at=Studiolo,
        )
        return await asyncio.to_thread(CliRunner().invoke, main, words, obj=connection, prog_name="studiolo")

    when = wanted()
    told = await run(
        *("capacity", "book", "--hardware", "small", "--slots", "3", "--team", "vision", "--title", "Course"),
        *("--from", when["begins"], "--to", when["ends"]),
    )
    assert told.exit_code == 0, told.output
    assert "room for 3 x small" in told.output
    listed = await run("capacity", "bookings")
    for shown in ("vision", "Course", "3 x small", "Europe/Berlin", "EUR 3.00"):
        assert shown in listed.output
    (booked,) = json.loads((await run("capacity", "bookings", "--json")).output)["bookings"]
    long = await run(
        *("capacity", "book", "--hardware", "small", "--slots", "99999", "--team", "vision", "--title", "x" * 200),
        *("--from", when["begins"], "--to", when["ends"]),
    )
    assert long.exit_code == 2
    assert "slots: " in long.output
    assert "title: " in long.output
    assert await asyncio.to_thread(completed, settings) == [str(booked["id"])]
    refused = await run("capacity", "cancel", str(booked["id"]), who="mara")
    assert refused.exit_code != 0
    assert "Only who leads" in refused.output
    assert (await run("capacity", "cancel", str(booked["id"]))).exit_code == 0
    assert json.loads((await run("capacity", "bookings", "--json")).output)["bookings"] == []
    slots = json.loads((await run("capacity", "slots", "--json", who="adam")).output)["slots"]
    assert sorted(one["hardware"] for one in slots) == ["secret", "small"]


async def test_where_nothing_is_held_nothing_can_be_booked(settings: Settings, keys: Any, teams: FakeHub) -> None:
    without = settings.model_copy(update={"capacity": settings.capacity.model_copy(update={"enabled": False})})
    base = f"{settings.services.url}/services/studiolo/"
    async with RunningServices(without, keys), httpx.AsyncClient(base_url=base, trust_env=False) as client:
        answer = await client.post(BOOKINGS, json=wanted(), headers=teams.knows_for_test("lena"))
        assert answer.status_code == 404
        assert "capacity.enabled" in answer.json()["message"]
        # Nobody did anything wrong by looking.
        page = await client.get("capacity", headers=teams.knows_for_test("lena"))
        assert page.status_code == 200
        assert "Room is held on Kubernetes, where capacity.enabled is true." in page.text
        assert 'role="alert"' not in page.text
