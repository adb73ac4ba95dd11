"""What a valid catalog holds, as frozen values. Everything here is checked already; see `catalog` for how."""

from __future__ import annotations

from collections.abc import Collection, Mapping  # noqa: TC003 - pydantic reads annotations while the program runs
from dataclasses import dataclass
from datetime import time, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from studiolo.choice import Choice

DEFAULT_CURRENCY: Final = "EUR"
"""Shown only beside prices; a catalog without prices needs none."""

DEFAULT_TIMEZONE: Final = "UTC"
"""Times on the pages when hardware.yaml names no other."""


class Platform(StrEnum):
    """Where workspaces run. An environment is offered only where it can."""

    LOCAL = "local"
    """Processes on one machine: an environment needs `requirements`."""
    KUBERNETES = "kubernetes"
    """Pods: an environment needs `image`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A program beside JupyterLab: started when somebody opens it, reached through jupyter-server-proxy."""

    name: str
    title: str
    path: str
    """Below the address of the server, with a slash at the end: without it the page's own links would break."""
    packages: tuple[str, ...]
    """What an environment's lock must name for the app to open."""


APPS: Final[Mapping[str, App]] = MappingProxyType(
    {
        "tensorboard": App(
            name="tensorboard",
            title="TensorBoard",
            path="tensorboard/",
            packages=("jupyter-server-proxy", "tensorboard"),
        )
    }
)
"""Every app a catalog may name. How each is run stands in `images/base/workspace_server/apps.py`: images carry that."""


class Entry(BaseModel):
    """What an environment and a hardware have in common: how they are shown, and to whom."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    summary: str = ""
    teams: frozenset[str] | None = None
    """None: everyone. Teams are JupyterHub's groups."""
    default: bool = False

    def is_offered_to(self, teams: Collection[str]) -> bool:
        """Whether somebody in these teams may choose it."""
        return self.teams is None or not self.teams.isdisjoint(teams)


class Environment(Entry):
    """Software that a workspace can start with."""

    image: str | None = None
    """With its digest: what runs is never decided by a tag."""
    requirements: Path | None = None
    """Absolute path of the lock file that one machine builds from."""
    programs: tuple[str, ...] = ()
    """Programs that have to be on PATH on one machine, because no lock file can bring them."""
    apps: tuple[str, ...] = ()

    def runs_on(self, platform: Platform) -> bool:
        """Whether a workspace with it can start there at all."""
        return (self.requirements if platform is Platform.LOCAL else self.image) is not None


class CpuShare(BaseModel):
    """Cores a workspace is sure to get, and the most it may use when others leave them idle."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    request: float
    limit: float


class Gpu(BaseModel):
    """Whole devices, under the name Kubernetes gives them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    resource: str
    count: int


Limit: TypeAlias = timedelta | Literal["never"] | None
"""How long a workspace may last in some way; None: as the installation says."""


class Toleration(BaseModel):
    """A taint of nodes that does not keep a workspace away, in Kubernetes' words; "" is left out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""


class NodeRule(BaseModel):
    """A rule about a label of nodes, in Kubernetes' words."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    operator: str
    values: tuple[str, ...] = ()


class NodePreference(BaseModel):
    """A rule that makes one node better than another."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weight: int
    rule: NodeRule


class Affinity(BaseModel):
    """Which nodes will do, and which are better."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    required: tuple[NodeRule, ...] = ()
    """All of them must hold."""
    preferred: tuple[NodePreference, ...] = ()


class WarmHours(BaseModel):
    """Hours at which another number of slots is held."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    days: frozenset[int]
    """Of the week, on which they begin; Monday is 0."""
    begins: time
    ends: time
    """Not later than the beginning: on the next day."""
    slots: int


class Warm(BaseModel):
    """Room that is held free, each slot for one workspace."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slots: int
    """Whenever no hours say otherwise."""
    at_most: int
    """However many start; not less than what is asked for anywhere."""
    schedule: tuple[WarmHours, ...] = ()
    pods: int | None = None
    """In how many of the places a pod waits to be claimed at least, where pods are claimed; None: as many as are
    needed, and none with devices."""


