"""Images of models whose page somebody has open: likely they open one as a workspace next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

FOR: Final = timedelta(hours=1)
"""After the last look at it."""

MOST: Final = 20
"""The newest; it is only a guess."""


class Watched:
    """Of one process. What was watched before it began is not worth remembering."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Nobody looks at anything."""
        self._now = now
        self._seen: dict[str, tuple[str, datetime]] = {}

    def look_at(self, image: str, environment: str) -> None:
        """Somebody does."""
        self._seen.pop(image, None)
        self._seen[image] = (environment, self._now())
        for oldest in list(self._seen)[:-MOST]:
            del self._seen[oldest]

    def images(self, moment: datetime) -> dict[str, str]:
        """Those that were looked at lately, each with its environment."""
        return {image: environment for image, (environment, at) in self._seen.items() if moment - at < FOR}
