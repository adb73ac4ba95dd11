"""Packages a model on this machine, without any service: into a folder of images, on the Python that is here."""

from __future__ import annotations

import getpass
import hashlib
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import platformdirs

from studiolo.names import home_name, is_slug, slug_like
from studiolo.packaging.apt import needs_apt
from studiolo.packaging.assemble import assemble
from studiolo.packaging.base_images import NamesBase
from studiolo.packaging.dependency_layer import dependency_layer
from studiolo.packaging.errors import ContractRefused, ProjectRefused, StoreConflict
from studiolo.packaging.git_state import git_state
from studiolo.packaging.images import as_bytes
from studiolo.packaging.inspection import inspect_file
from studiolo.packaging.layout_store import LayoutStore
from studiolo.packaging.plan import Plan
from studiolo.packaging.project import Limits, collect, folder_of
from studiolo.packaging.provenance import Origin, attach
from studiolo.packaging.requirements_beside import lock_for, requirements_beside
from studiolo.packaging.runner_layer import runner_layer
from studiolo.packaging.secret_scan import scan
from studiolo.packaging.standing import StandsOn
from studiolo.packaging.stores import TAG

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from studiolo.packaging.dependency_layer import PythonFacts
    from studiolo.packaging.git_state import GitState
    from studiolo.packaging.requirements import Installed, Needed

RECORDS: Final = "records"
BUILDER: Final = "urn:studiolo:command-line"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalPackage:
    """A model package on this machine."""

    name: str
    version: str
    digest: str
    sent_bytes: int
    size: int
    """Of what is its own: layers without the runner."""
    seconds: float
    is_new: bool
    warnings: tuple[str, ...] = ()
    needed: tuple[Needed, ...] = ()


def models_folder() -> Path:
    """Where packages lie."""
    return Path(platformdirs.user_data_dir("studiolo")) / "models"


def store_of(name: str, *, root: Path | None = None, owner: str | None = None) -> LayoutStore:
    """The images of one model."""
    return LayoutStore(root or models_folder(), f"models/{home_name(owner or getpass.getuser())}/{name}")


async def package_locally(
    path: Path,
    *,
    name: str,
    version: str,
    python: PythonFacts,
    kernel: Installed | None = None,
    on: StandsOn | None = None,
    index_url: str | None = None,
    allow_secrets: bool = False,
    root: Path | None = None,
    limits: Limits | None = None,
) -> LocalPackage:
    """The package of a notebook or module, on `on`; without it, on `python` alone.

    `kernel`: what is installed where the notebook runs, where that is more than `python` has.

    Raises PackagingError with everything that stands against it, or OSError.
    """
    began = time.monotonic()
    on = on or StandsOn()
    folder = folder_of(path)
    inspection = inspect_file(path)
    if inspection.problems:
        raise ContractRefused(inspection.problems)
    project = collect(folder, limits=limits or Limits())
    secrets = scan(project)
    if secrets and not allow_secrets:
        raise ProjectRefused(tuple(str(one) for one in secrets))
    wanted = requirements_beside(
        project, inspection, base=on.installed or python.installed, kernel=kernel or python.installed
    )
    if wanted.apt:
        raise ProjectRefused((needs_apt(wanted.apt),))
    lock = lock_for(wanted, python, base=on.installed, index_url=index_url)
    plan = Plan(inspection=inspection, project=project, source=path.name, lock=lock)
    below = [runner_layer()]
    if lock.strip():
        below.append(dependency_layer(lock, python, index_url=index_url))
    state = git_state(folder)
    tag = plan.version_at(asked=version, commit=state.commit, uncommitted=state.uncommitted)
    store = store_of(name, root=root)
    named = NamesBase(store, on.base.digests)
    try:
        done = await assemble(plan, named, on.base, tag=tag, below=below)
    except StoreConflict as conflict:
        # Left out, it follows from the files or the commit: then it may be the base that differs.
        way_out = "choose another one (--version), or leave it out." if version else "choose one (--version)."
        raise StoreConflict(
            f"{name}:{tag} is there already, and this is something else.",
            hint=f"A version is written once: {way_out}",
        ) from conflict
    package = LocalPackage(
        name=name,
        version=tag,
        digest=done.digest,
        sent_bytes=done.sent_bytes,
        size=done.project.size + sum(one.layer.size for one in below[1:]),
        seconds=time.monotonic() - began,
        is_new=done.is_new,
        warnings=(*inspection.warnings, *wanted.warnings, *on.warnings),
        needed=wanted.needed,
    )
    record = record_of(store, package.digest)
    if done.is_new or not record:
        base = on.as_json(python) | {"has": list(wanted.found_below)}
        record = _record(package, plan, base, state, [str(one) for one in secrets])
        _write_record(store, package.digest, record)
    await attach(store, package.digest, _origin(store, plan, tag, record))
    return package


