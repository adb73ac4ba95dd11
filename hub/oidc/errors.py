"""What can go wrong between us and the provider."""

from __future__ import annotations

from studiolo.errors import StudioloError


class ProviderAwayError(StudioloError):
    """The provider could not be asked, or answered with something that is no answer. It says nothing of anybody."""

    code = "identity_provider_away"

    def __init__(self, why: str) -> None:
        """`why` is for the log: it may hold addresses."""
        super().__init__(
            "The identity provider does not answer, so nobody can be recognised at this moment.",
            hint="Try again in a minute. Workspaces that run go on.",
        )
        self.why = why


class TokenRefusedError(StudioloError):
    """The provider refused a code or a token: used twice, expired, or the session behind it has ended."""

    code = "identity_token_refused"

    def __init__(self, why: str) -> None:
        """`why` is the provider's error code."""
        super().__init__("The identity provider did not confirm this sign-in.", hint="Sign in again.")
        self.why = why


class UntrustedTokenError(StudioloError):
    """A token that says who somebody is does not prove it: signature, issuer, audience, time or nonce are wrong."""

    code = "identity_token_untrusted"

    def __init__(self, why: str) -> None:
        """`why` is for the log."""
        super().__init__("What the identity provider sent does not prove who you are.", hint="Sign in again.")
        self.why = why
