"""An account is deleted once it is written down that its home is to be put aside."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tornado import web

from hub.archives.deletion import remember_the_deleted
from studiolo.client import ServiceAway


class FakeAuthenticator:
    def __init__(self, told: list[str]) -> None:
        self.told = told

    def delete_user(self, user: SimpleNamespace) -> None:
        self.told.append(f"the account of {user.name}")


class FakeServices:
    def __init__(self, told: list[str], *, is_away: bool = False) -> None:
        self.told = told
        self.is_away = is_away

    async def account_deleted(self, user: str) -> None:
        if self.is_away:
            raise ServiceAway("The services process does not answer.")
        self.told.append(f"the home of {user}")


async def test_an_account_goes_after_its_home_was_written_down() -> None:
    told: list[str] = []
    authenticator = FakeAuthenticator(told)
    remember_the_deleted(authenticator, FakeServices(told))  # type: ignore[arg-type]  # it has what is used
    await authenticator.delete_user(SimpleNamespace(name="alice"))  # type: ignore[func-returns-value]  # exchanged above
    assert told == ["the home of alice", "the account of alice"]


async def test_an_account_of_which_nothing_can_be_written_down_stays() -> None:
    told: list[str] = []
    authenticator = FakeAuthenticator(told)
    remember_the_deleted(authenticator, FakeServices(told, is_away=True))  # type: ignore[arg-type]  # see above
    with pytest.raises(web.HTTPError) as refused:
        await authenticator.delete_user(SimpleNamespace(name="alice"))  # type: ignore[func-returns-value]  # see above
    assert refused.value.status_code == 503
    assert told == []
