"""How each component fares: one line each, and the end of the log of one that does not work."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.cluster.errors import ProgramFailedError
from deploy.cluster.health import HealthCheck
from deploy.cluster.layout import DNS_ADDRESS, SIMULATED_LABEL
from deploy.cluster.programs import run_program
from deploy.cluster.state import hold_file, load_plan, supervisor_process
from deploy.cluster.supervisor import RunFile
from deploy.local.processes import log_tail
from spawner.processes import is_running

if TYPE_CHECKING:
    from deploy.cluster.components import Component
    from deploy.cluster.layout import Layout

LOG_LINES: Final = 3
"""Shown of a component that works; of one that does not, more."""

LOG_LINES_IN_TROUBLE: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentStatus:
    """One component, as seen now."""

    name: str
    pid: int | None
    is_held: bool
    starts: int
    trouble: str
    """Why it does not work; "" when it does."""
    log_tail: tuple[str, ...]


def component_statuses(layout: Layout) -> tuple[ComponentStatus, ...]:
    """All components; they are asked at the same time."""
    plan = load_plan(layout)
    with ThreadPoolExecutor(max_workers=max(1, len(plan))) as pool:
        return tuple(pool.map(lambda component: _look_at(layout, component), plan))


def first_trouble(layout: Layout) -> str:
    """The first component that does not work, and why; "" when all do."""
    if supervisor_process(layout) is None:
        return "the supervisor does not run"
    statuses = component_statuses(layout)
    return next((f"{status.name}: {status.trouble}" for status in statuses if status.trouble), "")


def component_trouble(layout: Layout, name: str) -> str:
    """Why this component does not work; "" when it does."""
    if supervisor_process(layout) is None:
        return "the supervisor does not run"
    found = [component for component in load_plan(layout) if component.name == name]
    return _look_at(layout, found[0]).trouble if found else "there is no such component"


def nodes_trouble(layout: Layout, *, expected: int, selector: str = f"!{SIMULATED_LABEL}") -> str:
    """Why not all of these nodes (the real ones, when nothing else is said) are ready; "" when they are."""
    try:
        kubectl = (layout.program("kubectl"), "--kubeconfig", layout.kubeconfig, "--request-timeout=5s")
        text = run_program(*kubectl, "get", "nodes", "-l", selector, "-o", "json")
    except ProgramFailedError as error:
        return error.output.strip()
    conditions = {
        item["metadata"]["name"]: condition
        for item in json.loads(text)["items"]
        for condition in item["status"].get("conditions", ())
        if condition["type"] == "Ready"
    }
    for name, condition in sorted(conditions.items()):
        if condition["status"] != "True":
            return f"{name} is not ready: {condition.get('message', 'no reason given')}"
    return "" if len(conditions) >= expected else f"{len(conditions)} of {expected} nodes have registered"


def namespace_trouble(layout: Layout) -> str:
    """Why a pod could not be created and find others by name yet; "" when it could."""
    kubectl = (layout.program("kubectl"), "--kubeconfig", layout.kubeconfig, "--request-timeout=5s")
    try:
        run_program(*kubectl, "get", "serviceaccount/default", "configmap/kube-root-ca.crt", "-o", "name")
    except ProgramFailedError as error:
        return error.output.strip()
    return HealthCheck(url=f"tcp://{DNS_ADDRESS}:53").trouble()


def _look_at(layout: Layout, component: Component) -> ComponentStatus:
    run_file = RunFile.load(layout.run / f"{component.name}.json")
    pid = run_file.process.pid if run_file and is_running(run_file.process) else None
    trouble = component.health.trouble() if pid else "does not run"
    lines = LOG_LINES_IN_TROUBLE if trouble else LOG_LINES
    return ComponentStatus(
        name=component.name,
        pid=pid,
        is_held=hold_file(layout, component.name).exists(),
        starts=run_file.starts if run_file else 0,
        trouble=trouble,
        log_tail=log_tail(Path(component.log), lines=lines),
    )
