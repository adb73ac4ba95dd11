"""What a registry's answers say: where an upload goes on and how far it is, and how long to wait. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from studiolo.packaging.errors import StoreAway, StoreRefused

if TYPE_CHECKING:
    import httpx

LONGEST_PAUSE_SECONDS: Final = 10.0
"""Also where a registry wants to be left alone for longer: people wait for the answer."""

_RANGE = re.compile(r"(?:bytes=)?0-(\d+)")


def location(response: httpx.Response) -> str:
    """Where an upload goes on: absolute or not, both are allowed. Never at another host than the registry's own."""
    place = urljoin(str(response.request.url), response.headers.get("Location", ""))
    asked, told = urlsplit(str(response.request.url)), urlsplit(place)
    if not response.headers.get("Location"):
        raise StoreAway(f"{asked.netloc} does not say where an upload goes on.")
    if told.hostname != asked.hostname:  # it would be told our token
        raise StoreRefused(f"{asked.netloc} sends uploads to {told.netloc}, which is another host.")
    if asked.scheme == "https" and told.scheme != "https":
        raise StoreRefused(f"{asked.netloc} sends uploads to an address without encryption.")
    return str(place)


def arrived(response: httpx.Response, otherwise: int) -> int:
    """How many bytes of an upload are there; `0-0` is what an empty one is called, too."""
    found = _RANGE.fullmatch(response.headers.get("Range", ""))
    if found is None:
        return otherwise
    last = int(found[1])
    return last + 1 if last else 0


def with_query(url: str, **more: str) -> str:
    query = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    return str(urlsplit(url)._replace(query=urlencode([*query, *more.items()])).geturl())


def pause_before(attempt: int, response: httpx.Response | None = None) -> float:
    """How long until the next try: as long as the registry says, or twice as long as before."""
    told = response.headers.get("Retry-After", "") if response is not None else ""
    wanted = float(told) if told.isdecimal() else 0.25 * 2**attempt
    return min(wanted, LONGEST_PAUSE_SECONDS)
