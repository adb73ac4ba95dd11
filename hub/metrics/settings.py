"""Where a Prometheus inside the cluster finds the metrics."""

from __future__ import annotations

from hub.settings_types import Port, Section


class MetricsSettings(Section):
    """Ports that show metrics to everybody who reaches them, for a Prometheus behind a network policy.

    Without them, hub and services show theirs to tokens with the scope `read:metrics` only, and the proxy shows none.
    """

    hub_port: Port | None = None
    """A port of the hub that shows its metrics, at `/metrics`, without sign-in. Absent means none."""
    services_port: Port | None = None
    """The same of the services process."""
    proxy_port: Port | None = None
    """The same of the proxy, which has no other way to show them."""
