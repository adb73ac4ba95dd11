"""JupyterHub's limits on starts in words that are true: it speaks of people who sign in, and means workspaces. Pure."""

from __future__ import annotations

from studiolo.quantities import format_duration


def too_many_starts(retry_after_seconds: float | None) -> str:
    """Of a start that JupyterHub did not begin because of how many there are.

    `retry_after_seconds`: what it suggests where too many start at once; None where too many run.
    """
    if retry_after_seconds is None:
        return (
            "As many workspaces run as this installation allows, so nothing was started. "
            "Try again when one has ended, or tell an administrator."
        )
    return (
        "Many workspaces start at this moment, and one more would hold up all of them, so nothing was started. "
        f"Try again in {format_duration(retry_after_seconds)}."
    )
