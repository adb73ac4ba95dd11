"""Our part of JupyterLab as a wheel: made once on a machine for what `lab/` holds, and installed in every environment.

Two steps, each in the cache under the hash of what it is made from: the page's half, which takes npm half a minute,
and the wheel around it, which takes none.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from spawner.data_directory import default_cache_directory
from spawner.own_wheel import alone, copy_files, hash_of, pack, run

LAB: Final = Path(__file__).parent.parent / "lab"

PAGE: Final = (".npmrc", "package.json", "package-lock.json", "tsconfig.json", "rspack.config.js", "src", "style")
SERVER: Final = ("pyproject.toml", "jupyter-config", "studiolo_lab")
WHEEL: Final = "studiolo_lab-0.1.0-py3-none-any.whl"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabWheel:
    """The wheel of one checkout."""

    source: Path = LAB
    cache: Path | None = None
    """None: this machine's cache."""

    def inputs(self) -> str:
        """What it is made from, in one word. OSError where a file cannot be read."""
        return hash_of(self.source, (*PAGE, *SERVER))

    def made(self) -> Path:
        """Where it lies; made first where it does not. BuildFailed where it cannot be made."""
        cache, wheel = self._cache, self._place()
        if wheel.exists():
            return wheel
        with alone(cache):
            if not wheel.exists():
                page = cache / f"page-{hash_of(self.source, PAGE)[:16]}"
                if not page.exists():
                    self._make_page(page)
                self._make_wheel(wheel, page)
        return wheel

    def is_made(self) -> bool:
        """Whether it only has to be picked up."""
        return self._place().exists()

    @property
    def _cache(self) -> Path:
        return (self.cache or default_cache_directory()) / "lab"

    def _place(self) -> Path:
        return self._cache / f"wheel-{self.inputs()[:16]}" / WHEEL

    def _make_page(self, target: Path) -> None:
        with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
            folder = Path(temporary, "lab")
            copy_files(self.source, PAGE, folder)
            packages = ("npm", "ci", "--omit=dev", "--ignore-scripts", "--no-fund", "--no-audit", "--loglevel=error")
            reachable = "Is this machine's npm registry reachable?"
            run(packages, cwd=folder, what="Getting what our part of JupyterLab is built with", hint=reachable)
            run(("npm", "run", "--silent", "build"), cwd=folder, what="Building our part of JupyterLab")
            (folder / "labextension").rename(target)

    def _make_wheel(self, target: Path, page: Path) -> None:
        with tempfile.TemporaryDirectory(dir=target.parent.parent) as temporary:
            folder = Path(temporary, "lab")
            copy_files(self.source, SERVER, folder)
            shutil.copytree(page, folder / "labextension")
            pack(folder, target, what="our part of JupyterLab")
