"""What the keys of data.yaml may say: claim, folder, path and mount, and what must hold between them.

Each function gives a value for the model, or None with the problem noted.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from studiolo.catalog_folder_keys import DATA, FOLDER_PATTERN, LONGEST_PATH
from studiolo.catalog_placement_keys import OBJECT_NAME_PATTERN
from studiolo.problems import Problem, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from studiolo.catalog_entries import Mention
    from studiolo.catalog_reading import Value


def claim(value: Value) -> str | None:
    """The name of a PersistentVolumeClaim."""
    text = value.text(longest=LONGEST_PATH, example="datasets")
    if text is None or re.fullmatch(OBJECT_NAME_PATTERN, text):
        return text
    value.error(f"{quoted(text)} is not the name of a claim: lower-case letters, digits, hyphens and dots only.")
    return None


def folder(value: Value) -> str | None:
    """A folder of a volume, from its top."""
    text = value.text(longest=LONGEST_PATH, example="public/imagenet")
    if text is None or _is_folder(text):
        return text
    value.error(
        f"{quoted(text)} is not a folder of the volume. Write it from the top of the volume, without a slash before "
        'it or behind it and without "..", such as public/imagenet: letters, digits and . _ - only.'
    )
    return None


def path(value: Value, *, must_exist: bool) -> Path | None:
    """A folder of this machine. That it is not there is a warning: the disk with it may come."""
    text = value.text(longest=LONGEST_PATH, example="/srv/datasets/imagenet")
    if text is None:
        return None
    parts = PurePosixPath(text).parts
    if not text.startswith("/") or ".." in parts:
        value.error(f'{quoted(text)} is not a whole path. Begin it with a slash, and write it without "..".')
        return None
    if parts in {("/",), ("//",)}:
        value.error("This is the whole machine. Name a folder below it, such as /srv/datasets.")
        return None
    found = Path(text)
    try:
        is_there = not must_exist or found.is_dir()
    except OSError:
        is_there = False
    if not is_there:
        value.warn(f"There is no folder {quoted(text)} now. Whoever chooses it cannot start until there is one.")
    return found


def mount(value: Value) -> str | None:
    """Where a workspace has it: below /data."""
    text = value.text(longest=LONGEST_PATH, example=f"{DATA}/imagenet")
    if text is None:
        return None
    head, below = text[: len(DATA) + 1], text[len(DATA) + 1 :]
    if head == f"{DATA}/" and _is_folder(below):
        return text
    value.error(
        f"{quoted(text)} is not a folder below {DATA}. Write such as {DATA}/imagenet: letters, digits and . _ - only, "
        'without "..".'
    )
    return None


def check_places(entry: Value, places: Mapping[str, Value]) -> None:
    """An entry lies somewhere, and a folder of a volume has a volume."""
    if entry.is_block and not {"claim", "path"} & places.keys():
        entry.error(
            "Nothing says where the files are. Add claim (for Kubernetes), path (for one machine), or both.",
            at=entry.key_place,
        )
    if "folder" in places and "claim" not in places:
        places["folder"].error("This is a folder of which volume? Name its claim too, or write path for one machine.")


def check_mounts(mounts: Iterable[Mention]) -> Iterator[Problem]:
    """Two entries cannot have one place, nor one a place inside of another's."""
    known: dict[str, Mention] = {}
    for one in mounts:
        parents = [one.text, *(str(parent) for parent in PurePosixPath(one.text).parents)]
        other = next((known[parent] for parent in parents if parent in known), None)
        other = other or next((known[text] for text in known if text.startswith(f"{one.text}/")), None)
        known.setdefault(one.text, one)
        if other is not None and other.entry != one.entry:
            yield Problem(
                file=one.file,
                line=one.place.line,
                column=one.place.column,
                path=one.path,
                message=f"{one.text} and {other.text} of {quoted(other.entry)} (line {other.place.line}) cannot be had "
                "together. Give this one a place of its own.",
            )


def _is_folder(text: str) -> bool:
    return re.fullmatch(FOLDER_PATTERN, text) is not None
