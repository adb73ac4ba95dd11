"""Whoever ends a run early leaves nothing on the cluster: each signal is an exception, and what was made is removed."""

from __future__ import annotations

import signal


def clean_up_when_ended() -> None:
    """From here on SIGINT and SIGTERM raise KeyboardInterrupt. A shell lets its background jobs ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
