"""What the keys of data.yaml may say: claim, folder, path and mount, and what must hold between them.

Each function gives a value for the model, or None with the problem noted.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from studiolo.catalog_folder_keys import DATA, FOLDER_PATTERN, LONGEST_PATH
from studiolo.catalog_placement_keys import OBJECT_NAME_PATTERN
from studiolo.problems import Problem, quoted
from studiolo.quantities import QuantityError, duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from studiolo.catalog_entries import Mention
    from studiolo.catalog_reading import Value

SHORTEST_AGE: Final = timedelta(days=1)
"""Under it a unit was mistaken, and what is removed does not come back."""


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


def max_age(value: Value) -> timedelta | None:
    """How old files may grow that nobody uses."""
    text = value.amount("a length of time such as 30d")
    if text is None:
        return None
    try:
        length = duration(text)
    except QuantityError as error:
        value.error(str(error))
        return None
    if length < SHORTEST_AGE:
        value.error("Files of the same day would be removed while people are asleep. Write a day or more, such as 30d.")
        return None
    return length


def check_age(places: Mapping[str, Value], facts: Mapping[str, Any], *, homes_claim: str | None) -> None:
    """Files grow old only where people may change them, and where somebody may remove them.

    `homes_claim` is the volume with the homes; "" where nobody removes anything there, None where it is not known.
    """
    aged, found = places.get("max_age"), facts.get("claim")
    if aged is None:
        return
    if facts.get("read_only", True):
        aged.error("Nobody may change these files, and all of them would be gone some day. Add read_only: false.")
    if found is None:
        return
    if "folder" not in facts:
        aged.error("Nothing is removed from the top of a volume. Name a folder of it that holds nothing else.")
    if homes_claim == "":
        aged.error(
            "On Kubernetes the home service removes old files, and there is none here. Switch it on "
            "(homes.service.enabled), or leave this out."
        )
    elif homes_claim is not None and found != homes_claim:
        aged.error(
            "On Kubernetes only the home service removes old files, and it sees the volume with the homes alone, whose "
            f"claim is {quoted(homes_claim)}. Put the folder there, beside the homes, or leave this out."
        )


def check_ages(entries: Sequence[Mapping[str, Any]], aged: Mapping[str, Value]) -> None:
    """Nothing that is kept lies in a folder from which old files are removed."""
    for outer in entries:
        for inner in entries:
            if outer["name"] in aged and inner["name"] not in aged and _holds(outer, inner):
                aged[outer["name"]].error(
                    f"The files of {quoted(inner['name'])} lie in this folder too, and would grow old with it. "
                    "Give one of the two a folder of its own."
                )


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


def _holds(outer: Mapping[str, Any], inner: Mapping[str, Any]) -> bool:
    """Whether one entry's files lie among another's, in its volume or on this machine."""
    same_claim = outer.get("claim") is not None and outer.get("claim") == inner.get("claim")
    if same_claim and PurePosixPath(inner.get("folder", "")).is_relative_to(outer.get("folder", "")):
        return True
    return "path" in outer and "path" in inner and inner["path"].is_relative_to(outer["path"])


def _is_folder(text: str) -> bool:
    return re.fullmatch(FOLDER_PATTERN, text) is not None
