"""Keys of a hardware that say on which nodes of Kubernetes its workspaces may run, in Kubernetes' own words."""

from __future__ import annotations

from typing import Final

from studiolo.catalog_keys import MOST_ENTRIES, Key, block_schema

LABEL_PREFIX: Final = r"([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?"
LABEL_KEY_PATTERN: Final = LABEL_PREFIX + r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
LABEL_VALUE_PATTERN: Final = r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?"
OBJECT_NAME_PATTERN: Final = r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?"
"""Kubernetes reference, "Labels and Selectors" and "Object Names and IDs"."""

TAINT_EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")
TOLERATION_OPERATORS: Final = ("Equal", "Exists")
NODE_OPERATORS: Final = ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt")
HIGHEST_WEIGHT: Final = 100
"""Kubernetes reference, "PreferredSchedulingTerm"."""

_LABEL_KEY: Final = {"type": "string", "pattern": f"^{LABEL_KEY_PATTERN}$"}
_LABEL_VALUE: Final = {"type": "string", "pattern": f"^{LABEL_VALUE_PATTERN}$"}
_OBJECT_NAME: Final = {"type": "string", "pattern": f"^{OBJECT_NAME_PATTERN}$"}

TOLERATION_KEYS: Final = (
    Key(name="key", example="nvidia.com/gpu", description="The taint's key. Left out: every taint.", value=_LABEL_KEY),
    Key(
        name="operator",
        example="Exists",
        description="Exists: whatever its value. Equal, as when left out: with this value.",
        value={"enum": list(TOLERATION_OPERATORS)},
    ),
    Key(name="value", example="present", description="The taint's value.", value=_LABEL_VALUE),
    Key(
        name="effect",
        example="NoSchedule",
        description="The taint's effect. Left out: all of them.",
        value={"enum": list(TAINT_EFFECTS)},
    ),
)

NODE_RULE_KEYS: Final = (
    Key(name="key", example="accelerator", description="A label of nodes.", value=_LABEL_KEY, is_required=True),
    Key(
        name="operator",
        example="In",
        description="In, NotIn, Exists, DoesNotExist, Gt or Lt.",
        value={"enum": list(NODE_OPERATORS)},
        is_required=True,
    ),
    Key(
        name="values",
        example="[a100, h100]",
        description="What the label is compared with; none for Exists and DoesNotExist.",
        value={"type": "array", "items": _LABEL_VALUE, "minItems": 1, "maxItems": MOST_ENTRIES},
    ),
)

PREFERENCE_KEYS: Final = (
    Key(
        name="weight",
        example="50",
        description="How much it counts, from 1 to 100.",
        value={"type": "integer", "minimum": 1, "maximum": HIGHEST_WEIGHT},
        is_required=True,
    ),
    *NODE_RULE_KEYS,
)

AFFINITY_KEYS: Final = (
    Key(
        name="required",
        example="[{key: accelerator, operator: In, values: [a100]}]",
        description="Rules that a node has to keep, all of them.",
        value={"type": "array", "items": block_schema(NODE_RULE_KEYS), "minItems": 1, "maxItems": MOST_ENTRIES},
    ),
    Key(
        name="preferred",
        example="[{weight: 50, key: disk, operator: In, values: [ssd]}]",
        description="Rules that make one node better than another.",
        value={"type": "array", "items": block_schema(PREFERENCE_KEYS), "minItems": 1, "maxItems": MOST_ENTRIES},
    ),
)

PLACEMENT_KEYS: Final = (
    Key(
        name="node_selector",
        example="{accelerator: a100}",
        description="On Kubernetes: labels that a node must have.",
        value={
            "type": "object",
            "minProperties": 1,
            "maxProperties": MOST_ENTRIES,
            "propertyNames": {"pattern": f"^{LABEL_KEY_PATTERN}$"},
            "additionalProperties": _LABEL_VALUE,
        },
    ),
    Key(
        name="tolerations",
        example="[{key: nvidia.com/gpu, operator: Exists}]",
        description="On Kubernetes: taints of nodes that do not keep these workspaces away.",
        value={"type": "array", "items": block_schema(TOLERATION_KEYS), "minItems": 1, "maxItems": MOST_ENTRIES},
    ),
    Key(
        name="affinity",
        example="{preferred: [{weight: 50, key: disk, operator: In, values: [ssd]}]}",
        description="On Kubernetes: rules about nodes, where labels alone do not say enough.",
        value={**block_schema(AFFINITY_KEYS), "minProperties": 1},
    ),
    Key(
        name="priority_class",
        example="studiolo-workspace",
        description="On Kubernetes: the PriorityClass of these workspaces, never above the installation's own.",
        value=_OBJECT_NAME,
    ),
    Key(
        name="runtime_class",
        example="gvisor",
        description="On Kubernetes: the RuntimeClass that runs these workspaces.",
        value=_OBJECT_NAME,
    ),
)
