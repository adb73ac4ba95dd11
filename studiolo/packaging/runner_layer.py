"""The layer with what starts a model. The same for everybody, so a registry has it once."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Final

from studiolo.packaging.assemble import ReadyLayer
from studiolo.packaging.layers import Compression, LayerFile, write_layer
from studiolo.packaging.plan import RUNNER

IN_WHEEL: Final = Path(__file__).parent / "runtime"
IN_CHECKOUT: Final = Path(__file__).parents[2] / "images" / "runtime"


def runner_folder() -> Path:
    """Where the runner lies: in the wheel beside this file, in a checkout where it is written."""
    return IN_WHEEL if IN_WHEEL.is_dir() else IN_CHECKOUT


@cache
def runner_layer(compression: Compression = Compression.ZSTD) -> ReadyLayer:
    """The layer, and its bytes, which are few."""
    folder = runner_folder()
    files = [
        LayerFile(
            path=f"{RUNNER}/{path.relative_to(folder).as_posix()}", size=path.stat().st_size, read=path.read_bytes
        )
        for path in sorted(folder.rglob("*.py"))
    ]
    target = io.BytesIO()
    layer = write_layer(files, target, compression=compression)
    content = target.getvalue()
    return ReadyLayer(layer=layer, opened=lambda: io.BytesIO(content))
