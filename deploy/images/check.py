"""Checks one image against all rules: from an OCI layout on disk, from a registry, or from our own store."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.images.image_files import Kind, read_image
from deploy.images.ingredients import run
from deploy.images.rules import Facts, broken
from deploy.images.secrets_in_files import may_hold_secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.images.buildah import ImageStore
    from deploy.images.image_files import Entry
    from deploy.images.rules import Finding

OF_PYTHON: Final = (".py", ".pyc", ".json", "pyvenv.cfg", ".dist-info/METADATA")
"""What the rules read of an environment; libraries of gigabytes are passed over."""


def check_layout(layout: Path, *, hub_version: str) -> tuple[Finding, ...]:
    """What is wrong with the image of an OCI layout. Raises NotAnImageError."""
    with tempfile.TemporaryDirectory(prefix="studiolo-check-") as scratch:
        image = read_image(layout, Path(scratch), wants=is_looked_into)
        return broken(Facts(image, hub_version=hub_version))


def is_looked_into(path: str, entry: Entry) -> bool:
    """Whether the rules need what the file holds, and not only its name."""
    return entry.kind is Kind.FILE and (path.endswith(OF_PYTHON) or may_hold_secret(path, entry.size))


@contextlib.contextmanager
def layout_of(reference: str, *, store: ImageStore, plain_http: bool) -> Iterator[Path]:
    """An OCI layout with the image: the folder itself, or one that is fetched and removed again."""
    folder = Path(reference)
    if folder.is_dir():
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="studiolo-image-") as temporary:
        layout = Path(temporary, "image")
        if reference.startswith("localhost/"):
            store.save(reference, layout)
        else:
            verify = f"--src-tls-verify={str(not plain_http).lower()}"
            # skopeo takes a digest or a tag, and we write both.
            name, at, digest = reference.partition("@")
            repository = name if ":" not in name.rpartition("/")[2] else name.rpartition(":")[0]
            source = f"docker://{repository}@{digest}" if at else f"docker://{name}"
            run(["skopeo", "copy", "--quiet", verify, source, f"oci:{layout}"], what=f"Fetching {reference}")
        yield layout
