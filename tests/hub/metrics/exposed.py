"""What a scrape of a registry finds: the metrics by name, each with its labels and values."""

from __future__ import annotations

from collections import defaultdict

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

Values = dict[str, dict[tuple[tuple[str, str], ...], float]]


def scrape(text: str) -> Values:
    """Every sample in Prometheus' text format: its value, by its name and its labels in the order of the alphabet."""
    found: Values = defaultdict(dict)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name][tuple(sorted(sample.labels.items()))] = sample.value
    return found


def exposed(registry: CollectorRegistry) -> Values:
    """The same, of a registry."""
    return scrape(generate_latest(registry).decode())


def value(values: Values, name: str, **labels: str) -> float:
    """One sample's value."""
    return values[name][tuple(sorted(labels.items()))]
