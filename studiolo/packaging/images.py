"""What an image is besides its layers: its configuration and its manifest, as bytes that depend on nothing else."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from studiolo.packaging.errors import StoreRefused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from studiolo.packaging.layers import Layer

MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
CONFIG: Final = "application/vnd.oci.image.config.v1+json"
EMPTY: Final = "application/vnd.oci.empty.v1+json"

CREATED: Final = "1970-01-01T00:00:00Z"
"""Of every image: when it was made says its record, and a digest must not."""

BASE_DIGEST: Final = "org.opencontainers.image.base.digest"
BASE_NAME: Final = "org.opencontainers.image.base.name"
"""Annotations that name what an image stands on."""

MOST_LAYERS: Final = 120
"""Runtimes take 127; some are left for who builds on it."""

_OCI_LAYER: Final[Mapping[str, str]] = {
    "application/vnd.docker.image.rootfs.diff.tar.gzip": "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.docker.image.rootfs.diff.tar": "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.docker.image.rootfs.diff.tar.zstd": "application/vnd.oci.image.layer.v1.tar+zstd",
}
"""Docker's names: a manifest with both kinds is refused by several runtimes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """Something that a manifest names."""

    digest: str
    size: int
    media_type: str

    def descriptor(self) -> dict[str, Any]:
        """As a manifest names it."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The image that others stand on."""

    digest: str
    """Of its manifest; "" where there is no image, on one machine."""
    layers: tuple[Blob, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    """Its configuration, whole."""
    name: str = ""
    """Its reference, for people."""

    @property
    def digests(self) -> frozenset[str]:
        """Of its layers."""
        return frozenset(layer.digest for layer in self.layers)

    @property
    def diff_ids(self) -> tuple[str, ...]:
        """Digests of its layers' archives."""
        return tuple(self.config.get("rootfs", {}).get("diff_ids", ()))

    @property
    def platform(self) -> tuple[str, str]:
        """Operating system and architecture that it is for."""
        return self.config.get("os") or "linux", self.config.get("architecture") or "amd64"


@dataclass(frozen=True, slots=True, kw_only=True)
class HowItRuns:
    """What an image does when it is started."""

    entrypoint: tuple[str, ...]
    working_dir: str
    env: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()


def read_base(manifest: bytes, config: bytes, *, digest: str, name: str = "") -> Base:
    """A base from its manifest and configuration. Raises StoreRefused where they are none of an image."""
    layers, configured = as_object(manifest).get("layers"), as_object(config)
    rootfs = configured.get("rootfs")
    diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    are_paired = isinstance(layers, list) and isinstance(diff_ids, list) and len(layers) == len(diff_ids)
    if not isinstance(layers, list) or not are_paired or not _is_configuration(configured):
        raise StoreRefused(f"{name or digest} is no image that another can stand on.")
    if len(layers) > MOST_LAYERS:
        raise StoreRefused(f"{name or digest} has {len(layers)} layers; at most {MOST_LAYERS} leave room for more.")
    return Base(digest=digest, layers=tuple(_blob(layer) for layer in layers), config=configured, name=name)


def _is_configuration(configured: Mapping[str, Any]) -> bool:
    """Whether what we take of a configuration has the form that the image specification gives it."""
    runs = configured.get("config") or {}
    if not isinstance(runs, dict):
        return False
    env, labels = runs.get("Env") or [], runs.get("Labels") or {}
    texts = [configured.get(key) or "" for key in ("os", "architecture", "variant")]
    try:
        as_bytes(configured)
    except UnicodeEncodeError:  # half a character, which JSON can write and UTF-8 cannot
        return False
    return (
        isinstance(env, list)
        and isinstance(labels, dict)
        and all(isinstance(text, str) for text in (*texts, *env, *configured["rootfs"]["diff_ids"]))
    )


def config_of(base: Base, layers: Sequence[Layer], runs: HowItRuns) -> bytes:
    """The configuration of an image: the base's, with what is added. Nothing of a person, a place or a time."""
    inherited = dict(base.config.get("config") or {})
    env = dict(_variable(line) for line in inherited.get("Env") or ()) | dict(runs.env)
    own = {
        **{key: inherited[key] for key in ("User", "StopSignal", "Volumes", "ExposedPorts") if inherited.get(key)},
        "Env": [f"{name}={value}" for name, value in env.items()],
        "Entrypoint": list(runs.entrypoint),
        "Cmd": ["serve"],
        "WorkingDir": runs.working_dir,
        "Labels": {**(inherited.get("Labels") or {}), **dict(runs.labels)},
    }
    return as_bytes(
        {
            "architecture": base.platform[1],
            "os": base.platform[0],
            **({"variant": base.config["variant"]} if base.config.get("variant") else {}),
            "created": CREATED,
            "config": own,
            "rootfs": {"type": "layers", "diff_ids": [*base.diff_ids, *(layer.diff_id for layer in layers)]},
        }
    )


def manifest_of(
    base: Base, layers: Sequence[Layer], config: bytes, *, annotations: Mapping[str, str] | None = None
) -> bytes:
    """The manifest of an image."""
    return as_bytes(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": blob_of(config, CONFIG).descriptor(),
            "layers": [
                *(layer.descriptor() for layer in base.layers),
                *(layer.descriptor() for layer in layers),
            ],
            "annotations": {
                **({BASE_DIGEST: base.digest} if base.digest else {}),
                **({BASE_NAME: base.name} if base.name else {}),
                **(annotations or {}),
            },
        }
    )


def stands_on_image(manifest: bytes) -> bool:
    """Whether an image of ours has a base; on one machine it may have none."""
    annotations = as_object(manifest).get("annotations")
    return isinstance(annotations, dict) and bool(annotations.get(BASE_DIGEST))


def base_name(manifest: bytes) -> str:
    """What an image says that it stands on; "" where it says nothing."""
    match as_object(manifest).get("annotations"):
        case {"org.opencontainers.image.base.name": str(name)}:
            return name
    return ""


def blob_of(content: bytes, media_type: str) -> Blob:
    """What a manifest says of some bytes."""
    return Blob(digest=digest_of(content), size=len(content), media_type=media_type)


def digest_of(content: bytes) -> str:
    """`sha256:…` of some bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def as_bytes(content: Mapping[str, Any]) -> bytes:
    """JSON that is the same wherever it is written."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def as_object(content: bytes) -> dict[str, Any]:
    """The object in some JSON; an empty one where there is none."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _blob(descriptor: Any) -> Blob:
    match descriptor:
        case {"digest": str(digest), "size": int(size), "mediaType": str(media_type)}:
            return Blob(digest=digest, size=size, media_type=_OCI_LAYER.get(media_type, media_type))
    raise StoreRefused("The manifest of this image names a layer without a digest, a size or a type.")


def _variable(line: str) -> tuple[str, str]:
    name, _, value = line.partition("=")
    return name, value
