"""What JupyterLab shows before anything is packaged: of the file as it is edited, and of its folder as it is saved."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from studiolo.packaging.apt import APT
from studiolo.packaging.errors import ContractRefused, NotebookRefused, ProjectRefused
from studiolo.packaging.inspection import (
    MODULE,
    Inspection,
    inspect_file,
    inspect_module,
    inspect_notebook,
    modules_beside,
)
from studiolo.packaging.project import Limits, Project, collect, folder_of
from studiolo.packaging.requirements import Installed, Requirements

if TYPE_CHECKING:
    from collections.abc import Mapping

    from studiolo.packaging.dependency_layer import PythonFacts
    from studiolo.packaging.secret_scan import FoundSecret
    from studiolo.wire_models import ModelChoicesView

MOST_SHOWN: Final = 200
"""Files, and places that are left out or look like secrets. All are counted."""

CHOICES_SECONDS: Final = 5.0
"""What may be chosen is known at once, or shown later."""

OWN_ENVIRONMENT: Final = "STUDIOLO_ENVIRONMENT"
"""The variable in which a workspace has the name of its environment."""

NOTHING: Final[dict[str, Any]] = {
    "methods": [], "parameters": {}, "hyperparameters": [], "schema": {}, "module": "", "entry": "", "cells": [],
    "imports": [], "pip_installs": [], "doc": "", "warnings": [],
}  # fmt: skip
"""What is told of a file in which no model is found, beside its problems."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """What of a folder would go in."""

    project: Project
    inspection: Inspection | None
    """None where no model is found."""
    secrets: tuple[FoundSecret, ...]


def inspected(path: str, content: bytes) -> Mapping[str, Any]:
    """What is in a file as it is being edited. What is wrong with it is part of the answer."""
    place = Path(path)
    try:
        if place.suffix == MODULE:
            return inspect_module(content, name=place.name).as_json()
        return inspect_notebook(content, beside=modules_beside(place)).as_json()
    except ContractRefused as error:
        return {**NOTHING, "problems": list(error.problems)}
    except NotebookRefused as error:
        return {**NOTHING, "problems": [f"{error} {error.hint}".strip()]}


def planned(question: Mapping[str, Any]) -> Mapping[str, Any]:
    """Files, packages and choices, all that is wrong with them included."""
    path = Path(question["path"])
    choices, away = choices_now()
    limits = Limits(most_bytes=choices.most_bytes, most_files=choices.most_files) if choices else Limits()
    environment = environment_of(question.get("environment", ""), choices)
    known = {
        "environment": environment,
        "choices": None if choices is None else _choices(choices),
        "away": away,
    }
    try:
        folder = looked_at(path, limits=limits)
    except ProjectRefused as error:
        return {**_nothing_in(path), **known, "problems": list(error.problems)}
    wanted, problems = Requirements(), tuple[str, ...]()
    if folder.inspection is not None:
        try:
            wanted = requirements_on(environment, folder, choices)
        except ProjectRefused as error:
            problems = error.problems
    return {**_described(path, folder, wanted), **known, "problems": list(problems)}


def looked_at(path: Path, *, limits: Limits) -> Folder:
    """A file and its folder as they are saved. Raises ProjectRefused with all that is wrong with the folder."""
    from studiolo.packaging.secret_scan import scan  # noqa: PLC0415 - an inspection needs none of it

    project = collect(folder_of(path), limits=limits)
    try:
        inspection = inspect_file(path)
    except (ContractRefused, NotebookRefused):
        inspection = None  # the file as it is edited says why
    return Folder(project=project, inspection=inspection, secrets=scan(project))


def choices_now() -> tuple[ModelChoicesView | None, str]:
    """What the hub lets this person choose, or None and why nobody knows."""
    from studiolo.client import Studiolo  # noqa: PLC0415 - an inspection needs none of it
    from studiolo.client_errors import ClientError  # noqa: PLC0415 - as above

    async def ask() -> ModelChoicesView:
        async with Studiolo.from_environment(timeout=CHOICES_SECONDS) as hub:
            return await hub.model_choices()

    try:
        return asyncio.run(ask()), ""
    except ClientError as error:
        return None, f"{error} {error.hint}".strip()


def environment_of(asked: str, choices: ModelChoicesView | None) -> str:
    """What the model will stand on: as asked, else the workspace's own, else the first that may be used."""
    own = os.environ.get(OWN_ENVIRONMENT, "")
    if choices is None:
        return asked or own
    offered = [one.name for one in choices.environments]
    return next((name for name in (asked, own) if name in offered), next(iter(offered), ""))


