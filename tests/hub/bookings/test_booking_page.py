"""The page "Held room": forms without JavaScript, for who leads a team, and no other site's."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.hub.conftest import FakeHub
from tests.hub.credentials.test_page import browser

__all__ = ["browser"]

Browser = Callable[[str], Any]


def filled(**changes: str) -> dict[str, str]:
    begins = datetime.now(UTC) + timedelta(days=2)
    return {
        "team": "vision",
        "hardware": "small",
        "slots": "3",
        "begins": f"{begins:%Y-%m-%dT%H:%M}",
        "ends": f"{begins + timedelta(hours=2):%Y-%m-%dT%H:%M}",
        "title": "<b>Course</b>",
        "environment": "",
        **changes,
    }


async def xsrf(client: Any) -> str:
    found = re.search(r'name="_xsrf" value="([^"]+)"', (await client.get("capacity")).text)
    assert found is not None
    return html.unescape(found[1])


async def test_a_lead_books_and_cancels_on_the_page(browser: Browser, teams: FakeHub) -> None:
    lena = browser("lena")
    token = await xsrf(lena)
    answer = await lena.post("capacity", data={**filled(), "_xsrf": token})
    assert (answer.status_code, answer.headers["location"]) == (303, "/services/studiolo/capacity")
    page = (await lena.get("capacity")).text
    assert "&lt;b&gt;Course&lt;/b&gt;" in page
    assert "<b>Course</b>" not in page
    assert "3 x Small" in page
    assert "EUR 3.00 in all" in page
    found = re.search(r'action="(/services/studiolo/capacity/bookings/\d+/cancel)"', page)
    assert found is not None
    mara = browser("mara")
    # Who only reads sees the zone too.
    assert "(Europe/Berlin)" in (await mara.get("capacity")).text
    assert "Cancel this booking" not in (await mara.get("capacity")).text
    assert 'id="book"' not in (await mara.get("capacity")).text
    address = found[1].removeprefix("/services/studiolo/")
    assert (await lena.post(address, data={"_xsrf": "forged"})).status_code == 403
    assert (await lena.post(address, data={"_xsrf": token})).status_code == 303
    assert "Your teams have booked none." in (await lena.get("capacity")).text


async def test_what_is_wrong_is_said_on_the_page_and_nothing_that_was_typed_is_lost(
    browser: Browser, teams: FakeHub
) -> None:
    lena = browser("lena")
    token = await xsrf(lena)
    answer = await lena.post("capacity", data={**filled(slots="9"), "_xsrf": token})
    assert answer.status_code == 400
    assert "At most 8 of Small are held at once" in answer.text
    assert 'value="9"' in answer.text
    assert 'value="&lt;b&gt;Course&lt;/b&gt;"' in answer.text
    for many in ("many", "9" * 5000):
        answer = await lena.post("capacity", data={**filled(slots=many, begins=""), "_xsrf": token})
        assert answer.status_code == 400
        assert "Write how many" in answer.text
    assert "Write when it begins." in answer.text


async def test_an_administrator_sees_what_is_held_and_others_do_not(browser: Browser, teams: FakeHub) -> None:
    assert "Held now" in (await browser("adam").get("capacity")).text
    assert "Held now" not in (await browser("lena").get("capacity")).text
