"""Packages for a person in JupyterLab: looks, finds versions, sends to the hub, and says how far it is."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studiolo.client import Studiolo
from studiolo.packaging.child_looks import base_of, looked_at
from studiolo.packaging.commands import pull_command, run_commands
from studiolo.packaging.dependency_layer import ask_python, index_of
from studiolo.packaging.errors import ContractRefused, ProjectRefused
from studiolo.packaging.git_state import git_state
from studiolo.packaging.inspection import inspect_file
from studiolo.packaging.project import Limits
from studiolo.packaging.requirements_beside import lock_for, requirements_beside
from studiolo.wire_models import NewModelPackage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from studiolo.packaging.inspection import Inspection
    from studiolo.wire_models import ModelPackageView

    Tell = Callable[..., None]


def packaged(question: Mapping[str, Any], tell: Tell) -> Mapping[str, Any]:
    """The package, and how to use it. Raises StudioloError with everything that stands against it."""
    return asyncio.run(_packaged(question, tell))


async def _packaged(question: Mapping[str, Any], tell: Tell) -> Mapping[str, Any]:
    tell(phase="look")
    path, environment = Path(question["path"]), str(question["environment"])
    async with Studiolo.from_environment() as hub:
        choices = await hub.model_choices()
        folder = looked_at(path, limits=Limits(most_bytes=choices.most_bytes, most_files=choices.most_files))
        inspection = folder.inspection or inspect_file(path)
        if inspection.problems:
            raise ContractRefused(inspection.problems)
        allowed = tuple(one.place for one in folder.secrets if one.place in question["allowed_secrets"])
        if forbidden := [one for one in folder.secrets if one.place not in allowed]:
            raise ProjectRefused(tuple(str(one) for one in forbidden))
        python = Path(sys.executable)
        here = ask_python(python)
        kernel = ask_python(python, is_alone=False).installed
        base = base_of(environment, here, choices)
        wanted = requirements_beside(folder.project, inspection, base=base, kernel=kernel)
        tell(phase="resolve")
        lock = lock_for(wanted, here, base=base, index_url=index_of(os.environ))
        git = git_state(folder.project.folder)
        new = NewModelPackage(
            source=path.name,
            environment=environment,
            name=question["name"],
            version=question["version"],
            team=question["team"],
            lock=lock,
            allowed_secrets=allowed,
            commit=git.commit,
            diff=git.uncommitted,
        )
        tell(phase="send", bytes=folder.project.size)
        made = await hub.package_model(new, folder.project, on_sent=lambda: tell(phase="make"))
    return _described(made, inspection)


def _described(made: ModelPackageView, inspection: Inspection) -> Mapping[str, Any]:
    told = inspection.as_json()
    use = run_commands(
        made.name, made.version, methods=made.methods, schema=told["schema"], parameters=told["parameters"]
    )
    commands = (("Fetch", pull_command(made.name, made.version, team=made.team)), *use)
    return {
        "name": made.name,
        "version": made.version,
        "team": made.team,
        "digest": made.digest,
        "is_new": made.is_new,
        "is_local_only": made.is_local_only,
        "size": made.layer_size,
        "sent": made.sent_bytes,
        "seconds": made.seconds,
        "overridden": list(made.overridden),
        "warnings": list(made.warnings),
        "commands": [{"title": title, "text": text} for title, text in commands],
    }
