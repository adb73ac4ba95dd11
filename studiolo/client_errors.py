"""What can go wrong between a program and a hub. Light: the command line tells them apart before it needs HTTP.

ClientError                     all below; raised by `studiolo.client` alone
├── AddressInvalid              what was given is not the address of a hub
├── NotSignedIn                 no token, or one the hub does not know
├── NotAllowed                  a token without the right for this
├── NotFound                    no such workspace, user or team (or not for this person to know)
├── Refused                     the hub understood and said no, in a sentence
├── StartFailed                 a workspace began to start and did not become ready
├── Busy                        too many at this moment; later it works
├── HubAway                     the hub cannot be reached
├── ServiceAway                 the hub's services cannot be reached; workspaces work without them
└── UnexpectedAnswer            something answered, but not as a hub does
    └── HubFault                the hub answered that it is at fault itself
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from studiolo.errors import StudioloError

if TYPE_CHECKING:
    from collections.abc import Mapping


class ClientError(StudioloError):
    """A hub or its services could not be asked, or said no."""

    code = "client_error"


class AddressInvalid(ClientError):
    """The address is not one that a hub can have."""

    code = "address_invalid"


class NotSignedIn(ClientError):
    """There is no token, or the hub does not know it (any more)."""

    code = "not_signed_in"

    def __init__(self, sentence: str, *, hint: str = "Sign in: studiolo login URL") -> None:
        """The way out is nearly always the same."""
        super().__init__(sentence, hint=hint)


class NotAllowed(ClientError):
    """The token is good, but not for this."""

    code = "not_allowed"


class NotFound(ClientError):
    """The hub knows no such thing, or does not say so to this person."""

    code = "not_found"


class Refused(ClientError):
    """The hub said no; the text is the hub's own sentence."""

    code = "refused"

    def __init__(self, sentence: str, *, hint: str = "", offer: Mapping[str, Any] | None = None) -> None:
        """`offer`: what would help, where the hub names something, as a base that can be built for a model."""
        super().__init__(sentence, hint=hint)
        self.offer = offer


class StartFailed(ClientError):
    """The start of a workspace was accepted and ended in failure; the text says why."""

    code = "start_failed"


class Busy(ClientError):
    """The hub takes no more of this at the moment."""

    code = "busy"

    def __init__(self, sentence: str, *, retry_after_seconds: float | None = None) -> None:
        """`retry_after_seconds` is what the hub suggested, if it did."""
        when = f"in {retry_after_seconds:.0f} s" if retry_after_seconds is not None else "in a minute"
        super().__init__(sentence, hint=f"Try again {when}.")
        self.retry_after_seconds = retry_after_seconds


class HubAway(ClientError):
    """Nobody answers where the hub should be, or not in time."""

    code = "hub_away"


class ServiceAway(ClientError):
    """The hub's services do not answer. Workspaces run and start without them."""

    code = "service_away"


class UnexpectedAnswer(ClientError):
    """Something answered that does not speak as a hub does: another server, a sign-in page, half an answer."""

    code = "unexpected_answer"


class HubFault(UnexpectedAnswer):
    """The hub answered with an error of its own."""

    code = "hub_fault"

    def __init__(self, said: str, *, who: str) -> None:
        """`said` is the answer's own sentence, or nothing."""
        super().__init__(
            f"{who} made an error of its own" + (f": {said}" if said else "."),
            hint="Try again; if it stays, tell the administrator: the log has the details.",
        )
        self.said = said
