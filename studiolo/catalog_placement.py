"""What the keys about nodes may say: labels, taints, rules, classes.

Each function gives a value for the model, or None with the problem noted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from studiolo.catalog_model import Affinity, NodePreference, NodeRule, Toleration
from studiolo.catalog_placement_keys import (
    AFFINITY_KEYS,
    HIGHEST_WEIGHT,
    LABEL_KEY_PATTERN,
    LABEL_VALUE_PATTERN,
    NODE_OPERATORS,
    NODE_RULE_KEYS,
    OBJECT_NAME_PATTERN,
    PREFERENCE_KEYS,
    TAINT_EFFECTS,
    TOLERATION_KEYS,
    TOLERATION_OPERATORS,
)
from studiolo.problems import listed, perhaps, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studiolo.catalog_keys import Key
    from studiolo.catalog_reading import Value

_LONGEST: Final = 317
"""Characters: 253 of a domain, a slash, 63 of a name."""

_WITHOUT_VALUES: Final = frozenset({"Exists", "DoesNotExist"})
_ONE_NUMBER: Final = frozenset({"Gt", "Lt"})


def node_selector(value: Value) -> tuple[tuple[str, str], ...] | None:
    """Labels that a node must have."""
    if value.is_empty_block:
        value.error("This block is empty. Name a label, such as {accelerator: a100}, or remove the key.")
        return None
    found = []
    for name, part in value.entries(example="{accelerator: a100}"):
        if not re.fullmatch(LABEL_KEY_PATTERN, name):
            part.error(f"{quoted(name)} is not the key of a label in Kubernetes.", at=part.key_place)
        text = _label_value(part)
        if text is not None:
            found.append((name, text))
    return tuple(found)


def tolerations(value: Value) -> tuple[Toleration, ...] | None:
    """Taints of nodes that do not keep a workspace away."""
    items = value.items(of="taints", example="[{key: nvidia.com/gpu, operator: Exists}]")
    if items is None:
        return None
    found = (_toleration(item) for item in items)
    return tuple(one for one in found if one is not None)


def affinity(value: Value) -> Affinity | None:
    """Rules about nodes, those that must hold and those that had better."""
    example = "{required: [{key: accelerator, operator: In, values: [a100]}]}"
    if value.is_empty_block:
        value.error(f"This block is empty. Write rules, such as {example}, or remove the key.")
        return None
    required: tuple[NodeRule, ...] = ()
    preferred: tuple[NodePreference, ...] = ()
    for name, part in value.fields(AFFINITY_KEYS, example=example):
        items = part.items(of="rules", example=f"[{{{name}: …}}]") or ()
        if name == "required":
            rules = (_node_rule(item) for item in items)
            required = tuple(rule for rule in rules if rule is not None)
        else:
            preferences = (_preference(item) for item in items)
            preferred = tuple(preference for preference in preferences if preference is not None)
    return Affinity(required=required, preferred=preferred)


def class_name(value: Value) -> str | None:
    """The name of a PriorityClass or a RuntimeClass."""
    text = value.text(longest=_LONGEST, example="gvisor")
    if text is None or re.fullmatch(OBJECT_NAME_PATTERN, text):
        return text
    value.error(f"{quoted(text)} is not a name in Kubernetes: lower-case letters, digits, hyphens and dots.")
    return None


def _toleration(value: Value) -> Toleration | None:
    parts: dict[str, str | None] = {}
    for name, part in value.fields(TOLERATION_KEYS, example="{key: nvidia.com/gpu, operator: Exists}"):
        match name:
            case "key":
                parts[name] = _label_key(part)
            case "value":
                parts[name] = _label_value(part)
            case "operator":
                parts[name] = _one_of(part, TOLERATION_OPERATORS)
            case _:
                parts[name] = _one_of(part, TAINT_EFFECTS)
    if not value.is_block or None in parts.values():
        return None
    operator = parts.get("operator") or "Equal"
    if operator == "Exists" and parts.get("value"):
        value.error("With the operator Exists any value is meant. Remove value, or write Equal.")
    elif operator == "Equal" and not parts.get("key"):
        value.error("Every taint is meant when there is no key. Add operator: Exists, or a key.")
    else:
        return Toleration(
            key=parts.get("key") or "",
            operator=operator,
            value=parts.get("value") or "",
            effect=parts.get("effect") or "",
        )
    return None


def _node_rule(value: Value) -> NodeRule | None:
    facts = _rule_facts(value, NODE_RULE_KEYS)
    return None if facts is None else NodeRule(key=facts[0], operator=facts[1], values=facts[2])


def _preference(value: Value) -> NodePreference | None:
    facts = _rule_facts(value, PREFERENCE_KEYS)
    if facts is None:
        return None
    return NodePreference(weight=facts[3], rule=NodeRule(key=facts[0], operator=facts[1], values=facts[2]))


def _rule_facts(value: Value, keys: tuple[Key, ...]) -> tuple[str, str, tuple[str, ...], int] | None:
    key: str | None = None
    operator: str | None = None
    values: tuple[str, ...] | None = ()
    weight: int | None = 1
    example = "{key: accelerator, operator: In, values: [a100]}"
    for name, part in value.fields(keys, example=example):
        match name:
            case "key":
                key = _label_key(part)
            case "operator":
                operator = _one_of(part, NODE_OPERATORS)
            case "weight":
                weight = _weight(part)
            case _:
                values = _label_values(part)
    if key is None or operator is None or values is None or weight is None:
        return None
    if problem := _problem_with_values(operator, values):
        value.error(problem)
        return None
    return key, operator, values, weight


def _problem_with_values(operator: str, values: tuple[str, ...]) -> str | None:
    if operator in _WITHOUT_VALUES:
        return f"With the operator {operator} nothing is compared. Remove values." if values else None
    if operator in _ONE_NUMBER:
        is_number = len(values) == 1 and re.fullmatch("-?[0-9]+", values[0], re.ASCII)
        return None if is_number else f'The operator {operator} compares with one whole number, such as ["4"].'
    return None if values else f"The operator {operator} needs values, such as [a100]."


def _label_key(value: Value) -> str | None:
    text = value.text(longest=_LONGEST, example="nvidia.com/gpu")
    if text is None or re.fullmatch(LABEL_KEY_PATTERN, text):
        return text
    value.error(f"{quoted(text)} is not the key of a label in Kubernetes. Write a name such as nvidia.com/gpu.")
    return None


def _label_value(value: Value) -> str | None:
    text = value.text(longest=_LONGEST, example="a100", may_be_empty=True)
    if text is None or re.fullmatch(LABEL_VALUE_PATTERN, text):
        return text
    value.error(
        f"{quoted(text)} is not the value of a label in Kubernetes: at most 63 letters, digits, hyphens, dots and "
        "underscores, a letter or digit at both ends."
    )
    return None


def _label_values(value: Value) -> tuple[str, ...] | None:
    items = value.items(of="values", example="[a100]")
    if items is None:
        return None
    found = [_label_value(item) for item in items]
    known = tuple(text for text in found if text is not None)
    return known if len(known) == len(found) else None


def _weight(value: Value) -> int | None:
    text = value.number("a whole number such as 50")
    if text is None:
        return None
    if re.fullmatch("[0-9]{1,3}", text, re.ASCII) and 1 <= int(text) <= HIGHEST_WEIGHT:
        return int(text)
    value.error(f"{quoted(text)} is not a weight from 1 to {HIGHEST_WEIGHT}.")
    return None


def _one_of(value: Value, known: Sequence[str]) -> str | None:
    text = value.text(longest=_LONGEST, example=known[0])
    if text is None or text in known:
        return text
    value.error(f"{quoted(text)} cannot stand here.{perhaps(text, known) or f' Write one of {listed(known)}.'}")
    return None
