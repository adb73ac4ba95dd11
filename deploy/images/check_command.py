"""`studiolo image check`: for administrators, before a team's own image is put into the catalog."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING

import click

from deploy.cluster.layout import cache_directory
from deploy.images.buildah import ImageStore
from deploy.images.check import check_layout, layout_of
from deploy.images.first_answer import NoAnswerError, measure_first_answer
from deploy.images.rules import RULES

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.images.rules import Finding


@click.group()
def image() -> None:
    """Container images that workspaces run."""


@image.command()
@click.argument("reference")
@click.option("--plain-http", is_flag=True, help="Speak plain HTTP with the registry.")
@click.option("--run/--no-run", "is_run", default=True, help="Start it here and measure its first answer, if possible.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(reference: str, *, plain_http: bool, is_run: bool, as_json: bool) -> None:
    """Say what would make workspaces of an image slow or unsafe, what it costs, and how to mend it.

    REFERENCE is an image in a registry, one that was built here (localhost/…), or a folder with an OCI layout. Exits
    with 1 when a rule does not hold. The time to the first answer is measured and told, not judged.
    """
    store = ImageStore(cache=cache_directory())
    hub_version = version("jupyterhub")
    with layout_of(reference, store=store, plain_http=plain_http) as layout:
        findings = check_layout(layout, hub_version=hub_version)
        seconds, why_not = _measured(layout, store, hub_version) if is_run else (None, "not asked for")
    if as_json:
        facts = {"image": reference, "findings": [asdict(finding) for finding in findings]}
        click.echo(json.dumps({**facts, "first_answer_seconds": seconds, "not_measured": why_not}, indent=2))
    else:
        _print(findings)
        told = f"The first HTTP answer came after {seconds:.1f} s." if seconds is not None else f"Not run: {why_not}."
        click.echo(told)
        click.echo(f"{len(RULES) - len(findings)} of {len(RULES)} rules hold.", err=True)
    sys.exit(1 if findings else 0)


def _print(findings: tuple[Finding, ...]) -> None:
    for finding in findings:
        click.echo(f"{finding.rule}: {finding.what}")
        click.echo(f"  costs: {finding.cost}")
        click.echo(f"  mend:  {finding.mend}")


def _measured(layout: Path, store: ImageStore, hub_version: str) -> tuple[float | None, str | None]:
    if os.geteuid() != 0 or shutil.which("buildah") is None:
        return None, "it takes root and buildah"
    try:
        return measure_first_answer(layout, store=store, hub_version=hub_version), None
    except NoAnswerError as error:
        return None, str(error).rstrip(".")
