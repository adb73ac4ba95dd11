"""Where signing out leads."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from hub.sign_out import sign_out_address

HERE = "https://studiolo.test/hub/signed-out"


def test_a_provider_that_ends_sessions_is_told_whose_and_where_to_go_then() -> None:
    address = sign_out_address("https://id.test/end", client_id="studiolo", id_token="proof", back_to=HERE)
    assert parse_qs(urlsplit(address).query) == {
        "client_id": ["studiolo"],
        "post_logout_redirect_uri": [HERE],
        "id_token_hint": ["proof"],
    }


def test_an_address_that_has_a_question_keeps_it() -> None:
    address = sign_out_address("https://id.test/?op=end", client_id="studiolo", id_token=None, back_to=HERE)
    assert address.startswith("https://id.test/?op=end&client_id=studiolo&")


def test_a_provider_that_ends_no_sessions_is_not_asked() -> None:
    assert sign_out_address("", client_id="studiolo", id_token="proof", back_to=HERE) == HERE
