"""What a machine remembers of its one cluster: whose it is, and what to undo when it goes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.cluster.layout import RECORD

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRecord:
    """Written before anything is changed, so that a machine that was killed in between can still be put right."""

    state: str
    """The state folder of the checkout that owns the cluster."""
    sysctls: Mapping[str, str] = field(default_factory=dict)
    """Kernel settings as they were before."""
    folders: tuple[str, ...] = ()
    """Empty folders made outside the state folder, inner ones first."""
    node_count: int = 1

    @property
    def checkout(self) -> Path:
        """The checkout that owns the cluster."""
        return Path(self.state).parent

    def with_folders(self, folders: Iterable[str]) -> ClusterRecord:
        """The same, and these were made too."""
        return replace(self, folders=(*folders, *self.folders))


def load_record() -> ClusterRecord | None:
    """Whose cluster this machine has, or None."""
    try:
        facts = json.loads(RECORD.read_text())
        return ClusterRecord(**(facts | {"folders": tuple(facts["folders"])}))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError):  # cut off by a machine that was killed: nothing was made before it
        return None


def save_record(record: ClusterRecord) -> None:
    """Write it in one step."""
    unfinished = RECORD.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(asdict(record), indent=2) + "\n")
    unfinished.replace(RECORD)


def forget_record() -> None:
    """The machine has no cluster any more."""
    RECORD.unlink(missing_ok=True)
