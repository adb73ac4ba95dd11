"""The page `docs/settings.md`, written from the settings themselves; a test says when it is stale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel

from hub.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD = """\
# Settings

What an operator sets in `studiolo.yaml` in the data directory. Every key has a default, an unknown one is refused with
the nearest known, and flags of `studiolo up` come before the file. This page is written from `hub/settings.py`: edit
there, then run `pytest tests/hub/test_settings_page.py --update-data`.

| Key | Default | Means |
| --- | --- | --- |
"""

DERIVED = "follows from others"
"""Of what has no default of its own, or one that only holds for this checkout."""


def render_settings_page() -> str:
    """The page as Markdown."""
    return HEAD + "".join(f"| `{key}` | {default} | {text} |\n" for key, default, text in _rows(Settings, ""))


def _rows(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str]]:
    defaults = model.model_construct().model_dump(mode="json", by_alias=True)
    for name, field in model.model_fields.items():
        key = f"{prefix}{field.alias}"
        if section := _section(field.annotation):
            yield from _rows(section, f"{key}.")
            continue
        text = " ".join((field.description or "").split())
        is_derived = "Absent:" in text or field.is_required() or name == "catalog_directory"
        value = defaults.get(str(field.alias))
        default = DERIVED if is_derived else "none" if value is None else f"`{value}`"
        yield key, default, text.replace("|", "\\|")


def _section(annotation: Any) -> type[BaseModel] | None:
    """The block that a field holds, also where it may be absent."""
    kinds = (annotation, *get_args(annotation))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
