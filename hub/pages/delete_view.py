"""What the question before a deletion says. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteView:
    """The question."""

    heading: str
    sentence: str
    action: str


def delete_view(*, title: str, action: str) -> DeleteView:
    """The question about one workspace."""
    return DeleteView(
        heading=f"Delete {title}?",
        sentence="The workspace goes from the list, with what it remembers of its last start. "
        "Files in the home directory stay.",
        action=action,
    )
