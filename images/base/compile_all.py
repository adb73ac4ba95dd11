"""Compiles every Python file below the folders named, once and for good: python3 compile_all.py FOLDER…

`python -m compileall` writes all files anew; in an image each would lie in two layers. This one leaves alone what is
compiled with an unchecked hash of the very source beside it.
"""

from __future__ import annotations

import importlib.util
import os
import py_compile
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

HEAD_BYTES = 16
UNCHECKED_HASH = (0b01).to_bytes(4, "little")


def is_compiled(source: Path) -> bool:
    """Whether what lies beside the source was made from it, and will not be checked again."""
    try:
        with Path(importlib.util.cache_from_source(str(source))).open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return False
    expected = importlib.util.MAGIC_NUMBER + UNCHECKED_HASH + importlib.util.source_hash(source.read_bytes())
    return head == expected


def settle(source: Path) -> None:
    """Compiles one file; those that are no Python of this version (templates, Python 2) are left."""
    if is_compiled(source):
        return
    warnings.simplefilter("ignore")
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(source), invalidation_mode=mode, quiet=2)


def main() -> None:
    """Compiles on all cores."""
    sources = sorted(source for folder in sys.argv[1:] for source in Path(folder).rglob("*.py") if source.is_file())
    with ProcessPoolExecutor(os.cpu_count()) as workers:
        for _ in workers.map(settle, sources, chunksize=64):
            pass


if __name__ == "__main__":
    main()
