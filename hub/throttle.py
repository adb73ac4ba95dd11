"""How fast one name may be tried at sign-in."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(slots=True, kw_only=True)
class LoginThrottle:
    """Counts failed sign-ins by name, in memory; time is given by the caller, in seconds of any steady clock.

    By name and not by address: on one machine everybody comes from the proxy's.
    """

    max_failures: int = 5
    """A person mistypes twice; a program tries thousands."""
    window: timedelta = timedelta(minutes=1)
    """Short, for whoever knows a name can lock its owner out this long."""
    max_names: int = 10_000
    """Names a stranger makes up must not fill the memory: the oldest are forgotten."""
    _failures: OrderedDict[str, deque[float]] = field(default_factory=OrderedDict)

    def seconds_to_wait(self, name: str, now: float) -> float:
        """Seconds until this name may be tried again; 0 for at once."""
        failures = self._recent(name, now)
        if len(failures) < self.max_failures:
            return 0.0
        return failures[0] + self.window.total_seconds() - now

    def failed(self, name: str, now: float) -> None:
        """Count a failed sign-in."""
        failures = self._recent(name, now)
        failures.append(now)
        self._failures[name] = failures
        self._failures.move_to_end(name)
        while len(self._failures) > self.max_names:
            self._failures.popitem(last=False)

    def succeeded(self, name: str) -> None:
        """Forget the failures of a name whose owner is in."""
        self._failures.pop(name, None)

    def _recent(self, name: str, now: float) -> deque[float]:
        failures = self._failures.get(name, deque(maxlen=self.max_failures))
        while failures and now - failures[0] >= self.window.total_seconds():
            failures.popleft()
        return failures
