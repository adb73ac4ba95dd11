"""The catalogs for the development cluster: those that ship, with the digests that were pushed here.

They lie in `.cluster/catalog/`, so that what ships stays free of this machine's addresses.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Final

from studiolo.catalog import ENVIRONMENTS_FILE, HARDWARE_FILE
from studiolo.catalog_pin import with_images

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

IMAGES_FILE: Final = "images.json"
"""All that was pushed, also what no catalog names: hub, proxy, pause."""


def write_catalog(folder: Path, pushed: Mapping[str, str], *, checkout: Path) -> None:
    """Writes the catalogs and the list of images. Images that were pushed before, and not now, are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    images = {**_before(folder / IMAGES_FILE), **pushed}
    _write(folder / IMAGES_FILE, json.dumps(images, indent=2, sort_keys=True) + "\n")
    text = (checkout / ENVIRONMENTS_FILE).read_text(encoding="utf-8")
    _write(folder / ENVIRONMENTS_FILE, with_images(text, images))
    shutil.copyfile(checkout / HARDWARE_FILE, folder / HARDWARE_FILE)


def _before(path: Path) -> dict[str, str]:
    try:
        read = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return {str(name): str(reference) for name, reference in read.items()} if isinstance(read, dict) else {}


def _write(path: Path, text: str) -> None:
    # Beside it, then renamed: a hub that follows the file never reads half of it.
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
