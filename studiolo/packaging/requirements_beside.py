"""What the files of a folder say that a model needs, and its lock: for the command line and JupyterLab alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from packaging.utils import canonicalize_name

from studiolo.packaging.apt import APT
from studiolo.packaging.errors import ProjectRefused
from studiolo.packaging.requirements import LOCKS, Installed, Requirements, requirements_of
from studiolo.problems import quoted

if TYPE_CHECKING:
    from collections.abc import Collection

    from studiolo.packaging.dependency_layer import PythonFacts
    from studiolo.packaging.inspection import Inspection
    from studiolo.packaging.project import Project

TEXTS: Final = (*LOCKS, "requirements.txt", "pyproject.toml", APT)
"""At the top of the folder."""


def requirements_beside(
    project: Project, inspection: Inspection, *, base: Installed, kernel: Installed
) -> Requirements:
    """What a model needs and its base lacks. Raises ProjectRefused with everything that no image can be made from."""
    wanted = {file.path: file for file in project.files if file.path in TEXTS}
    texts: dict[str, str] = {}
    for path, file in wanted.items():
        try:
            texts[path] = project.read(file).decode()
        except UnicodeDecodeError:
            raise ProjectRefused((f"{path} is no text in UTF-8. Save it as such.",)) from None
    return requirements_of(
        texts,
        pip_installs=inspection.pip_installs,
        imports=inspection.imports,
        modules=[file.path.partition("/")[0].removesuffix(".py") for file in project.files],
        base=base,
        kernel=kernel,
    )


def lock_of_sources(
    wanted: Requirements, names: Collection[str], python: PythonFacts, *, index_url: str | None = None
) -> str:
    """Of what is needed, the lines of these packages, which may be built from their source. Raises ProjectRefused.

    Their source is looked into here to learn what it is called, as pip does it.
    """
    from studiolo.packaging.dependency_layer import lock_of  # noqa: PLC0415 - looking at a folder needs none of it
    from studiolo.packaging.locks import lock_text, read_lock  # noqa: PLC0415 - as above

    asked = {canonicalize_name(name) for name in names}
    text = wanted.locked if wanted.lock else lock_of(wanted.needed, python, index_url=index_url, sources=asked)
    problems: list[str] = []
    found = [one for one in read_lock("lock", text, problems) if one.name in asked]
    problems += [
        f"Nothing beside the notebook needs {quoted(name)}. Name it in a requirements.txt."
        for name in sorted(asked - {one.name for one in found})
    ]
    if problems:
        raise ProjectRefused(tuple(problems))
    return lock_text(found, {})


def lock_for(
    wanted: Requirements, python: PythonFacts, *, base: Installed | None = None, index_url: str | None = None
) -> str:
    """Versions and hashes of all that is needed: as a lock in the folder says, else as uv finds them now.

    `base`: what is there without it; None for what `python` has. Raises DependenciesRefused.
    """
    from studiolo.packaging.dependency_layer import lock_of  # noqa: PLC0415 - looking at a folder needs none of it

    return wanted.locked if wanted.lock else lock_of(wanted.needed, python, base=base, index_url=index_url)
