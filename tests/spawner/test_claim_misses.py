"""Each start that claims no warm pod says why, in one line of the log."""

from __future__ import annotations

import pytest

from spawner.claim_misses import TEXTS, why_none
from spawner.claim_rules import Miss


@pytest.mark.parametrize("miss", Miss)
def test_each_reason_has_a_line_of_its_own(miss: Miss) -> None:
    assert set(TEXTS) == set(Miss)
    assert len(set(TEXTS.values())) == len(Miss)
    assert f"({miss}): {TEXTS[miss]}." in why_none(miss)
    assert "\n" not in why_none(miss)
