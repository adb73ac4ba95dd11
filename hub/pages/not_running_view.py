"""What the page of a workspace that does not run shows: why, and what else is possible. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hub.pages.actions import choice_fields, spawn_url
from spawner.errors import Offer, offer_again
from studiolo.names import shown_name

if TYPE_CHECKING:
    from spawner.errors import StartError
    from studiolo.choice import Choice


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferButton:
    """One way on, as a form."""

    label: str
    note: str
    url: str
    choice: Choice
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotRunningView:
    """The page of a workspace that failed to start, ended, or was never started."""

    heading: str
    subject: str
    sentence: str
    cause: str
    is_trouble: bool
    offers: tuple[OfferButton, ...]
    choose_url: str
    """The spawn page of this workspace; "" for somebody who may look but not start."""
    reference: str
    log: tuple[str, ...]
    next_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who looks at the page."""

    may_start: bool
    is_owner: bool
    """Logs are the owner's alone: what a notebook prints is theirs."""


def failed_view(
    failure: StartError,
    *,
    user: str,
    server: str,
    title: str,
    subject: str,
    base_url: str,
    reader: Reader,
    retry: Choice | None,
    log: tuple[str, ...] = (),
    next_url: str = "",
) -> NotRunningView:
    """The page after a failed start: one sentence, the cause, the next best offer as a button, the reference."""
    url = spawn_url(base_url, user, server)
    offers = tuple(_button(offer, url) for offer in failure.offers)
    if retry is not None and not any(_is_same(button, retry) for button in offers):
        offers = (*offers, _button(offer_again(retry), url))
    return NotRunningView(
        heading=f"{title or shown_name(server)} did not start",
        subject=subject,
        sentence=failure.sentence,
        cause=" ".join(part for part in (failure.cause, failure.hint) if part),
        is_trouble=True,
        offers=offers if reader.may_start else (),
        choose_url=url if reader.may_start else "",
        reference=failure.reference,
        log=(log or failure.log_tail) if reader.is_owner else (),
        next_url=next_url,
    )


def stopped_view(
    *,
    user: str,
    server: str,
    title: str,
    subject: str,
    base_url: str,
    reader: Reader,
    choice: Choice | None,
    ending: str = "",
    is_trouble: bool = False,
    log: tuple[str, ...] = (),
    next_url: str = "",
) -> NotRunningView:
    """The page of a workspace that ended or never ran: how it ended, and a button to start it again."""
    name = title or shown_name(server)
    url = spawn_url(base_url, user, server)
    start = (
        (_button(Offer(label="Start", note=subject, choice=choice), url),)
        if choice is not None and reader.may_start
        else ()
    )
    return NotRunningView(
        heading=f"{name} has ended" if is_trouble else f"{name} is not running",
        subject="" if start else subject,
        sentence=ending,
        cause="What was saved is in the home directory." if ending else "",
        is_trouble=is_trouble,
        offers=start,
        choose_url=url if reader.may_start else "",
        reference="",
        log=log if reader.is_owner else (),
        next_url=next_url,
    )


def _button(offer: Offer, url: str) -> OfferButton:
    return OfferButton(
        label=offer.label,
        note=offer.note,
        url=url,
        choice=offer.choice,
        fields=choice_fields(offer.choice),
    )


def _is_same(button: OfferButton, choice: Choice) -> bool:
    # An empty home is for one start: nothing remembers it.
    return replace(button.choice, env=(), has_empty_home=False) == replace(choice, env=(), has_empty_home=False)
