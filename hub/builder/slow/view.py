"""Derived bases as their people see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.builder.slow.derived_base import State
from studiolo.wire_bases import DerivedBaseView

if TYPE_CHECKING:
    from hub.builder.slow.derived_base import DerivedBase


def base_view(base: DerivedBase, *, reference: str, about_seconds: float | None) -> DerivedBaseView:
    """One. `reference` is of its image, `about_seconds` how long those before took."""
    is_ready = base.state is State.READY
    return DerivedBaseView(
        key=base.key,
        environment=base.environment,
        base=base.base,
        apt=base.apt,
        sources=tuple(line.partition(" ")[0] for line in base.lock),
        state=str(base.state),
        phase=base.phase,
        by=base.by,
        asked=base.asked,
        about_seconds=about_seconds,
        seconds=base.seconds,
        reference=reference if is_ready else "",
        size=base.more_bytes,
        reason=base.reason,
        log=base.log,
    )
