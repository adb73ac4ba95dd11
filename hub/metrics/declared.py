"""Every metric of ours, declared once: what a process counts, what the page lists and what the dashboard may ask for.

A label's value is one of a short list, never what somebody typed: each new value is kept by Prometheus for weeks.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

if TYPE_CHECKING:
    from collections.abc import Collection

    from prometheus_client import CollectorRegistry

OTHER: Final = "other"
"""What a label says instead of a name that is on no list."""


class Kind(StrEnum):
    """Prometheus' kinds, as they are written in `# TYPE`."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Process(StrEnum):
    """Who tells it."""

    HUB = "hub"
    SERVICES = "services"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric."""

    name: str
    """As Prometheus stores it; a counter's ends with `_total`."""
    kind: Kind
    process: Process
    text: str
    """What it means, as one sentence without a full stop, as Prometheus' own have it."""
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    """Upper bounds in seconds, of a histogram."""

    def counter(self, registry: CollectorRegistry) -> Counter:
        """The counter itself."""
        return Counter(self.name, self.text, self.labels, registry=registry)

    def gauge(self, registry: CollectorRegistry) -> Gauge:
        """The gauge itself, for a value that we are told when it changes."""
        return Gauge(self.name, self.text, self.labels, registry=registry)

    def histogram(self, registry: CollectorRegistry) -> Histogram:
        """The histogram itself."""
        return Histogram(self.name, self.text, self.labels, buckets=self.buckets, registry=registry)

    def family(self) -> GaugeMetricFamily:
        """An empty family, for a gauge whose values are looked up when somebody asks."""
        return GaugeMetricFamily(self.name, self.text, labels=self.labels)

    def counts(self) -> CounterMetricFamily:
        """The same for a counter that somebody keeps for himself."""
        return CounterMetricFamily(self.name, self.text, labels=self.labels)


def bounded(name: str, known: Collection[str]) -> str:
    """The name where it is on the list, else "other": so no caller can fill Prometheus' memory."""
    return name if name in known else OTHER


