"""What may run (environments.yaml), on what (hardware.yaml), with which data (data.yaml): is it valid, what is in it?

`check_catalog` looks at all files and reports every problem with its line; `load_catalog` is the same for callers who
can only use a catalog without errors. The values are in `catalog_model`, the keys in `catalog_schema`, the rules of one
entry in `catalog_entries`, the rules across entries and files in `catalog_checks`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from studiolo.catalog_checks import check_across
from studiolo.catalog_entries import read_data, read_environments, read_hardware
from studiolo.catalog_folders import check_mounts
from studiolo.catalog_model import (
    APPS,
    DEFAULT_CURRENCY,
    DEFAULT_TIMEZONE,
    App,
    Catalog,
    CpuShare,
    DataFolder,
    Entry,
    Environment,
    Gpu,
    Hardware,
    Platform,
)
from studiolo.errors import CatalogError
from studiolo.problems import Problem, Severity

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "APPS",
    "DATA_FILE",
    "DEFAULT_CURRENCY",
    "DEFAULT_TIMEZONE",
    "ENVIRONMENTS_FILE",
    "HARDWARE_FILE",
    "App",
    "Catalog",
    "CatalogCheck",
    "CatalogError",
    "CpuShare",
    "DataFolder",
    "Entry",
    "Environment",
    "Gpu",
    "Hardware",
    "Platform",
    "Problem",
    "Severity",
    "check_catalog",
    "load_catalog",
    "load_data",
]

ENVIRONMENTS_FILE: Final = "environments.yaml"
HARDWARE_FILE: Final = "hardware.yaml"
DATA_FILE: Final = "data.yaml"
"""The only one that may be missing: nobody is offered data then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogCheck:
    """What a look at the files gave: a catalog unless there were errors, and every problem in the order of lines."""

    catalog: Catalog | None
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that keep the catalog from being used."""
        return tuple(problem for problem in self.problems if problem.severity is Severity.ERROR)


def check_catalog(
    directory: Path, *, platform: Platform = Platform.LOCAL, homes_claim: str | None = None
) -> CatalogCheck:
    """The catalogs of a directory, checked for a platform. Never raises for what the files hold or lack.

    `homes_claim` is the volume in which the home service removes old files; "" for none, None where it is not known.
    """
    environments = read_environments(directory / ENVIRONMENTS_FILE, platform=platform)
    hardware = read_hardware(directory / HARDWARE_FILE)
    data = read_data(directory / DATA_FILE, platform=platform, homes_claim=homes_claim)
    across = check_across(environments, hardware, data, platform=platform)
    # What is wrong inside an anchor is found wherever it is used, and said once.
    distinct: dict[tuple[str, int, int, str], Problem] = {}
    for problem in (*environments.problems, *hardware.problems, *data.problems, *across):
        distinct.setdefault((*_place(problem), problem.message), problem)
    check = CatalogCheck(catalog=None, problems=tuple(sorted(distinct.values(), key=_place)))
    if check.errors:
        return check
    return CatalogCheck(
        catalog=Catalog(
            environments=tuple(entry for entry in environments.entries if entry.runs_on(platform)),
            elsewhere=tuple(entry for entry in environments.entries if not entry.runs_on(platform)),
            hardware=hardware.entries,
            data=tuple(entry for entry in data.entries if entry.is_here(platform)),
            data_elsewhere=tuple(entry for entry in data.entries if not entry.is_here(platform)),
            currency=hardware.currency,
            timezone=hardware.timezone,
        ),
        problems=check.problems,
    )


def load_data(
    directory: Path, *, platform: Platform = Platform.LOCAL, homes_claim: str | None = None
) -> tuple[DataFolder, ...]:
    """What data.yaml alone holds, for who needs none of the rest. Raises CatalogError with every problem."""
    found = read_data(directory / DATA_FILE, platform=platform, homes_claim=homes_claim)
    problems = (*found.problems, *check_mounts(found.mounts))
    if any(problem.severity is Severity.ERROR for problem in problems):
        raise CatalogError(problems)
    return found.entries


def load_catalog(directory: Path, *, platform: Platform = Platform.LOCAL) -> Catalog:
    """The catalog of a directory. Raises CatalogError with every problem when one is an error; warnings alone pass."""
    check = check_catalog(directory, platform=platform)
    if check.catalog is None:
        raise CatalogError(check.problems)
    return check.catalog


def _place(problem: Problem) -> tuple[str, int, int]:
    return problem.file, problem.line, problem.column
