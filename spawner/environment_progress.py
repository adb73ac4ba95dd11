"""How far a build is, from what uv prints and from what lies on disk. What is not known is None, and said so."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final

from studiolo.quantities import format_duration

MIB: Final = 1024 * 1024


class BuildStep(StrEnum):
    """The steps of a build, in order."""

    WAITING = "waiting"
    """Another process builds the same environment."""
    DOWNLOADING = "downloading"
    INSTALLING = "installing"
    COMPILING = "compiling"
    CHECKING = "checking"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildProgress:
    """How far a build is."""

    step: BuildStep
    packages_done: int = 0
    packages_total: int | None = None
    """None until the lock is read for this machine."""
    files_done: int = 0
    """Only while compiling: what is slow there are files, not packages."""
    files_total: int | None = None
    bytes_done: int = 0
    bytes_total: int | None = None
    """None until it is known what has to be downloaded; 0 where everything is in the cache already."""
    seconds_left: float | None = None
    """Of the whole build; None where nothing on this machine tells."""
    printed: tuple[str, ...] = ()
    """The last lines that uv printed, for whoever wants to see details."""

    @property
    def sentence(self) -> str:
        """For the waiting page and the terminal: "Downloading packages: 41 of 190 MB, about 20 s left"."""
        told = {
            BuildStep.WAITING: "Another start is already installing this software",
            BuildStep.DOWNLOADING: f"Downloading packages{self._megabytes}",
            BuildStep.INSTALLING: f"Installing packages{self._packages}",
            BuildStep.COMPILING: f"Compiling packages{self._files}",
            BuildStep.CHECKING: "Checking what was installed",
        }[self.step]
        return f"{told}{self._left}"

    @property
    def share(self) -> float | None:
        """How much of this step is done, from 0 to 1; None where that is not known."""
        match self.step:
            case BuildStep.DOWNLOADING if self.bytes_total:
                return self.bytes_done / self.bytes_total
            case BuildStep.INSTALLING if self.packages_total:
                return self.packages_done / self.packages_total
            case BuildStep.COMPILING if self.files_total:
                return self.files_done / self.files_total
            case _:
                return None

    def as_json(self) -> dict[str, Any]:
        """For a process that waits for the one that builds."""
        return asdict(self)

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> BuildProgress:
        """What `as_json` gave; TypeError or ValueError for anything else."""
        return cls(**{**raw, "step": BuildStep(raw["step"]), "printed": tuple(raw["printed"])})

    @property
    def _megabytes(self) -> str:
        if self.bytes_total is None:
            return ""
        if not self.bytes_total:
            return ": all of them are here already"
        return f": {self.bytes_done / MIB:.0f} of {self.bytes_total / MIB:.0f} MB"

    @property
    def _packages(self) -> str:
        return "" if self.packages_total is None else f": {self.packages_done} of {self.packages_total}"

    @property
    def _files(self) -> str:
        return "" if self.files_total is None else f": {self.files_done:,} of {self.files_total:,} files"

    @property
    def _left(self) -> str:
        if self.step in {BuildStep.WAITING, BuildStep.CHECKING}:
            return ""
        if self.seconds_left is None:
            return ", time left unknown"
        return f", about {format_duration(max(1, round(self.seconds_left)))} left"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long a package takes on this machine once it is downloaded, learned from earlier builds."""

    seconds_per_package: float | None = None


@dataclass(slots=True, kw_only=True)
class ProgressReader:
    """Turns uv's lines, counts and times into `BuildProgress`. It looks at nothing itself."""

    pace: Pace
    step: BuildStep = BuildStep.DOWNLOADING
    started: float = 0.0
    """When the step began."""
    packages_total: int | None = None
    packages_done: int = 0
    files_total: int | None = None
    files_done: int = 0
    _announced: dict[str, int] = field(default_factory=dict)
    _arrived: set[str] = field(default_factory=set)
    _last_arrival: float | None = None
    _has_looked: bool = False
    """uv has begun to download: nothing announced from now on means that the cache has it all."""

    def begin(self, step: BuildStep, *, now: float) -> None:
        """The next step begins."""
        self.step, self.started = step, now

    def read(self, line: str, *, now: float) -> None:
        """Takes one line that uv printed; lines that say nothing about progress are ignored."""
        if found := _RESOLVED.match(line):
            self.packages_total = int(found["packages"])
        elif found := _DOWNLOADING.match(line):
            self._announced[found["name"]] = round(float(found["size"]) * _UNITS[found["unit"]])
        elif found := _DOWNLOADED.match(line):
            self._arrived.add(found["name"])
            self._last_arrival = now
        elif _PREPARED.match(line):
            self._has_looked = True
            self._arrived.update(self._announced)
            self.begin(BuildStep.INSTALLING, now=now)

    def count_packages(self, done: int) -> None:
        """Takes how many packages are installed."""
        self.packages_done = done if self.packages_total is None else min(done, self.packages_total)

    def count_files(self, done: int, *, total: int) -> None:
        """Takes how many files are compiled, and how many there are."""
        self.files_done, self.files_total = min(done, total), total

    def progress(self, *, now: float) -> BuildProgress:
        """How far the build is at this moment."""
        known = bool(self._announced) or self._has_looked or self.step is not BuildStep.DOWNLOADING
        return BuildProgress(
            step=self.step,
            packages_done=self.packages_done,
            packages_total=self.packages_total,
            files_done=self.files_done,
            files_total=self.files_total,
            bytes_done=self._bytes_done,
            bytes_total=sum(self._announced.values()) if known else None,
            seconds_left=self._seconds_left(now),
        )

    @property
    def _bytes_done(self) -> int:
        return sum(size for name, size in self._announced.items() if name in self._arrived)

    def _seconds_left(self, now: float) -> float | None:
        if self.packages_total is None:
            return None
        elapsed = now - self.started
        per_package = self.pace.seconds_per_package
        rest_of_build = None if per_package is None else per_package * self.packages_total
        match self.step:
            case BuildStep.DOWNLOADING:
                downloads = self._download_seconds_left(now)
                return None if downloads is None or rest_of_build is None else downloads + rest_of_build
            case BuildStep.INSTALLING:
                return None if rest_of_build is None else max(0.0, rest_of_build - elapsed)
            case BuildStep.COMPILING if self.files_total and self.files_done:
                return elapsed / self.files_done * (self.files_total - self.files_done)
            case BuildStep.CHECKING:
                return 0.0
            case _:
                return rest_of_build

    def _download_seconds_left(self, now: float) -> float | None:
        """At the pace of what has arrived. Nothing has, or it stalls: unknown."""
        remaining = sum(self._announced.values()) - self._bytes_done
        if not remaining:
            return 0.0 if self._announced else None
        if self._last_arrival is None or self._last_arrival <= self.started:
            return None
        pace = self._bytes_done / (self._last_arrival - self.started)
        left = remaining / pace - (now - self._last_arrival)
        return left if left > 0 else None


_UNITS: Final = {"B": 1, "KiB": 1024, "MiB": MIB, "GiB": 1024 * MIB}
_RESOLVED: Final = re.compile(r"Resolved (?P<packages>\d+) packages? in ")
_DOWNLOADING: Final = re.compile(r"Downloading (?P<name>\S+) \((?P<size>[\d.]+)(?P<unit>B|KiB|MiB|GiB)\)")
_DOWNLOADED: Final = re.compile(r"\s*Downloaded (?P<name>\S+)")
_PREPARED: Final = re.compile(r"(Prepared|Installed) \d+ packages? in ")