def requirements_on(environment: str, folder: Folder, choices: ModelChoicesView | None) -> Requirements:
    """What the model needs beside that environment. Raises ProjectRefused."""
    from studiolo.packaging.dependency_layer import ask_python  # noqa: PLC0415 - an inspection needs none of it
    from studiolo.packaging.requirements_beside import requirements_beside  # noqa: PLC0415 - as above

    if folder.inspection is None:
        return Requirements()
    python = Path(sys.executable)
    kernel = ask_python(python, is_alone=False).installed
    return requirements_beside(
        folder.project, folder.inspection, base=base_of(environment, ask_python(python), choices), kernel=kernel
    )


def base_of(environment: str, here: PythonFacts, choices: ModelChoicesView | None) -> Installed:
    """What is installed in an environment: of this workspace's own it can be seen, of others the hub knows it."""
    if environment == os.environ.get(OWN_ENVIRONMENT, environment):
        return here.installed
    chosen = [one for one in (choices.environments if choices else ()) if one.name == environment]
    return Installed(versions=(chosen[0].packages or {}) if chosen else {})


def _choices(choices: ModelChoicesView) -> Mapping[str, Any]:
    environments = [
        {"name": one.name, "title": one.title or one.name, "summary": one.summary, "has_image": bool(one.image)}
        for one in choices.environments
    ]
    return {"environments": environments, "teams": list(choices.teams)}


def _nothing_in(path: Path) -> dict[str, Any]:
    return {
        "source": path.name, "name": _name(path), "files": [], "file_count": 0, "size": 0, "left_out": [],
        "left_out_count": 0, "secrets": [], "lock": "", "packages": [], "warnings": [], "commit": "", "is_clean": False,
    }  # fmt: skip


def _described(path: Path, folder: Folder, wanted: Requirements) -> dict[str, Any]:
    from studiolo.packaging.git_state import git_state  # noqa: PLC0415 - an inspection needs none of it

    project, git = folder.project, git_state(folder.project.folder)
    largest = sorted(project.files, key=lambda file: -file.size)[:MOST_SHOWN]
    return {
        "source": path.name,
        "name": _name(path),
        "files": [{"path": file.path, "size": file.size} for file in largest],
        "file_count": len(project.files),
        "size": project.size,
        "left_out": [{"path": one.path, "why": one.why} for one in project.left_out[:MOST_SHOWN]],
        "left_out_count": len(project.left_out),
        "secrets": [
            {"place": one.place, "text": str(one), "path": one.path, "cell": one.cell}
            for one in folder.secrets[:MOST_SHOWN]
        ],
        "lock": wanted.lock,
        "packages": _packages(wanted),
        "warnings": list(wanted.warnings),
        "commit": git.commit,
        "is_clean": bool(git.commit) and not git.uncommitted,
    }


def _packages(wanted: Requirements) -> list[dict[str, Any]]:
    pins = [line.rstrip("\\ ") for line in wanted.locked.splitlines() if not line.startswith(" ")]
    added = [
        *((pin, wanted.lock) for pin in pins),
        *((one.requirement, str(one.source)) for one in wanted.needed),
        *((name, APT) for name in wanted.apt),
    ]
    return [
        *({"requirement": requirement, "source": source, "is_present": False} for requirement, source in added),
        *({"requirement": pin, "source": "", "is_present": True} for pin in wanted.found_below),
    ]


def _name(path: Path) -> str:
    from studiolo.names import slug_like  # noqa: PLC0415 - an inspection needs none of it

    return slug_like(path.stem) or "model"