def name_of(path: Path, told: str) -> str:
    """What the model is called: as somebody says, or as its file. Raises ProjectRefused for what is no name."""
    name = told or slug_like(path.stem)
    if not is_slug(name):
        raise ProjectRefused(
            (f"{name or path.stem!r} is no name for a model: lower-case letters, digits and single hyphens (--name).",)
        )
    return name


def check_version(told: str) -> None:
    """Raises ProjectRefused for what no tag can be."""
    if told and not TAG.fullmatch(told):
        raise ProjectRefused(
            (f"{told!r} is no version: letters, digits, dots, hyphens and _, at most 128 characters.",)
        )


def record_of(store: LayoutStore, digest: str) -> dict[str, Any]:
    """What is known of a package beside its image; empty where it came from elsewhere."""
    try:
        found: dict[str, Any] = json.loads(_record_path(store, digest).read_bytes())
    except (OSError, ValueError):
        return {}
    return found


async def delete_locally(store: LayoutStore, digest: str, tag: str = "") -> bool:
    """Forget one version, and its image where no other version is the very same; whether the image went, too."""
    others = [one for one in await store.tags() if one != tag and await _digest_of(store, one) == digest]
    if tag and others:
        await store.untag(tag)
        return False
    await store.delete(digest)
    _record_path(store, digest).unlink(missing_ok=True)
    return True


async def _digest_of(store: LayoutStore, tag: str) -> str:
    found = await store.manifest(tag)
    return "" if found is None else found.digest


def _record(
    package: LocalPackage, plan: Plan, base: dict[str, Any], state: GitState, overridden: Sequence[str]
) -> dict[str, Any]:
    folder = plan.project.folder
    return {
        "name": package.name,
        "version": package.version,
        "digest": package.digest,
        "by": getpass.getuser(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "notebook": plan.source,
        "notebook_sha256": hashlib.sha256((folder / plan.source).read_bytes()).hexdigest(),
        "git": state.as_json(),
        "base": base,
        "lock": plan.lock,
        "contract": plan.contract,
        "cells": {
            "kept": [use.number for use in plan.inspection.cells if use.is_kept],
            "dropped": [use.number for use in plan.inspection.cells if not use.is_kept],
        },
        "files": [{"path": file.path, "size": file.size, "sha256": file.sha256} for file in plan.project.files],
        "overridden_secrets": list(overridden),
        "size": package.size,
        "seconds": round(package.seconds, 3),
    }


def _write_record(store: LayoutStore, digest: str, record: Mapping[str, Any]) -> None:
    path = _record_path(store, digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    beside.write_bytes(as_bytes(record))
    beside.replace(path)


def _origin(store: LayoutStore, plan: Plan, version: str, record: Mapping[str, Any]) -> Origin:
    """What of a record is said beside the image."""
    git = record["git"]
    diff = git.get("diff", "")
    return Origin(
        repository=store.repository,
        version=version,
        by=record["by"],
        made=record["at"],
        builder=BUILDER,
        source=record["notebook"],
        source_sha256=record["notebook_sha256"],
        tree_sha256=plan.tree_digest,
        environment=record["base"].get("environment", ""),
        base_name=record["base"].get("name", ""),
        base_digest=record["base"].get("digest", ""),
        lock_sha256=hashlib.sha256(plan.lock.encode()).hexdigest() if plan.lock else "",
        commit=git.get("commit", ""),
        diff_sha256=hashlib.sha256(diff.encode()).hexdigest() if diff else "",
        contract=record["contract"],
        cells_kept=tuple(record["cells"]["kept"]),
        cells_left=tuple(record["cells"]["dropped"]),
        overridden=tuple(record["overridden_secrets"]),
    )


def _record_path(store: LayoutStore, digest: str) -> Path:
    return store.folder / RECORDS / f"{digest.removeprefix('sha256:')}.json"
