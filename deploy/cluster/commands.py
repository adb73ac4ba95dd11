"""The commands behind `make cluster…`: `python -P -m deploy.cluster.commands up|down|status|deploy|hold|nodes …`."""

from __future__ import annotations

import functools
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from deploy.cluster.conformance import FOCUS, run_conformance
from deploy.cluster.deployment import Deployment, deploy, how_to_open
from deploy.cluster.down import take_down_recorded
from deploy.cluster.errors import ClusterError, NotUpError, OwnedElsewhereError
from deploy.cluster.layout import layout_here
from deploy.cluster.record import load_record
from deploy.cluster.simulated_nodes import set_simulated_nodes
from deploy.cluster.state import hold_file, load_plan, supervisor_process
from deploy.cluster.status import component_statuses, nodes_trouble
from deploy.cluster.supervisor import RunFile
from deploy.cluster.up import bring_up, changing_the_cluster, may_take_over
from spawner.processes import send_signal
from studiolo.errors import StudioloError

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.cluster.layout import Layout
    from deploy.cluster.status import ComponentStatus


def _with_errors_in_words(command: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
        except StudioloError as error:
            click.echo(f"{error}\n{error.hint}".rstrip(), err=True)
            sys.exit(1)

    return run


@click.group()
def main() -> None:
    """A real Kubernetes on this machine, for development and tests only."""


@main.command()
@click.option("--nodes", "node_count", type=int, help="Real nodes: 1 or 2. Without it: as many as there are, or 1.")
@click.option("--gpus", type=int, help="GPUs that the first node says it has.")
@_with_errors_in_words
def up(node_count: int | None, gpus: int | None) -> None:
    """Bring it up, or add what it lacks."""
    with changing_the_cluster(_say):
        bring_up(layout_here(), node_count=node_count, gpus=gpus, say=_say)


@main.command()
@_with_errors_in_words
def down() -> None:
    """End it, and leave the machine as it was."""
    layout = layout_here()
    began = time.monotonic()
    with changing_the_cluster(_say):
        record = load_record()
        if record and record.state != str(layout.state) and not may_take_over(record, ci=""):
            raise OwnedElsewhereError(record.checkout)
        had_one = take_down_recorded(layout)
    _say(f"The cluster is down after {time.monotonic() - began:.1f} s." if had_one else "There was no cluster.")


@main.command()
@_with_errors_in_words
def status() -> None:
    """Each component, healthy or why not, with its last log lines. Ends with 1 when something does not work."""
    layout = layout_here()
    record = load_record()
    if record is None or record.state != str(layout.state):
        raise NotUpError if record is None else OwnedElsewhereError(record.checkout)
    statuses = component_statuses(layout)
    supervisor = supervisor_process(layout)
    _say(f"supervisor  pid {supervisor.pid}" if supervisor else "supervisor  does not run: make cluster")
    for one in statuses:
        _say(describe(one))
    nodes = nodes_trouble(layout, expected=record.node_count)
    _say(f"nodes       {nodes or f'{record.node_count} ready'}")
    if supervisor is None or nodes or any(one.trouble for one in statuses):
        sys.exit(1)


@main.command()
@click.argument("name")
@click.option("--signal", "signal_name", default="", help="Also end it now: TERM, KILL, STOP.")
@_with_errors_in_words
def hold(name: str, signal_name: str) -> None:
    """Keep the supervisor from starting a component again, until it is released."""
    layout = _running()
    _check_name(layout, name)
    hold_file(layout, name).touch()
    run_file = RunFile.load(layout.run / f"{name}.json")
    if signal_name and run_file is not None:
        send_signal(run_file.process, signal.Signals[f"SIG{signal_name.upper().removeprefix('SIG')}"])
    pid = f" (process {run_file.process.pid})" if run_file else ""
    _say(f"{name}{pid} will not be started again before: make cluster-release C={name}")


@main.command()
@click.argument("name")
@_with_errors_in_words
def release(name: str) -> None:
    """Let the supervisor start a held component again."""
    layout = _running()
    _check_name(layout, name)
    hold_file(layout, name).unlink(missing_ok=True)
    _say(f"{name} is released.")


@main.command()
@click.argument("count", type=int)
@click.option("--gpus", type=int, default=0, show_default=True, help="GPUs that each says it has.")
@_with_errors_in_words
def nodes(count: int, gpus: int) -> None:
    """See that there are exactly COUNT simulated nodes (kwok)."""
    began = time.monotonic()
    with changing_the_cluster(_say):
        set_simulated_nodes(_running(), count=count, gpus=gpus)
    _say(f"{count} simulated nodes after {time.monotonic() - began:.1f} s.")


@main.command()
@click.option("--focus", default=FOCUS, show_default=True, help="A regular expression for the names of tests.")
@_with_errors_in_words
def conformance(focus: str) -> None:
    """Run Kubernetes' own tests of NetworkPolicies against it; builds them first. 20 minutes."""
    run_conformance(_running(), focus=focus, say=_say)


@main.command("deploy")
@_with_errors_in_words
def deploy_studiolo() -> None:
    """Install Studiolo on it by its chart, or bring it to what the checkout says. Ends once people can open it."""
    layout = _running()
    began = time.monotonic()
    deploy(layout, Deployment(), say=_say)
    _say(f"Deployed after {time.monotonic() - began:.1f} s.\n\n{how_to_open(layout, Deployment())}")


def describe(status: ComponentStatus) -> str:
    """One component as lines for people."""
    facts = [f"pid {status.pid}"] if status.pid else []
    if status.starts > 1:
        facts.append(f"started {status.starts} times")
    if status.is_held:
        facts.append("held")
    how = f"NOT HEALTHY: {status.trouble}" if status.trouble else "healthy"
    about = f" ({', '.join(facts)})" if facts else ""
    lines = [f"{status.name:24} {how}{about}"]
    return "\n".join((*lines, *(f"    {line[:200]}" for line in status.log_tail)))


def _running() -> Layout:
    layout = layout_here()
    if supervisor_process(layout) is None:
        raise NotUpError
    return layout


def _check_name(layout: Layout, name: str) -> None:
    known = [component.name for component in load_plan(layout)]
    if name not in known:
        raise ClusterError(f"There is no component {name!r}.", hint=f"There are: {', '.join(known)}.")


def _say(line: str) -> None:
    click.echo(line)


if __name__ == "__main__":
    main()
