"""The fake hub does what every hub does. tests/integration runs the same table against a real one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from studiolo.client import Studiolo
from tests.fakes.fake_hub import URL, FakeHub
from tests.fakes.hub_scenarios import ANNE, BERT, SCENARIOS, AnyHub


class AsAnyHub:
    def __init__(self) -> None:
        self.fake = FakeHub()
        for name in (ANNE, BERT):
            self.fake.person_for_test(name)

    def client(self, user: str | None) -> Studiolo:
        return Studiolo(URL, f"token-{user}", transport=self.fake.transport)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_the_fake_hub(scenario: Callable[[AnyHub], Awaitable[None]]) -> None:
    await scenario(AsAnyHub())