CATALOG_VALID: Final = Metric(
    name="studiolo_catalog_valid",
    kind=Kind.GAUGE,
    process=Process.HUB,
    text="1: the catalogs on disk are in use; 0: they were refused and the last good ones go on",
)
CATALOG_LOADED: Final = Metric(
    name="studiolo_catalog_loaded_timestamp_seconds",
    kind=Kind.GAUGE,
    process=Process.HUB,
    text="When the catalogs in use were loaded",
)
CATALOG_PROBLEM: Final = Metric(
    name="studiolo_catalog_problem",
    kind=Kind.GAUGE,
    process=Process.HUB,
    text="1 for each problem of the catalogs on disk, with the text of `studiolo catalog check`",
    labels=("problem",),
)
START_SECONDS: Final = Metric(
    name="studiolo_start_seconds",
    kind=Kind.HISTOGRAM,
    process=Process.HUB,
    text="How long starts of workspaces took until they were ready or had failed; the verdict says which and why",
    labels=("environment", "hardware", "verdict"),
    buckets=(0.5, 1, 1.5, 2, 3, 5, 10, 20, 30, 60, 120, 300, 900, 3600),
)
START_PHASE_SECONDS: Final = Metric(
    name="studiolo_start_phase_seconds",
    kind=Kind.HISTOGRAM,
    process=Process.HUB,
    text="How long each phase of a start took that it came to, the one in which it failed included",
    labels=("environment", "hardware", "phase", "verdict"),
    buckets=(0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600),
)
FORECAST_ERROR: Final = Metric(
    name="studiolo_forecast_median_error_ratio",
    kind=Kind.GAUGE,
    process=Process.HUB,
    text="By how much half of the forecasts of recent starts were wrong at most, as a share of what the start took;"
    " `claim`: of those that were promised a warm pod. Absent: no start was forecast yet",
    labels=("way",),
)
FORECAST_CLOSE: Final = Metric(
    name="studiolo_forecast_within_30_percent_ratio",
    kind=Kind.GAUGE,
    process=Process.HUB,
    text="The share of recent starts whose forecast was wrong by 30 % at most. Absent: no start was forecast yet",
    labels=("way",),
)
WORKSPACES: Final = Metric(
    name="studiolo_workspaces",
    kind=Kind.GAUGE,
    process=Process.HUB,
    text="Workspaces that run, start, stop, are being looked at, or whose last start failed",
    labels=("state",),
)
DATA_AGE: Final = Metric(
    name="studiolo_data_age_seconds",
    kind=Kind.GAUGE,
    process=Process.HUB,
    text="How old what pages and verdicts rest on is: since the API server last told of pods, since services last gave"
    " expectations. Absent: nothing was told yet",
    labels=("source",),
)
POD_WATCH_SYNCED: Final = Metric(
    name="studiolo_pod_watch_synced",
    kind=Kind.GAUGE,
    process=Process.HUB,
    text="1: the pods were listed once since the hub started; 0: nothing is known of them yet. Only on Kubernetes",
)
ORPHANS_ENDED: Final = Metric(
    name="studiolo_orphans_ended_total",
    kind=Kind.COUNTER,
    process=Process.HUB,
    text="Workspaces that ran although nobody could reach them, and were ended",
)
CLAIMS: Final = Metric(
    name="studiolo_claims_total",
    kind=Kind.COUNTER,
    process=Process.HUB,
    text="Starts by what became of the claim of a warm pod: `claimed`, or why the start went the normal way",
    labels=("outcome",),
)
CLAIM_SECONDS: Final = Metric(
    name="studiolo_claim_seconds",
    kind=Kind.HISTOGRAM,
    process=Process.HUB,
    text="How long claims took until the server of the warm pod answered, or until the start went the normal way",
    labels=("outcome",),
    buckets=(0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8, 1.5, 5, 20),
)
STOP_RETRIES: Final = Metric(
    name="studiolo_stop_retries_total",
    kind=Kind.COUNTER,
    process=Process.HUB,
    text="Times that a workspace did not end when asked, and was asked again",
)
IDLE_STOPS: Final = Metric(
    name="studiolo_idle_stops_total",
    kind=Kind.COUNTER,
    process=Process.HUB,
    text="Workspaces that were stopped without being asked for, by the reason",
    labels=("reason",),
)
HUB_DATABASE_REACHABLE: Final = Metric(
    name="studiolo_hub_database_reachable",
    kind=Kind.GAUGE,
    process=Process.HUB,
    text="1: the hub's database answers; 0: it does not, and nobody can sign in, start or stop",
)
SERVICES_REQUEST_SECONDS: Final = Metric(
    name="studiolo_services_request_seconds",
    kind=Kind.HISTOGRAM,
    process=Process.SERVICES,
    text="How long requests to the services process took, by route and status",
    labels=("method", "route", "status"),
    buckets=(0.005, 0.025, 0.1, 0.3, 1, 3, 10),
)
SERVICES_DATABASE_REACHABLE: Final = Metric(
    name="studiolo_services_database_reachable",
    kind=Kind.GAUGE,
    process=Process.SERVICES,
    text="1: the services' database answers; 0: it does not, and starts go on without estimates",
)
SLOTS: Final = Metric(
    name="studiolo_slots",
    kind=Kind.GAUGE,
    process=Process.SERVICES,
    text="Slots that hold room for workspaces: how many are wanted, are there, and wait for a node. Only on Kubernetes",
    labels=("hardware", "state"),
)
SLOTS_COST: Final = Metric(
    name="studiolo_slots_cost_per_hour",
    kind=Kind.GAUGE,
    process=Process.SERVICES,
    text="What the slots of a hardware cost an hour by the catalog, in its currency. Absent: it has no price",
    labels=("hardware",),
)
SLOTS_LOOKED: Final = Metric(
    name="studiolo_slots_looked_timestamp_seconds",
    kind=Kind.GAUGE,
    process=Process.SERVICES,
    text="When slots were last looked at and brought to the plan. Absent: not since the process started",
)
WARM_PODS: Final = Metric(
    name="studiolo_warm_pods",
    kind=Kind.GAUGE,
    process=Process.SERVICES,
    text="Pods that wait to be claimed: how many are wanted, are ready, and are still starting (`parking`)."
    " Only where pods are claimed",
    labels=("environment", "hardware", "state"),
)
WARM_PODS_COST: Final = Metric(
    name="studiolo_warm_pods_cost_per_hour",
    kind=Kind.GAUGE,
    process=Process.SERVICES,
    text="What the warm pods of a hardware cost an hour by the catalog, in its currency. Absent: it has no price",
    labels=("hardware",),
)
WARM_PODS_MADE: Final = Metric(
    name="studiolo_warm_pods_made_total",
    kind=Kind.COUNTER,
    process=Process.SERVICES,
    text="Warm pods that were made: in place of those that were claimed, and of those that are out of date",
    labels=("environment", "hardware"),
)
WARM_PODS_LOOKED: Final = Metric(
    name="studiolo_warm_pods_looked_timestamp_seconds",
    kind=Kind.GAUGE,
    process=Process.SERVICES,
    text="When warm pods were last looked at and brought to the plan; before the first time, when the process started."
    " Only where pods are claimed",
)
IMAGES_AHEAD: Final = Metric(
    name="studiolo_images_ahead",
    kind=Kind.GAUGE,
    process=Process.SERVICES,
    text="Nodes that want an image of an environment ahead: it is there (`present`), on its way (`fetching`), comes"
    " later or has no room in the budget (`waiting`), or could not be fetched (`failed`). Only on Kubernetes",
    labels=("environment", "state"),
)
IMAGES_LOOKED: Final = Metric(
    name="studiolo_images_looked_timestamp_seconds",
    kind=Kind.GAUGE,
    process=Process.SERVICES,
    text="When images on nodes were last looked at and all pulls begun; before the first time, when the process began",
)

METRICS: Final = (
    START_SECONDS,
    START_PHASE_SECONDS,
    FORECAST_ERROR,
    FORECAST_CLOSE,
    WORKSPACES,
    CLAIMS,
    CLAIM_SECONDS,
    IDLE_STOPS,
    STOP_RETRIES,
    ORPHANS_ENDED,
    DATA_AGE,
    POD_WATCH_SYNCED,
    HUB_DATABASE_REACHABLE,
    CATALOG_VALID,
    CATALOG_LOADED,
    CATALOG_PROBLEM,
    SERVICES_REQUEST_SECONDS,
    SERVICES_DATABASE_REACHABLE,
    SLOTS,
    SLOTS_COST,
    SLOTS_LOOKED,
    WARM_PODS,
    WARM_PODS_COST,
    WARM_PODS_MADE,
    WARM_PODS_LOOKED,
    IMAGES_AHEAD,
    IMAGES_LOOKED,
)
"""All of them, in the order of the page."""
