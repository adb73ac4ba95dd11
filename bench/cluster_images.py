"""The images that starts on a cluster are compared with: ours, and one as pip leaves it on the same base."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench.stock import CHECKOUT, LOCK
from deploy.cluster.layout import REGISTRY, layout_here
from deploy.images.buildah import ImageStore
from deploy.images.cluster_catalog import IMAGES_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTAINERFILE = Path(__file__).parent / "stock_image" / "Containerfile"


def our_images() -> Mapping[str, str]:
    """Our images by name, with their digests, as `make images` pushed them."""
    images: Mapping[str, str] = json.loads((layout_here().state / "catalog" / IMAGES_FILE).read_bytes())
    return images


def stock_image() -> str:
    """The stock image by digest, built and pushed when it is not there."""
    # With their markers: the lock names some packages twice, for different versions of Python.
    constraints = "".join(f"{line}\n" for line in re.findall(r"^([\w.-]+==[^\\\n]+)", LOCK.read_text(), re.MULTILINE))
    base = our_images()["base"]
    key = hashlib.sha256(f"{base}\n{constraints}\n{CONTAINERFILE.read_text()}".encode()).hexdigest()[:16]
    store = ImageStore(cache=layout_here().cache)
    reference = f"localhost/studiolo-bench/stock:{key}"
    if reference not in store.tags():
        with tempfile.TemporaryDirectory() as folder:
            tools = Path(folder, "tools")
            tools.mkdir()
            for name in ("install.sh", "settle.sh"):
                shutil.copy(CHECKOUT / "images" / "debian" / name, tools)
            shutil.copy(CHECKOUT / ".venv" / "bin" / "uv", tools)
            (tools / "constraints.txt").write_text(constraints)
            shutil.copy(CONTAINERFILE, folder)
            named = base.partition("@")[0].replace(f"{REGISTRY}/", "localhost/")
            store.build(reference, Path(folder), arguments={"BASE": named}, labels={}, on_line=lambda _: None)
    target = f"{REGISTRY}/studiolo-bench/stock:{key}"
    return f"{target}@{store.push(reference, target, plain_http=True)}"
