"""Attack group 13: a log is read by more people than may act as those whose requests it tells of."""

from __future__ import annotations

import logging

import pytest

from hub.log_secrets import WithoutSecrets, without_secrets


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("403 GET /hub/api/user?token=abc (::1)", "403 GET /hub/api/user?token=[secret] (::1)"),
        ("/hub/login?next=%2Fhub%3Ftoken%3Dabc%26x%3D1", "/hub/login?next=%2Fhub%3Ftoken%3D[secret]%26x%3D1"),
        ("?next=%252Fhub%253Ftoken%253Dabc%2526x", "?next=%252Fhub%253Ftoken%253D[secret]%2526x"),
        ("/oauth_callback?code=a%2Bb&state=c", "/oauth_callback?code=[secret]&state=[secret]"),
        ("HTTPServerRequest(uri='/x?access_token=abc', method='GET')", None),
        ("/x?token=[secret] twice", "/x?token=[secret] twice"),
        ("nothing of the kind", "nothing of the kind"),
        ("a token is missing", "a token is missing"),
    ],
)
def test_what_opens_something_is_left_out(said: str, told: str | None) -> None:
    found = without_secrets(said)
    assert "abc" not in found
    assert told is None or found == told


def test_a_very_long_line_keeps_nobody_waiting() -> None:
    assert "token=[secret]" in without_secrets("token=" + "%25" * 100_000)
    assert without_secrets("token" * 100_000)


def test_a_message_keeps_its_words_and_loses_its_values() -> None:
    record = logging.LogRecord("hub", logging.WARNING, "", 0, "%d %s", (403, "GET /x?token=abc&y=1"), None)
    assert WithoutSecrets().filter(record)
    assert record.getMessage() == "403 GET /x?token=[secret]&y=1"
    untouched = logging.LogRecord("hub", logging.WARNING, "", 0, "%d %s", (200, "GET /x"), None)
    assert WithoutSecrets().filter(untouched)
    assert untouched.args == (200, "GET /x")
