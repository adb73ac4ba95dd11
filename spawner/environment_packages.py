"""What lets a person install packages in a workspace, as a wheel that is in every environment: `images/packages`.

The real pip is in it, by its hash, where the environment's own Python never looks: so nothing writes with it into what
all people share.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from spawner.data_directory import default_cache_directory
from spawner.environment_build import uv_command
from spawner.own_wheel import alone, copy_files, hash_of, pack, run

SOURCE: Final = Path(__file__).parent.parent / "images" / "packages"
FILES: Final = ("pyproject.toml", "studiolo_packages.pth", "studiolo_packages", "pip.lock")
WHEEL: Final = "studiolo_packages-0.1.0-py3-none-any.whl"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagesWheel:
    """The wheel of one checkout."""

    source: Path = SOURCE
    cache: Path | None = None
    """None: this machine's cache."""
    index_url: str | None = None
    """Where pip comes from. None: from where uv gets everything."""

    def inputs(self) -> str:
        """What it is made from, in one word. OSError where a file cannot be read."""
        return hash_of(self.source, FILES)

    def made(self) -> Path:
        """Where it lies; made first where it does not. BuildFailed where it cannot be made."""
        wheel = self._place()
        if wheel.exists():
            return wheel
        with alone(wheel.parent.parent):
            if not wheel.exists():
                with tempfile.TemporaryDirectory(dir=wheel.parent.parent) as temporary:
                    folder = Path(temporary, "packages")
                    copy_files(self.source, FILES, folder)
                    for program in (folder / "studiolo_packages" / "bin").iterdir():
                        program.chmod(0o755)
                    self._bring_pip(folder)
                    pack(folder, wheel, what="what lets people install packages")
        return wheel

    def is_made(self) -> bool:
        """Whether it only has to be picked up."""
        return self._place().exists()

    def _bring_pip(self, folder: Path) -> None:
        target = folder / "studiolo_packages" / "pip"
        index = () if self.index_url is None else ("--default-index", self.index_url)
        command = (*uv_command(), "pip", "install", "--quiet", "--python", sys.executable, "--target", str(target))
        options = ("--require-hashes", "--no-deps", "--only-binary", ":all:", "--link-mode", "copy", *index)
        run((*command, *options, "--requirements", "pip.lock"), cwd=folder, what="Getting pip")
        shutil.rmtree(target / "bin")
        (target / ".lock").unlink(missing_ok=True)

    def _place(self) -> Path:
        return (self.cache or default_cache_directory()) / "packages" / f"wheel-{self.inputs()[:16]}" / WHEEL
