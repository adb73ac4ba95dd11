"""Whether what a builder pushed is what was asked for: the base, and one layer more. Pure.

In the builder ran what somebody asked for, so its answer is a stranger's. It may have changed files; it may not have
changed what is started, as whom, and with which variables, nor put another base below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from studiolo.packaging.errors import StoreRefused
from studiolo.packaging.images import as_object, digest_of, read_base
from studiolo.problems import quoted
from studiolo.quantities import format_memory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from studiolo.packaging.images import Base
    from studiolo.packaging.stores import Manifest

LARGEST_CONFIG: Final = 1024 * 1024
"""Bytes. That of an image with a hundred steps has 50 KiB."""

MARK: Final = "io.buildah.version"
"""A label that buildah sets; which version built a base is nobody's choice."""

LAYERS: Final = frozenset(f"application/vnd.oci.image.layer.v1.tar{kind}" for kind in ("", "+gzip", "+zstd"))


class ResultRefused(StoreRefused):
    """A builder pushed something else than it was asked for."""

    code = "derived_base_refused"


def config_digest(manifest: Manifest) -> str:
    """Where the configuration of an image is. Raises ResultRefused where it names none, or one that is too large."""
    match as_object(manifest.content).get("config"):
        case {"digest": str(digest), "size": int(size)} if 0 < size <= LARGEST_CONFIG:
            return digest
    raise ResultRefused("The build pushed something that is no image.")


def check_result(base: Base, manifest: Manifest, config: bytes, *, most_bytes: int, name: str) -> Base:
    """The derived base. Raises ResultRefused, or StoreRefused where it is no image at all."""
    if config_digest(manifest) != digest_of(config):
        raise ResultRefused("The configuration of what the build pushed is damaged.")
    found = read_base(manifest.content, config, digest=manifest.digest, name=name)
    count = len(base.layers)
    if found.layers[:count] != base.layers or found.diff_ids[:count] != base.diff_ids:
        raise ResultRefused("What the build pushed does not stand on the base that was asked for.")
    more = found.layers[count:]
    if len(more) != 1:
        raise ResultRefused(f"The build added {len(more)} layers to its base, and one is what it is for.")
    if more[0].media_type not in LAYERS:
        raise ResultRefused(f"The build added a layer of the kind {quoted(more[0].media_type)}, which none is.")
    if not 0 < more[0].size <= most_bytes:
        raise ResultRefused(
            f"What the build added takes {format_memory(more[0].size)}, and {format_memory(most_bytes)} is the most "
            "(models.slowBuild.mostBytes)."
        )
    if changed := _changed(base.config, found.config):
        raise ResultRefused(f"The build changed what the image says of itself ({', '.join(changed)}), which none may.")
    return found


def more_bytes_of(base: Base, derived: Base) -> int:
    """What a derived base has beyond its base."""
    return sum(one.size for one in derived.layers[len(base.layers) :])


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Names of what differs: what is started, as whom, with which variables; for which machine."""
    told, found = (_said(one.get("config")) for one in (before, after))
    differs = [name for name in sorted({*told, *found}) if told.get(name) != found.get(name)]
    return differs + [name for name in ("architecture", "os", "variant") if before.get(name) != after.get(name)]


def _said(config: Any) -> dict[str, Any]:
    """What a configuration says; an empty list is the same as none. `read_base` has looked at its form."""
    if not isinstance(config, dict):
        return {}
    said = {name: value for name, value in config.items() if value}
    labels = {name: value for name, value in (said.pop("Labels", None) or {}).items() if name != MARK}
    return {**said, "Labels": labels} if labels else said
