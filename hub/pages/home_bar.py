"""How full a person's home is, in words and as a bar, worked out from what is known. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hub.pages.tones import Tone
from studiolo.quantities import format_memory

if TYPE_CHECKING:
    from hub.homes.board import HomeLook

SOON_FULL: Final = 80
ALMOST_FULL: Final = 95
FULL: Final = 100
"""Percent of the quota from which on the page says so, more and more clearly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeBar:
    """The line about a home."""

    words: str
    percent: int | None
    """None: there is no bar, as nobody knows, or there is no limit."""
    tone: Tone
    note: str = ""


def home_bar(look: HomeLook) -> HomeBar:
    """What the page says: "3.2 of 10 GiB"."""
    usage, quota = look.usage, look.quota_bytes
    if usage is None:
        return HomeBar(words="being measured" if look.is_asked else "not known now", percent=None, tone=Tone.CALM)
    least = "" if usage.is_whole else "at least "
    if quota is None:
        return HomeBar(words=f"{least}{format_memory(usage.used_bytes)} used", percent=None, tone=Tone.CALM)
    percent = usage.used_bytes * 100 // quota
    tone, note = _verdict(percent, quota)
    return HomeBar(
        words=f"{least}{_used_of(usage.used_bytes, quota)}", percent=min(percent, FULL), tone=tone, note=note
    )


def _verdict(percent: int, quota: int) -> tuple[Tone, str]:
    if percent >= FULL:
        return Tone.NO, (
            f"Your home holds more than the {format_memory(quota)} that are meant for it. "
            "Delete or download what you do not need, or ask an administrator for more."
        )
    if percent >= ALMOST_FULL:
        return Tone.NO, "Your home is almost full. Delete or download what you do not need."
    if percent >= SOON_FULL:
        return Tone.SOON, "Your home will soon be full."
    return Tone.CALM, ""


def _used_of(used: int, quota: int) -> str:
    """In one unit where they have the same: "3.2 of 10 GiB", otherwise "120 MiB of 10 GiB"."""
    amount, _, unit = format_memory(used).partition(" ")
    whole = format_memory(quota)
    return f"{amount} of {whole}" if whole.endswith(f" {unit}") else f"{amount} {unit} of {whole}"
