"""The wheel `studiolo`, which is in every environment: what a person packages, runs and asks the hub with there.

What it depends on stands in each environment's lock (`images/lock.sh`). `python -P -m spawner.environment_studiolo`
makes all wheels of ours ahead of the first workspace that would wait for them.
"""

from __future__ import annotations

import json
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from spawner.data_directory import default_cache_directory
from spawner.environment_failure import BuildFailed
from spawner.environment_lab import LabWheel
from spawner.environment_packages import PackagesWheel
from spawner.own_wheel import OwnWheel, alone, copy_files, hash_of, pack

CHECKOUT: Final = Path(__file__).parent.parent
PROJECT: Final = "pyproject.toml"
FILES: Final = ("LICENSE", "studiolo", "images/runtime")
WHEEL: Final = "studiolo-0.1.0-py3-none-any.whl"

README: Final = "Studiolo's client and command line, as it is in every workspace.\n"
"""In place of the README: no edit of that makes all environments anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudioloWheel:
    """The wheel of one checkout."""

    source: Path = CHECKOUT
    cache: Path | None = None
    """None: this machine's cache."""

    def inputs(self) -> str:
        """What it is made from, in one word. OSError where a file cannot be read."""
        project = tomllib.loads((self.source / PROJECT).read_text(encoding="utf-8"))
        # The rest of the file is about checks and tests.
        about = (project["build-system"], project["project"], project["tool"]["hatch"])
        return hash_of(self.source, FILES, README, json.dumps(about, sort_keys=True))

    def made(self) -> Path:
        """Where it lies; made first where it does not. BuildFailed where it cannot be made."""
        wheel = self._place()
        if wheel.exists():
            return wheel
        with alone(wheel.parent.parent):
            if not wheel.exists():
                with tempfile.TemporaryDirectory(dir=wheel.parent.parent) as temporary:
                    folder = Path(temporary, "studiolo")
                    copy_files(self.source, (PROJECT, *FILES), folder)
                    (folder / "README.md").write_text(README, encoding="utf-8")
                    pack(folder, wheel, what="the command studiolo")
        return wheel

    def is_made(self) -> bool:
        """Whether it only has to be picked up."""
        return self._place().exists()

    def _place(self) -> Path:
        return (self.cache or default_cache_directory()) / "studiolo" / f"wheel-{self.inputs()[:16]}" / WHEEL


def own_wheels(index_url: str | None = None) -> tuple[OwnWheel, ...]:
    """What of this checkout is in every environment. `index_url`: where one of them gets something from."""
    return (LabWheel(), PackagesWheel(index_url=index_url), StudioloWheel())


def main() -> None:
    """Makes the wheels of this checkout."""
    for wheel in own_wheels():
        if not wheel.is_made():
            sys.stderr.write("Building our part of every workspace…\n")
        try:
            sys.stdout.write(f"{wheel.made()}\n")
        except BuildFailed as failed:
            sys.exit("\n".join((*failed.log_tail, failed.reason, failed.hint or "")))


if __name__ == "__main__":
    main()
