"""The objects of a fake API server, what happened to them, and how they are chosen: no sockets here."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

Json = dict[str, Any]

KINDS: Final[Mapping[str, str]] = {
    "configmaps": "ConfigMap",
    "events": "Event",
    "jobs": "Job",
    "leases": "Lease",
    "nodes": "Node",
    "persistentvolumeclaims": "PersistentVolumeClaim",
    "pods": "Pod",
    "resourcequotas": "ResourceQuota",
    "secrets": "Secret",
    "services": "Service",
}
WRITE_ONLY: Final = "secrets"
TIME: Final = "%Y-%m-%dT%H:%M:%SZ"
REMEMBERED: Final = 100_000
"""Changes that a watch can begin before."""


class Refusal(Exception):
    """An answer that is an error, as Kubernetes writes it."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body: Json = {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "message": message,
            "reason": reason,
            "code": status,
        }


TOO_OLD: Final = Refusal(410, "Expired", "too old resource version")


def pod(name: str, *, labels: Mapping[str, str] | None = None, **status: Any) -> Json:
    """A pod to put or to create; `status`: parts of its status."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": dict(labels or {})},
        "spec": {"containers": [{"name": "notebook", "image": "example.org/lab@sha256:0"}]},
        "status": {"phase": "Pending", **status},
    }


def event(name: str, *, about: Json, reason: str, message: str = "", count: int = 1, kind: str = "Normal") -> Json:
    """An event about a pod as the server has it."""
    metadata = about["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name},
        "involvedObject": {"kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]},
        "reason": reason,
        "message": message,
        "type": kind,
        "count": count,
    }


@dataclass(frozen=True, slots=True)
class Change:
    """One object from before to after; None where there was or is none."""

    version: int
    resource: str
    namespace: str
    before: Json | None
    after: Json | None


class ObjectStore:
    """Namespaced objects of one API server. A version is counted up by each change of any of them, as etcd does it."""

    def __init__(self) -> None:
        self.version = 1000
        self.oldest = 0
        """What was before is forgotten."""
        self.most_of_page = 500
        self._objects: dict[tuple[str, str, str], Json] = {}
        self._changes: deque[Change] = deque(maxlen=REMEMBERED)
        self._rest: dict[str, tuple[int, list[Json]]] = {}
        """By continue token: what is left of a list, and its version."""
        self.secrets_are_read = False
        """Whether values of Secrets are kept at all: only where a test is about who reads them."""
        self._uids = itertools.count(1)

    def named(self, resource: str, namespace: str) -> dict[str, Json]:
        """What there is, by name."""
        return {key[2]: one for key, one in sorted(self._objects.items()) if key[:2] == (resource, namespace)}

    def put(self, resource: str, namespace: str, body: Json) -> Json:
        """Creates, or replaces what has this name, with uid and version of the server's own."""
        key = (resource, namespace, body["metadata"]["name"])
        before = self._objects.get(key)
        self.version += 1
        after = {"apiVersion": "v1", "kind": KINDS[resource], **deepcopy(body)}
        kept = before["metadata"] if before else {}
        after["metadata"] |= {
            "namespace": namespace,
            "uid": kept.get("uid") or body["metadata"].get("uid") or f"uid-{next(self._uids)}",
            "creationTimestamp": kept.get("creationTimestamp") or datetime.now(UTC).strftime(TIME),
            "resourceVersion": str(self.version),
        }
        if resource == WRITE_ONLY and not self.secrets_are_read:
            for values in ("data", "stringData"):
                after.pop(values, None)
        self._objects[key] = after
        self._note(Change(self.version, resource, namespace, before, after))
        return deepcopy(after)

    def remove(self, resource: str, namespace: str, name: str, *, is_seen: bool = True) -> None:
        """It is no more. Not `is_seen`: no watch will tell."""
        before = self._objects.pop((resource, namespace, name))
        self.version += 1
        if is_seen:
            self._note(Change(self.version, resource, namespace, before, None))

    def forget(self) -> None:
        """All that was is too old, the rests of lists too."""
        self.version += 1
        self.oldest = self.version
        self._rest.clear()

    def get(self, resource: str, namespace: str, name: str) -> Json:
        """One object."""
        found = self._objects.get((resource, namespace, name))
        if found is None:
            raise Refusal(404, "NotFound", f'{resource} "{name}" not found')
        return found

    def create(self, resource: str, namespace: str, body: Json) -> Json:
        """A new object. What the body says of a pod's status is not listened to."""
        name = body["metadata"]["name"]
        if (resource, namespace, name) in self._objects:
            raise Refusal(409, "AlreadyExists", f'{resource} "{name}" already exists')
        return self.put(resource, namespace, body | ({"status": {"phase": "Pending"}} if resource == "pods" else {}))

    def patch(self, resource: str, namespace: str, name: str, patch: Json) -> Json:
        """The object after a merge patch; a uid or resourceVersion in it is a condition."""
        found = self.get(resource, namespace, name)
        for condition in ("resourceVersion", "uid"):
            wanted = patch.get("metadata", {}).get(condition)
            if wanted not in {None, found["metadata"][condition]}:
                raise Refusal(409, "Conflict", f'{resource} "{name}" has another {condition}')
        return self.put(resource, namespace, merged(found, patch))

    def delete(self, resource: str, namespace: str, name: str, options: Json) -> Json:
        """A pod on a node is only marked: its kubelet ends it."""
        found = self.get(resource, namespace, name)
        for condition, wanted in (options.get("preconditions") or {}).items():
            if wanted != found["metadata"][condition]:
                raise Refusal(409, "Conflict", f"Precondition failed: {condition} in precondition: {wanted}")
        if found.get("spec", {}).get("nodeName") and options.get("gracePeriodSeconds") != 0:
            if "deletionTimestamp" in found["metadata"]:
                return found
            mark = {"metadata": {"deletionTimestamp": datetime.now(UTC).strftime(TIME)}}
            return self.put(resource, namespace, merged(found, mark))
        self.remove(resource, namespace, name)
        return found

    def chosen(self, resource: str, namespace: str, query: Mapping[str, str]) -> list[Json]:
        """Those that the selectors of a query choose, by name."""
        return [one for one in self.named(resource, namespace).values() if selects(query, one)]

    def page(self, resource: str, namespace: str, query: Mapping[str, str], *, is_empty: bool = False) -> Json:
        """A page of a list, of one moment for all pages. `is_empty`: as if there were nothing."""
        if token := query.get("continue"):
            if token not in self._rest:
                raise Refusal(410, "Expired", "The provided continue parameter is too old")
            version, found = self._rest[token]
        else:
            version, found = self.version, [] if is_empty else self.chosen(resource, namespace, query)
        size = min(int(query["limit"]), self.most_of_page) if "limit" in query else len(found)
        metadata: Json = {"resourceVersion": str(version)}
        if rest := found[size:]:
            metadata |= {"continue": f"{version}-{rest[0]['metadata']['name']}", "remainingItemCount": len(rest)}
            self._rest[metadata["continue"]] = (version, rest)
        return {"kind": f"{KINDS[resource]}List", "apiVersion": "v1", "metadata": metadata, "items": found[:size]}

    def events_since(self, version: int, resource: str, namespace: str, query: Mapping[str, str]) -> list[Json]:
        """What a watch tells of the changes after a version, in their order."""
        # The latest stand at the end; whoever watches has usually seen all others.
        new = itertools.takewhile(lambda change: change.version > version, reversed(self._changes))
        here = [change for change in new if (change.resource, change.namespace) == (resource, namespace)]
        told = (_as_seen_by(query, change) for change in reversed(here))
        return [event for event in told if event is not None]

    def _note(self, change: Change) -> None:
        if self._changes.maxlen == len(self._changes):
            self.oldest = max(self.oldest, self._changes[0].version)
        self._changes.append(change)


