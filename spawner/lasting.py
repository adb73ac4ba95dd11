"""What is remembered of how long a workspace may last, over a restart of the hub: extensions, and why it is stopped."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self

from spawner.ending import Ending, EndingKind

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEY: Final = "lasting"


@dataclass(frozen=True, slots=True, kw_only=True)
class StopReason:
    """Why the hub stops a workspace that nobody asked to be stopped."""

    kind: EndingKind
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lasting:
    """Of one start of one workspace."""

    extensions: int = 0
    extended_until: datetime | None = None
    stop_reason: StopReason | None = None

    def extended(self, until: datetime) -> Lasting:
        """The same, after one more extension."""
        return replace(self, extensions=self.extensions + 1, extended_until=until)

    def explain(self, ending: Ending | None) -> Ending | None:
        """An ending that was asked for, with the reason of whoever asked."""
        if ending is None or ending.kind is not EndingKind.STOPPED or self.stop_reason is None:
            return ending
        return replace(ending, kind=self.stop_reason.kind, why=self.stop_reason.sentence)

    def as_state(self) -> dict[str, Any]:
        """As JupyterHub keeps it; nothing where there is nothing to keep."""
        if self == Lasting():
            return {}
        reason = self.stop_reason
        return {
            _KEY: {
                "extensions": self.extensions,
                "extended_until": self.extended_until.isoformat() if self.extended_until else None,
                "stop_reason": {"kind": reason.kind.value, "sentence": reason.sentence} if reason else None,
            }
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """What `as_state` gave. What cannot be read (of another version) is forgotten."""
        try:
            kept = state[_KEY]
            until, reason = kept["extended_until"], kept["stop_reason"]
            return cls(
                extensions=int(kept["extensions"]),
                extended_until=datetime.fromisoformat(until).astimezone(UTC) if until else None,
                stop_reason=StopReason(kind=EndingKind(reason["kind"]), sentence=str(reason["sentence"]))
                if reason
                else None,
            )
        except (KeyError, TypeError, ValueError, OverflowError):
            return cls()
