"""Every key of the three catalogs, once: the check, the editors' JSON Schema and the suggestions are made from it."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from studiolo.catalog_folder_keys import FOLDER_KEYS
from studiolo.catalog_keys import MOST_ENTRIES, Key, block_schema, list_schema, text_schema
from studiolo.catalog_model import APPS, DEFAULT_CURRENCY, DEFAULT_TIMEZONE
from studiolo.catalog_placement_keys import PLACEMENT_KEYS
from studiolo.catalog_warm_keys import WARM_KEYS

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_NAME: Final = 40
"""Characters of an entry's name: it becomes part of links, labels and metrics."""

LONGEST_TITLE: Final = 60
"""Characters: what fits on a card of the spawn page in two lines."""

LONGEST_SUMMARY: Final = 300
"""Characters: what fits on a card without pushing the others away."""

LONGEST_TEAM: Final = 255
"""Characters: what JupyterHub's database keeps of a group's name."""

LONGEST_VALUE: Final = 1_000
"""Characters of an image reference, a path or a program. More is not what somebody wanted to write."""

LONGEST_RESOURCE: Final = 317
"""Characters: 253 of a domain, a slash, 63 of a name (Kubernetes reference, "Labels and Selectors")."""

MOST_GPUS: Final = 1_000
"""Devices of one workspace. More is a slip of the pen."""

LEAST_MEMORY_BYTES: Final = 2**20
"""A MiB. Less is a number that lost its unit."""

HIGHEST_PRICE: Final = 1_000_000
"""An hour of anything costs less."""

NAME_PATTERN: Final = "[a-z][a-z0-9]*(-[a-z0-9]+)*"
PROGRAM_PATTERN: Final = "[A-Za-z0-9_][A-Za-z0-9._+-]*"
GPU_RESOURCE_PATTERN: Final = "[a-z0-9]([a-z0-9.-]*[a-z0-9])?/[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"
IMAGE_NAME_PATTERN: Final = (
    "([A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?/)?[a-z0-9]+((\\.|__?|-+)[a-z0-9]+)*(/[a-z0-9]+((\\.|__?|-+)[a-z0-9]+)*)*"
)
"""A repository as the OCI distribution specification writes it, with the registry's address before it."""
IMAGE_TAG_PATTERN: Final = "[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
DIGEST_PATTERN: Final = "sha256:[0-9a-f]{64}"


_CPU_AMOUNT: Final = {
    "anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?m?$"}]
}
_MEMORY_AMOUNT: Final = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)$"}

_DEFAULT: Final = Key(
    name="default",
    example="true",
    description="What people get who do not choose. At most one entry of a file says true.",
    value={"type": "boolean"},
)
_SHOWN_KEYS: Final = (
    Key(
        name="title",
        example="Everyday work",
        description="What the card is called.",
        value=text_schema(LONGEST_TITLE),
        is_required=True,
    ),
    Key(
        name="summary",
        example="JupyterLab with NumPy and pandas",
        description="One or two sentences below the title.",
        value=text_schema(LONGEST_SUMMARY),
    ),
    Key(
        name="teams",
        example="[vision]",
        description="Who may choose it: names of teams (JupyterHub groups). Leave it out for everyone.",
        value=list_schema(text_schema(LONGEST_TEAM)),
    ),
)
_ENTRY_KEYS: Final = (*_SHOWN_KEYS, _DEFAULT)

DATA_KEYS: Final = (
    *_SHOWN_KEYS,
    *FOLDER_KEYS,
)

ENVIRONMENT_KEYS: Final = (
    *_ENTRY_KEYS,
    Key(
        name="image",
        example="registry.example.org/python@sha256:…",
        description="The image for Kubernetes, with its digest: name@sha256:… (a tag before the @ is allowed).",
        value={"type": "string", "pattern": f"^{IMAGE_NAME_PATTERN}(:{IMAGE_TAG_PATTERN})?@{DIGEST_PATTERN}$"},
    ),
    Key(
        name="requirements",
        example="images/python/requirements.lock",
        description="The lock file for one machine, below the directory of this file.",
        value=text_schema(LONGEST_VALUE),
    ),
    Key(
        name="programs",
        example="[Rscript]",
        description="Programs that must be on PATH on one machine, because a lock file cannot bring them.",
        value=list_schema({"type": "string", "pattern": f"^{PROGRAM_PATTERN}$"}),
    ),
    Key(
        name="apps",
        example="[tensorboard]",
        description="Apps beside JupyterLab, opened from the home page.",
        value=list_schema({"enum": sorted(APPS)}),
    ),
)

CPU_KEYS: Final = (
    Key(name="request", example="1", description="Cores that are kept for the workspace.", value=_CPU_AMOUNT),
    Key(
        name="limit",
        example="4",
        description="The most cores it may use when others leave them idle.",
        value=_CPU_AMOUNT,
    ),
)

GPU_KEYS: Final = (
    Key(
        name="resource",
        example="nvidia.com/gpu",
        description="What Kubernetes calls the device, such as nvidia.com/gpu.",
        value={"type": "string", "pattern": f"^{GPU_RESOURCE_PATTERN}$"},
        is_required=True,
    ),
    Key(
        name="count",
        example="1",
        description="Whole devices; 1 when left out.",
        value={"type": "integer", "minimum": 1, "maximum": MOST_GPUS},
    ),
)

