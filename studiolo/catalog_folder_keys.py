"""The keys of an entry of data.yaml that say where the files are and where a workspace has them."""

from __future__ import annotations

from typing import Final

from studiolo.catalog_keys import Key
from studiolo.catalog_placement_keys import OBJECT_NAME_PATTERN

LONGEST_PATH: Final = 1_000
"""Characters; file systems end at 4,096."""

_STEP: Final = "[A-Za-z0-9_][A-Za-z0-9._-]*"
FOLDER_PATTERN: Final = f"{_STEP}(/{_STEP})*"
"""Folders below each other. None begins with a dot, so none leads upwards, and none is hidden."""

DATA: Final = "/data"
"""Below it pods have their data."""

FOLDER_KEYS: Final = (
    Key(
        name="claim",
        example="datasets",
        description="For Kubernetes: a PersistentVolumeClaim in the workspaces' namespace.",
        value={"type": "string", "pattern": f"^{OBJECT_NAME_PATTERN}$"},
    ),
    Key(
        name="folder",
        example="public/imagenet",
        description="Where in that volume the files are; its top when left out.",
        value={"type": "string", "pattern": f"^{FOLDER_PATTERN}$", "maxLength": LONGEST_PATH},
    ),
    Key(
        name="path",
        example="/srv/datasets/imagenet",
        description="For one machine: the folder, from the root of its file system.",
        value={"type": "string", "pattern": "^/.", "maxLength": LONGEST_PATH},
    ),
    Key(
        name="mount",
        example="/data/imagenet",
        description="Where a workspace has the files, below /data; /data and the entry's name when left out.",
        value={"type": "string", "pattern": f"^{DATA}/{FOLDER_PATTERN}$", "maxLength": LONGEST_PATH},
    ),
    Key(
        name="read_only",
        example="false",
        description="false: people may change the files. They may only read them when it is left out.",
        value={"type": "boolean"},
    ),
    Key(
        name="max_age",
        example="30d",
        description="Scratch: files that were neither changed nor read for so long are removed from it, for ever.",
        value={"type": "string", "minLength": 1},
    ),
)