class Hardware(Entry):
    """The shape of a machine that a workspace can start on."""

    cpu: CpuShare
    memory_bytes: int
    gpu: Gpu | None = None
    price_per_hour: Decimal | None = None
    """In the catalog's currency; None: no price is shown."""
    stop_after: Limit = None
    """How long nobody may have used a workspace before it is stopped."""
    max_age: Limit = None
    """How long after its start a workspace is stopped, in use or not."""
    scratch_bytes: int | None = None
    """Disk for what may be lost, removed when the workspace ends; None: none."""

    # What only Kubernetes reads.
    ephemeral_storage_bytes: int | None = None
    """The node's own disk that it may fill; None: as the installation says."""
    node_selector: tuple[tuple[str, str], ...] = ()
    tolerations: tuple[Toleration, ...] = ()
    affinity: Affinity = Affinity()
    priority_class: str | None = None
    runtime_class: str | None = None
    warm: Warm | None = None

    @property
    def gpu_count(self) -> int:
        """How many devices a workspace on it holds."""
        return self.gpu.count if self.gpu else 0


class DataFolder(Entry):
    """Files that people can have in their workspaces beside their home."""

    mount: str
    """Where a pod has it, below /data; on one machine the same below ~/data."""
    claim: str | None = None
    """A PersistentVolumeClaim in the workspaces' namespace; what pods need."""
    folder: str = ""
    """Where in that volume it lies; "" for its top."""
    path: Path | None = None
    """An absolute path; what one machine needs."""
    read_only: bool = True
    max_age: timedelta | None = None
    """Files that nobody has changed or read for so long are removed; None: they stay."""

    def is_here(self, platform: Platform) -> bool:
        """Whether a workspace there can have it at all."""
        return (self.path if platform is Platform.LOCAL else self.claim) is not None


class Catalog(BaseModel):
    """All catalogs, valid, in the order of the files."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    environments: tuple[Environment, ...]
    """Those that can run on the platform the catalog was checked for."""
    hardware: tuple[Hardware, ...]
    elsewhere: tuple[Environment, ...] = ()
    """Valid environments that cannot run here: without `requirements` on one machine, without `image` on Kubernetes."""
    data: tuple[DataFolder, ...] = ()
    """Those that a workspace can have on the platform the catalog was checked for."""
    data_elsewhere: tuple[DataFolder, ...] = ()
    """Valid ones that it cannot have here: without `path` on one machine, without `claim` on Kubernetes."""
    currency: str = DEFAULT_CURRENCY
    timezone: str = DEFAULT_TIMEZONE

    def environment(self, name: str) -> Environment | None:
        """The environment of this name, or None. Whether it is offered to somebody is another question."""
        return next((entry for entry in self.environments if entry.name == name), None)

    def hardware_named(self, name: str) -> Hardware | None:
        """The hardware of this name, or None. Whether it is offered to somebody is another question."""
        return next((entry for entry in self.hardware if entry.name == name), None)

    def offered_environments(self, teams: Collection[str]) -> tuple[Environment, ...]:
        """The environments that somebody in these teams may choose."""
        return tuple(entry for entry in self.environments if entry.is_offered_to(teams))

    def offered_hardware(self, teams: Collection[str]) -> tuple[Hardware, ...]:
        """The hardware that somebody in these teams may choose."""
        return tuple(entry for entry in self.hardware if entry.is_offered_to(teams))

    def offered_data(self, teams: Collection[str]) -> tuple[DataFolder, ...]:
        """The data that somebody in these teams may have."""
        return tuple(entry for entry in self.data if entry.is_offered_to(teams))

    def default_choice(self, teams: Collection[str]) -> Choice | None:
        """What somebody in these teams gets without choosing; None when nothing is offered to them.

        The entry marked `default` where it is offered to them, else the first that is.
        """
        environments, hardware = self.offered_environments(teams), self.offered_hardware(teams)
        if not environments or not hardware:
            return None
        return Choice(
            environment=next((entry.name for entry in environments if entry.default), environments[0].name),
            hardware=next((entry.name for entry in hardware if entry.default), hardware[0].name),
        )
