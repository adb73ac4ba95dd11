"""Attack group 13: a log is read by more people than may act as those whose requests it tells of."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hub.logs.hiding import hide_secrets


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
    found = hide_secrets(said)
    assert "abc" not in found
    assert told is None or found == told


def test_a_very_long_line_keeps_nobody_waiting() -> None:
    assert "token=[secret]" in hide_secrets("token=" + "%25" * 100_000)
    assert hide_secrets("token" * 100_000)


SECRETS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.", min_size=20, max_size=64)
SHAPES = [
    "302 GET /hub/oauth_callback?code={} (::1)",
    "/hub/oauth_callback?state=x&code={}&session_state=y",
    "https://hub/hub/login?next=%2Fhub%2Foauth_callback%3Fcode%3D{}",
    "{{'Authorization': 'token {}', 'Accept': '*/*'}}",
    '{{"Authorization": "Bearer {}"}}',
    "Authorization: Basic {}",
    "Cookie: jupyterhub-hub-login={}; _xsrf=2|b",
    "Set-Cookie: __Host-jupyterhub-session-id={}; Path=/; Secure",
    "{{'Cookie': 'jupyterhub-session-id={}'}}",
    "the server said: token {} is not known",
    "JUPYTERHUB_API_TOKEN={} JPY=1",
    '{{"client_secret": "{}", "scope": "openid"}}',
    "client_secret='{}'",
    "cannot connect to postgresql://studiolo:{}@database:5432/hub",
    "/hub/api/authorizations/token/{}",
    "Setting new xsrf cookie for b'{}:338e80559035450faa3212f074230297' {{'path': '/hub/'}}",
    "oauth state argument '{}' != cookie service-studiolo-oauth-state='x'",
    "OAuth state mismatch: {} != {}",
    "Failed to b64-decode state: {}",
    "Invalid base64 value b'{}'",
    "xsrf id mismatch b'None:{}' != b'x:{}'",
    "id_token eyJhbGciOiJSUzI1NiJ9.{}.{}",
]


@pytest.mark.parametrize("shape", SHAPES)
@settings(deadline=None)
@given(secret=SECRETS)
def test_a_secret_is_hidden_in_every_shape_it_travels_in(shape: str, secret: str) -> None:
    assume(secret not in shape)  # Hypothesis tries words that stand in our code, too, such as the variable's own name
    assert secret not in hide_secrets(shape.format(*[secret] * shape.count("{}")))


@pytest.mark.parametrize(
    "said",
    [
        "GET /hub/home 200 (alice@127.0.0.1) 12 ms",
        "The workspace alice:vision is ready: room 0.10 s",
        'hardware.yaml:3:5: hardware.small.memry: Not known. Perhaps you meant "memory"?',
        "The token has expired",
        "https://hub.example.org:8443/hub/user/alice@example.org/lab",
        "Adding role user for User: alice",
    ],
)
def test_what_is_no_secret_stays(said: str) -> None:
    assert hide_secrets(said) == said
