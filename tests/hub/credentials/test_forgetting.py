"""Who is deleted leaves no credentials to somebody of the same name."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tornado import web

from hub.credentials.forgetting import forget_the_deleted
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

    async def forget_credentials(self, user: str) -> None:
        if self.is_away:
            raise ServiceAway("The services process does not answer.")
        self.told.append(f"the credentials of {user}")


async def test_an_account_goes_after_its_credentials() -> None:
    told: list[str] = []
    authenticator = FakeAuthenticator(told)
    forget_the_deleted(authenticator, FakeServices(told))  # type: ignore[arg-type]
    await authenticator.delete_user(SimpleNamespace(name="alice"))  # type: ignore[func-returns-value]
    assert told == ["the credentials of alice", "the account of alice"]


async def test_an_account_whose_credentials_cannot_be_removed_stays() -> None:
    told: list[str] = []
    authenticator = FakeAuthenticator(told)
    forget_the_deleted(authenticator, FakeServices(told, is_away=True))  # type: ignore[arg-type]
    with pytest.raises(web.HTTPError) as refused:
        await authenticator.delete_user(SimpleNamespace(name="alice"))  # type: ignore[func-returns-value]
    assert refused.value.status_code == 503
    assert told == []
