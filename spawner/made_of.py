"""What a pod is made of, in one word, however Kubernetes has filled in the rest of it. Pure.

Whoever may make pods can write any label on them. So a label that says how a pod is made is no reason to trust it with
a person's identity; what stands in its spec is.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_OF_NO_MATTER: Final = {
    "pod": frozenset(
        {
            *("nodeName", "nodeSelector", "affinity", "tolerations", "topologySpreadConstraints", "schedulerName"),
            *("priority", "priorityClassName", "preemptionPolicy", "overhead", "resources"),
            *("serviceAccount", "serviceAccountName", "imagePullSecrets", "terminationGracePeriodSeconds"),
        }
    ),
    "container": frozenset(
        {"resources", "resizePolicy", "ports", "imagePullPolicy", "terminationMessagePath", "terminationMessagePolicy"}
    ),
}
"""Where it runs and how much of the machine it has: the cluster fills these in, and may change them. An account counts
for nothing, since its token is not mounted. All else counts, also what Kubernetes will only know tomorrow."""

_PROBE_TIMES: Final = ("Seconds", "Threshold")
_USUAL: Final = {"dnsPolicy": "ClusterFirst"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Make:
    """How a pod has to be made to be claimed by a start."""

    template: str
    """What its label says. Two that differ only in where they run, or in how much they get, have two."""
    of: str
    """What its spec says (`made_of.py`), whoever wrote the label: the hub makes no warm pods, it only trusts them."""


def made_of(spec: Mapping[str, Any]) -> str:
    """The same for two specs of a pod whose processes are the same, with the same files and the same rights."""
    parts = {name: value for name, value in spec.items() if name not in _OF_NO_MATTER["pod"] and _tells(value)}
    usual = {name for name, value in _USUAL.items() if parts.get(name) == value}
    told = {name: value for name, value in parts.items() if name not in usual}
    told["containers"] = [_container(one) for one in spec.get("containers") or ()]
    told["volumes"] = [_volume(one) for one in spec.get("volumes") or ()]
    return hashlib.sha256(json.dumps(_whole(told), sort_keys=True).encode()).hexdigest()[:16]


def _container(raw: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in raw.items() if name not in _OF_NO_MATTER["container"]}
    if probe := told.get("startupProbe"):
        told["startupProbe"] = {name: value for name, value in probe.items() if not name.endswith(_PROBE_TIMES)}
    return told


def _volume(raw: Mapping[str, Any]) -> dict[str, Any]:
    """How large an empty folder may become is written in more than one way."""
    if not isinstance(empty := raw.get("emptyDir"), dict):
        return dict(raw)
    return {**raw, "emptyDir": {"is": "empty", "medium": empty.get("medium") or ""}}


def _whole(value: Any) -> Any:
    """What is empty is as if it were not given, and Kubernetes leaves it out. A `false` is a word of its own."""
    if isinstance(value, dict):
        return {name: _whole(one) for name, one in value.items() if _tells(one)}
    return [_whole(one) for one in value] if isinstance(value, list) else value


def _tells(value: Any) -> bool:
    return value not in (None, "", [], {})
