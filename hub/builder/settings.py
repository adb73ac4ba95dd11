"""What an operator sets about model packages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Le
from pydantic import Field

from hub.builder.slow.settings import SlowBuildSettings
from hub.settings_types import Memory, Section
from studiolo import quantities


class RegistrySettings(Section):
    """The registry that keeps the images of models."""

    host: str = ""
    """Such as `registry.example.org:5000`. Absent: a folder keeps them (`models.folder`)."""
    prefix: str = ""
    """Put before `models/OWNER/MODEL`, where a registry gives each project a name of its own."""
    allow_http: bool = False
    """Speak plain HTTP with it where it is this machine or has a private address."""
    ca_file: Path | None = Field(default=None, strict=False)
    """A file with the certificate authority of registries that have one of their own, in PEM form; the usual ones are
    trusted beside it. Nodes have to trust it, too: docs/kubernetes.md."""
    credentials_file: Path | None = Field(default=None, strict=False)
    """A file as `docker login` writes it, such as a mounted Secret of type `kubernetes.io/dockerconfigjson`. It may
    also hold who reads base images elsewhere. Nobody but the services process reads it."""


class ModelsSettings(Section):
    """Model packages: images of people's models."""

    registry: RegistrySettings = RegistrySettings()
    slow_build: SlowBuildSettings = SlowBuildSettings()
    folder: Path | None = Field(default=None, strict=False)
    """Where images are kept as OCI layouts, without a registry. Absent: `models` in the data directory on one machine;
    nowhere in a cluster, where models can then not be packaged."""
    most_bytes: Memory = quantities.memory_bytes("100Mi")
    """How large the files of one package may be together, before they are compressed."""
    most_files: Annotated[int, Ge(1), Le(100_000)] = 10_000
    """How many files one package may have."""
    per_hour: Annotated[int, Ge(1)] = 120
    """How many packages one person may make in an hour."""
    bytes_per_owner: Memory = quantities.memory_bytes("20Gi")
    """How much the files of one person's packages, or of one team's, may take."""
