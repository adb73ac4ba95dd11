"""Which metrics and labels an expression of PromQL asks for. Reads as much of the language as we use."""

from __future__ import annotations

import re
from dataclasses import dataclass

STRING = re.compile(r'"[^"]*"')
RANGE = re.compile(r"\[[^\]]*\]")
GROUPING = re.compile(r"\b(?:by|without)\s*\(([^)]*)\)")
MATCHING = re.compile(r"\b(?:on|ignoring)\s*\([^)]*\)")
VARIABLE = re.compile(r"\$\w+")
SELECTOR = re.compile(r"(?<![\w:])([a-zA-Z_:][\w:]*)(?![\w:])\s*(?:\{([^}]*)\})?\s*(\()?")
NAME = re.compile(r"[a-zA-Z_]\w*")
WORDS = frozenset({"and", "or", "unless", "by", "without", "on", "ignoring", "bool", "offset"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What one expression needs to exist."""

    labels_by_metric: dict[str, frozenset[str]]
    """Each metric with the labels that it is chosen by."""
    grouped_by: frozenset[str]
    """Labels that every metric in it must have."""


def asked_by(expression: str) -> Asked:
    """The metrics and labels of an expression."""
    bare = RANGE.sub("", STRING.sub('""', expression))
    bare = VARIABLE.sub("", MATCHING.sub("", bare))
    grouped = frozenset(name for found in GROUPING.finditer(bare) for name in NAME.findall(found[1]))
    metrics: dict[str, frozenset[str]] = {}
    for name, labels, bracket in SELECTOR.findall(GROUPING.sub("", bare)):
        if not bracket and name not in WORDS:  # with a bracket it is a function
            metrics[name] = metrics.get(name, frozenset()) | frozenset(NAME.findall(labels))
    return Asked(labels_by_metric=metrics, grouped_by=grouped)
