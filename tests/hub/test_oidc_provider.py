"""What a provider may say of itself, and which tokens prove something."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from deploy.local.ports import free_port
from hub.oidc.errors import ProviderAwayError, UntrustedTokenError
from hub.oidc.provider import Provider, read_metadata
from tests.fakes.identity_provider import CLIENT_ID, FakeIdentityProvider

ISSUER = "https://id.test"
DESCRIPTION = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/keys",
}


@pytest.fixture
async def fake() -> AsyncIterator[FakeIdentityProvider]:
    fake = FakeIdentityProvider(port=free_port())
    async with fake.running():
        yield fake


@pytest.fixture
async def provider(fake: FakeIdentityProvider, tmp_path: Path) -> AsyncIterator[Provider]:
    made = Provider(fake.issuer, client_id=CLIENT_ID, secret_file=tmp_path / "secret")
    yield made
    await made.aclose()


def test_a_description_that_is_enough_is_taken() -> None:
    metadata = read_metadata(DESCRIPTION, issuer=ISSUER)
    assert metadata.userinfo_endpoint == ""
    assert metadata.takes_secret_in_form is False


def test_a_slash_at_the_end_of_an_issuer_makes_no_difference() -> None:
    assert read_metadata(DESCRIPTION | {"issuer": f"{ISSUER}/"}, issuer=ISSUER).issuer == f"{ISSUER}/"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"issuer": "https://evil.test"}, id="of another"),
        pytest.param({"issuer": None}, id="of nobody"),
        pytest.param({"token_endpoint": ""}, id="without an address for tokens"),
        pytest.param({"jwks_uri": "http://id.test/keys"}, id="keys over plain http"),
        pytest.param({"userinfo_endpoint": "http://id.test/me"}, id="people over plain http"),
    ],
)
def test_a_description_that_leads_astray_is_not(changes: dict[str, Any]) -> None:
    with pytest.raises(ProviderAwayError):
        read_metadata(DESCRIPTION | changes, issuer=ISSUER)


@pytest.mark.parametrize("algorithm", ["RS256", "RS512", "PS256"])
@pytest.mark.parametrize("names_its_key", [True, False])
async def test_usual_signatures_prove_a_token(
    fake: FakeIdentityProvider, provider: Provider, algorithm: str, names_its_key: bool
) -> None:
    fake.signs_with, fake.names_its_key = algorithm, names_its_key
    claims = await provider.verified(fake.tokens("alice", nonce="n")["id_token"], nonce="n")
    assert claims["sub"] == "alice"


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param(lambda claims: jwt.encode(claims, key="", algorithm="none"), id="no signature"),
        pytest.param(lambda claims: jwt.encode(claims, key="x" * 64, algorithm="HS512"), id="a shared secret"),
        pytest.param(lambda claims: "not.a.token", id="no token"),
        pytest.param(lambda claims: None, id="nothing"),
    ],
)
async def test_other_tokens_prove_nothing(fake: FakeIdentityProvider, provider: Provider, forged: Any) -> None:
    claims = jwt.decode(fake.tokens("alice")["id_token"], options={"verify_signature": False})
    with pytest.raises(UntrustedTokenError):
        await provider.verified(forged(claims), nonce=None)


async def test_made_up_key_names_do_not_make_us_ask_for_keys_each_time(
    fake: FakeIdentityProvider, provider: Provider
) -> None:
    for number in range(5):
        token = jwt.encode({"sub": "x"}, fake.signing_key, algorithm="RS256", headers={"kid": f"made-up-{number}"})
        with pytest.raises(UntrustedTokenError):
            await provider.verified(token, nonce=None)
    assert fake.asked.count("/keys") == 1


async def test_a_provider_that_did_not_answer_is_left_alone_for_a_moment(tmp_path: Path) -> None:
    absent = Provider(f"http://127.0.0.1:{free_port()}", client_id=CLIENT_ID, secret_file=tmp_path / "secret")
    with pytest.raises(ProviderAwayError) as first:
        await absent.metadata()
    with pytest.raises(ProviderAwayError) as second:
        await absent.metadata()
    assert "Connect" in first.value.why
    assert second.value.why == "it did not answer a moment ago"
    await absent.aclose()
