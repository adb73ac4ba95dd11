"""The door to the home service: it makes a person's home before their pod is made, and knows what homes hold."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Self

import httpx

from spawner.home_state import HomeState
from studiolo.errors import StudioloError

if TYPE_CHECKING:
    from types import TracebackType

    from spawner.file_owner import FileOwner

LIMIT_SECONDS: Final = 5.0
"""The longest a start waits for a home. A disk that takes longer hangs, and the person should have a choice."""

PAUSE_SECONDS: Final = 0.3
"""Before a service that is just being exchanged is asked again, within the limit."""

MOST_OF_REASON: Final = 300
"""Characters of what a service said that are shown to people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeUsage:
    """What a home holds."""

    used_bytes: int
    is_whole: bool
    """False: at least so much; not all of it could be looked at in time."""


class HomesSilent(StudioloError):
    """Homes cannot be reached within the limit."""

    code = "homes_silent"


class HomeRefused(StudioloError):
    """The service answered and could not do it; the text is its reason."""

    code = "home_refused"


class HomeMissing(HomeRefused):
    """There is no home of this name, or none that was put aside so."""

    code = "home_missing"


class HomeService:
    """The home service of an installation, as the hub reaches it."""

    def __init__(self, url: str, token: str, *, seconds: float = LIMIT_SECONDS) -> None:
        """Connects to nothing yet. `token` is the key `homes_token` of the installation."""
        self._seconds = seconds
        self._client = httpx.AsyncClient(
            base_url=url, headers={"Authorization": f"token {token}"}, timeout=seconds, trust_env=False
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Lets go of the connections."""
        await self._client.aclose()

    async def ensure(self, home: str, owner: FileOwner | None = None) -> HomeState:
        """The home is there and its owner's; its state. Raises HomesSilent within the limit, or HomeRefused."""
        answer = await self._ask("POST", f"/homes/{home}{_owned_by(owner)}", again=True)
        try:
            return HomeState(answer.get("state", HomeState.OK))
        except ValueError as error:
            raise HomeRefused("What it says of the home cannot be understood.") from error

    async def share(self, home: str, folder: str, owner: FileOwner | None = None) -> None:
        """A team has its folder, and a home the place where it is mounted. Raises HomesSilent, or HomeRefused."""
        await self._ask("POST", f"/homes/{home}/shared/{folder}{_owned_by(owner)}", again=True)

    async def usage(self, home: str) -> HomeUsage:
        """What a home holds. Raises HomesSilent, or HomeRefused where there is none yet."""
        answer = await self._ask("GET", f"/homes/{home}/usage")
        try:
            return HomeUsage(used_bytes=int(answer["used_bytes"]), is_whole=bool(answer["is_whole"]))
        except (KeyError, TypeError, ValueError) as error:
            raise HomeRefused("What it says of the home cannot be understood.") from error

    async def archive(self, home: str, name: str) -> str:
        """Puts a home aside under a name, once however often it is asked for. Raises HomesSilent, or HomeRefused."""
        return str((await self._ask("POST", f"/homes/{home}/archive/{name}")).get("archived", ""))

    async def restore(self, home: str, name: str) -> str:
        """Brings back the home that was put aside under a name. Raises HomesSilent, or HomeRefused."""
        return str((await self._ask("POST", f"/homes/{home}/restore/{name}")).get("archived", ""))

    async def move(self, home: str, new: str) -> bool:
        """Gives a home another name; whether now. Raises HomesSilent, HomeRefused, or HomeMissing."""
        return bool((await self._ask("POST", f"/homes/{home}/move/{new}")).get("moved"))

    async def _ask(self, method: str, path: str, *, again: bool = False) -> dict[str, Any]:
        try:
            async with asyncio.timeout(self._seconds):
                return _answer(await self._send(method, path, again=again))
        except (TimeoutError, httpx.HTTPError) as error:
            raise HomesSilent(f"The home service did not answer within {self._seconds:g} s.") from error

    async def _send(self, method: str, path: str, *, again: bool) -> httpx.Response:
        while True:
            try:
                return await self._client.request(method, path)
            except httpx.TransportError:
                if not again:
                    raise
            await asyncio.sleep(PAUSE_SECONDS)


def _owned_by(owner: FileOwner | None) -> str:
    return "" if owner is None else f"?uid={owner.uid}&gid={owner.gid}"


def _answer(response: httpx.Response) -> dict[str, Any]:
    try:
        said = response.json()
    except ValueError:
        said = None
    answer = said if isinstance(said, dict) else {}
    if response.status_code == HTTPStatus.GATEWAY_TIMEOUT:
        raise HomesSilent(str(answer.get("message") or "The disk with the homes does not answer.")[:MOST_OF_REASON])
    if not response.is_success:
        reason = str(answer.get("message") or f"it answered with {response.status_code}")[:MOST_OF_REASON]
        raise HomeMissing(reason) if response.status_code == HTTPStatus.NOT_FOUND else HomeRefused(reason)
    return answer