_LIMIT: Final = {"type": "string", "pattern": r"^(([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?|never)$", "minLength": 2}

IDLE_KEYS: Final = (
    Key(
        name="stop_after",
        example="2h",
        description="How long nobody may have used it: 2h, 1h30m, or never.",
        value=_LIMIT,
        is_required=True,
    ),
)


HARDWARE_KEYS: Final = (
    *_ENTRY_KEYS,
    Key(
        name="cpu",
        example="{request: 1, limit: 4}",
        description='Cores: 2, "500m", or {request: 1, limit: 4}.',
        value={"anyOf": [*_CPU_AMOUNT["anyOf"], {**block_schema(CPU_KEYS), "minProperties": 1}]},
        is_required=True,
    ),
    Key(
        name="memory", example="16Gi", description="Memory with its unit: 16Gi.", value=_MEMORY_AMOUNT, is_required=True
    ),
    Key(
        name="gpu",
        example="{resource: nvidia.com/gpu, count: 1}",
        description="Whole GPUs: {resource: nvidia.com/gpu, count: 1}. Leave it out for none.",
        value=block_schema(GPU_KEYS),
    ),
    Key(
        name="price_per_hour",
        example="1.20",
        description="Shown on the card, in the file's currency.",
        value={"type": "number", "minimum": 0, "exclusiveMaximum": HIGHEST_PRICE},
    ),
    Key(
        name="idle",
        example="{stop_after: 2h}",
        description="Stop a workspace that nobody has used for so long: {stop_after: 2h}. never: not at all.",
        value=block_schema(IDLE_KEYS),
    ),
    Key(
        name="max_age",
        example="24h",
        description="Stop a workspace so long after its start, in use or not: 24h. never: not at all.",
        value=_LIMIT,
    ),
    Key(
        name="scratch",
        example="50Gi",
        description="Disk for what may be lost, at /scratch: empty at the start, removed when the workspace ends.",
        value=_MEMORY_AMOUNT,
    ),
    *PLACEMENT_KEYS,
    Key(
        name="warm",
        example="{slots: 2}",
        description="On Kubernetes: room that is held free, so that a start need not wait for a node.",
        value=block_schema(WARM_KEYS),
    ),
    Key(
        name="ephemeral_storage",
        example="20Gi",
        description="On Kubernetes: the node's own disk that a workspace may fill, outside of the home.",
        value=_MEMORY_AMOUNT,
    ),
)


def _entries(keys: tuple[Key, ...], **more: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "minProperties": 1,
        "maxProperties": MOST_ENTRIES,
        "propertyNames": {"pattern": f"^{NAME_PATTERN}$", "maxLength": LONGEST_NAME},
        "additionalProperties": {**block_schema(keys), **more},
    }


ENVIRONMENTS_TOP_KEYS: Final = (
    Key(
        name="environments",
        example="{python: {title: Python, requirements: images/python/requirements.lock}}",
        description="Software to choose from, by name, in the order of the page.",
        value=_entries(ENVIRONMENT_KEYS, anyOf=[{"required": ["image"]}, {"required": ["requirements"]}]),
        is_required=True,
    ),
)

DATA_TOP_KEYS: Final = (
    Key(
        name="data",
        example="{imagenet: {title: ImageNet, claim: datasets, folder: imagenet, path: /srv/datasets/imagenet}}",
        description="Files to have beside the home, by name, in the order of the page.",
        value=_entries(DATA_KEYS, anyOf=[{"required": ["claim"]}, {"required": ["path"]}]),
        is_required=True,
    ),
)

HARDWARE_TOP_KEYS: Final = (
    Key(
        name="hardware",
        example="{small: {title: Small, cpu: 2, memory: 4Gi}}",
        description="Machine shapes to choose from, by name, in the order of the page.",
        value=_entries(HARDWARE_KEYS),
        is_required=True,
    ),
    Key(
        name="currency",
        example="EUR",
        description=f"The currency of the prices, as three letters; {DEFAULT_CURRENCY} when left out.",
        value={"type": "string", "pattern": "^[A-Z]{3}$"},
    ),
    Key(
        name="timezone",
        example="Europe/Rome",
        description=f"The time zone of times on the pages, such as Europe/Rome; {DEFAULT_TIMEZONE} when left out.",
        value=text_schema(100),
    ),
)

SCHEMAS: Final[Mapping[str, tuple[Key, ...]]] = MappingProxyType(
    {"environments": ENVIRONMENTS_TOP_KEYS, "hardware": HARDWARE_TOP_KEYS, "data": DATA_TOP_KEYS}
)
"""The catalogs an editor can have a schema for, by name."""


def json_schema(name: str) -> dict[str, Any]:
    """The JSON Schema of one catalog, as it is committed under studiolo/schema/."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": f"Studiolo: {name}.yaml",
        "description": "Made by `studiolo catalog schema --write`; the keys are in studiolo/catalog_schema.py.",
        **block_schema(SCHEMAS[name]),
    }