def _as_seen_by(query: Mapping[str, str], change: Change) -> Json | None:
    """Who leaves the selectors is deleted, for all that somebody with these selectors can see."""
    was = change.before is not None and selects(query, change.before)
    if change.after is not None and selects(query, change.after):
        return {"type": "MODIFIED" if was else "ADDED", "object": change.after}
    if was and change.before is not None:
        last = merged(change.before, {"metadata": {"resourceVersion": str(change.version)}})
        return {"type": "DELETED", "object": last}
    return None


def selects(query: Mapping[str, str], found: Json) -> bool:
    """Whether the label and field selectors of a query choose an object."""
    labels = found["metadata"].get("labels") or {}
    return all(_holds(one, labels.get) for one in _requirements(query.get("labelSelector", ""))) and all(
        _holds(one, lambda path: _at(found, path)) for one in _requirements(query.get("fieldSelector", ""))
    )


def _requirements(selector: str) -> list[str]:
    return [one.strip() for one in selector.split(",") if one.strip()]


def _holds(requirement: str, value_of: Any) -> bool:
    """`a=b`, `a==b`, `a!=b`, `a` and `!a`; sets are not known here."""
    if "!=" in requirement:
        name, _, value = requirement.partition("!=")
        return bool(value_of(name) != value)
    if "=" in requirement:
        name, _, value = requirement.partition("=")
        return bool(value_of(name) == value.removeprefix("="))
    if requirement.startswith("!"):
        return value_of(requirement[1:]) is None
    return value_of(requirement) is not None


def _at(found: Json, path: str) -> Any:
    here: Any = found
    for part in path.split("."):
        here = here.get(part) if isinstance(here, dict) else None
    return here


def merged(target: Json, patch: Json) -> Json:
    """RFC 7386: null takes away, objects are merged, all else is replaced."""
    result = dict(target)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = merged(result[key] if isinstance(result.get(key), dict) else {}, value)
        else:
            result[key] = value
    return result
