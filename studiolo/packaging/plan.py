"""What will be in an image, before anything is made of it. Everything that its digest depends on is here."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from studiolo.packaging.images import HowItRuns, as_bytes
from studiolo.packaging.layers import LayerFile
from studiolo.packaging.slicing import MODEL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from studiolo.packaging.inspection import Inspection
    from studiolo.packaging.project import Project

ROOT: Final = "opt/studiolo"
RUNNER: Final = f"{ROOT}/runner"
"""What starts a model; the same for everybody."""
PACKAGES: Final = f"{ROOT}/packages"
"""What a model needs and its base has not."""
PROJECT: Final = f"{ROOT}/model"
"""The folder of the notebook: where the model runs."""
ENTRY: Final = f"{ROOT}/entry"
"""The module that was made of the notebook, and the contract."""

MODULE_FILE: Final = "model.py"
CONTRACT_FILE: Final = "contract.json"

ENTRYPOINT: Final = ("python3", "-P", f"/{RUNNER}/run.py")
"""-P: a file called numpy.py in the folder must not become NumPy for the runner."""

LABEL: Final = "dev.studiolo.model"
"""Before each label."""

VERSION_LENGTH: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One package, planned."""

    inspection: Inspection
    project: Project
    source: str
    """The notebook or module, in the folder."""
    lock: str = ""
    """What is installed beside the base, as a lock with hashes; "" for nothing."""

    @property
    def contract(self) -> dict[str, Any]:
        """What the runner is told, as it lies in the image."""
        found = self.inspection
        return {
            "class": MODEL,
            "module": f"/{PROJECT}/{found.entry}" if found.entry else f"/{ENTRY}/{MODULE_FILE}",
            "folder": f"/{PROJECT}",
            "methods": [str(method) for method in found.contract.methods],
            "parameters": {str(one.method): list(one.parameters) for one in found.contract.signatures},
            "async": [str(one.method) for one in found.contract.signatures if one.is_async],
            "hyperparameters": found.contract.schema(),
            "doc": found.contract.doc,
        }

    @property
    def tree_digest(self) -> str:
        """Of the files, the module, the contract and the lock: the same content, the same digest."""
        digest = hashlib.sha256()
        parts = [self.source, self.inspection.module, self.lock, as_bytes(self.contract).decode()]
        parts += [f"{file.path}\0{file.sha256}" for file in self.project.files]
        for part in parts:
            content = part.encode("utf-8", "surrogatepass")
            digest.update(len(content).to_bytes(8, "big"))
            digest.update(content)
        return digest.hexdigest()

    @property
    def version(self) -> str:
        """What it is called where nobody calls it otherwise, and no commit does."""
        return self.tree_digest[:VERSION_LENGTH]

    def version_at(self, *, asked: str = "", commit: str = "", uncommitted: str = "") -> str:
        """What is asked for; else the commit, where everything is committed; else the digest of the files."""
        is_clean = bool(commit) and not uncommitted
        return asked or (commit[:VERSION_LENGTH] if is_clean else self.version)

    def layer_files(self) -> Iterator[LayerFile]:
        """What the project's own layer holds."""
        contract = as_bytes(self.contract)
        yield _in_memory(f"{ENTRY}/{CONTRACT_FILE}", contract)
        if not self.inspection.entry:
            yield _in_memory(f"{ENTRY}/{MODULE_FILE}", self.inspection.module.encode())
        for file in self.project.files:
            yield LayerFile(path=f"{PROJECT}/{file.path}", size=file.size, read=partial(self.project.pieces, file))

    def how_it_runs(self, *, layers: int) -> HowItRuns:
        """What the image does when it is started. `layers`: how many of its layers are not the base's."""
        labels = {
            f"{LABEL}.layers": str(layers),
            f"{LABEL}.contract": as_bytes(self.contract).decode(),
            f"{LABEL}.tree": f"sha256:{self.tree_digest}",
        }
        return HowItRuns(
            entrypoint=ENTRYPOINT,
            working_dir=f"/{PROJECT}",
            env=(("PYTHONPATH", f"/{PACKAGES}"), ("PYTHONUNBUFFERED", "1"), ("PYTHONDONTWRITEBYTECODE", "1")),
            labels=tuple(labels.items()),
        )


def _in_memory(path: str, content: bytes) -> LayerFile:
    return LayerFile(path=path, size=len(content), read=lambda: content)
