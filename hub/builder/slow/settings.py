"""What an operator sets about slow builds."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Self

from annotated_types import Ge, Gt
from pydantic import Field, model_validator

from hub.settings_types import Duration, Memory, Section
from studiolo import quantities
from studiolo.packaging.stores import DIGEST


class SlowBuildSettings(Section):
    """Bases with Debian packages and with what has no wheel, built by Jobs: docs/models-service.md."""

    enabled: bool = False
    """Whether people may ask for one. It runs what packages run when they are installed, so it is off until the nodes
    can do that apart from themselves: they need user namespaces for pods."""
    namespace: str = ""
    """Where the Jobs run, apart from hub and workspaces."""
    image: str = ""
    """buildah's image, by its digest: `registry.example.org/buildah@sha256:…`."""
    registry_secret: str = ""
    """A Secret of type `kubernetes.io/dockerconfigjson` in that namespace, with an account that reads base images and
    may push to `models/bases` alone. The step that installs packages does not see it."""
    ca_config_map: str = ""
    """A ConfigMap in that namespace whose key `ca.crt` is the authority of registries' certificates, where it is your
    own."""
    apt_sources: str = ""
    """Where Debian packages come from, as a `.sources` file says it. Absent: where the base image says."""
    seccomp_profile: str = ""
    """A profile on the nodes that lets a process make user namespaces and mounts of its own, such as `buildah.json`.
    Absent: the container runtime's own, and few of those allow it."""
    node_selector: dict[str, str] = Field(default_factory=dict)
    """Labels of the nodes that builds run on. Absent: all."""
    cpu: Annotated[float, Gt(0)] = 2.0
    """Cores of one build."""
    memory: Memory = quantities.memory_bytes("4Gi")
    """Of one build."""
    disk: Memory = quantities.memory_bytes("20Gi")
    """Of its node's disk, for the base and what is installed in it."""
    most_time: Duration = timedelta(minutes=30)
    """After which a build is ended."""
    at_once: Annotated[int, Ge(1)] = 2
    """Builds at one time; others wait."""
    per_day: Annotated[int, Ge(1)] = 10
    """Builds that one person, or one team, may have begun in a day. What is built already costs none."""
    most_bytes: Memory = quantities.memory_bytes("4Gi")
    """How much a build may add to its base, compressed."""

    @model_validator(mode="after")
    def _has_all_it_needs(self) -> Self:
        if not self.enabled:
            return self
        given = {"namespace": self.namespace, "image": self.image, "registrySecret": self.registry_secret}
        if lacking := [name for name, value in given.items() if not value]:
            raise ValueError(f"models.slowBuild: {' and '.join(lacking)} must be set before it can be enabled.")
        if not DIGEST.fullmatch(self.image.partition("@")[2]):
            raise ValueError("models.slowBuild.image: name it by its digest (…@sha256:…): it sees who may push.")
        return self
