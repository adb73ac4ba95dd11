"""What the keys about software may say: image, lock file, programs, apps, and for both files teams.

Each function gives a value for the model, or None with the problem noted.
"""

from __future__ import annotations

import re
import stat
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from studiolo.catalog_model import APPS
from studiolo.catalog_schema import (
    DIGEST_PATTERN,
    IMAGE_NAME_PATTERN,
    IMAGE_TAG_PATTERN,
    LONGEST_TEAM,
    LONGEST_VALUE,
    PROGRAM_PATTERN,
)
from studiolo.problems import listed, perhaps, quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from studiolo.catalog_reading import Value

LARGEST_LOCK: Final = 8 * 2**20
"""Bytes of a lock file that are searched for an app's packages; the largest of ours has a quarter of a MiB."""

_LOCKED_NAME = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*) *(?:\[[^\]]*\] *)?(?:==|@)", re.MULTILINE)


def image(value: Value) -> str | None:
    """An image reference with its digest."""
    text = value.text(longest=LONGEST_VALUE, example="registry.example.org/python@sha256:…")
    if text is None:
        return None
    name, at, digest = text.partition("@")
    repository, tag = _repository_and_tag(name)
    if re.match("[a-z]+://", text):
        value.error(f"{quoted(text)} is an address, and an image has none. Leave out what stands before the name.")
    elif not re.fullmatch(IMAGE_NAME_PATTERN, repository):
        value.error(f"{quoted(repository)} is not the name of an image: lower-case letters, digits and . _ - / only.")
    elif tag is not None and not re.fullmatch(IMAGE_TAG_PATTERN, tag):
        value.error(f"{quoted(tag)} is not a tag. Correct it, or leave it out: the digest alone decides what runs.")
    elif not at:
        what = "a tag but no digest" if tag else "no digest"
        value.error(
            f"{quoted(text)} has {what}. Running workspaces would change under their users. Add @sha256:… to the name."
        )
    elif not re.fullmatch(DIGEST_PATTERN, digest):
        value.error(f"The digest {quoted(digest)} is not sha256: and 64 hexadecimal digits (0-9, a-f). Copy it again.")
    else:
        return text
    return None


def requirements(value: Value, directory: Path, *, must_exist: bool) -> Path | None:
    """The absolute path of a lock file below the catalog's directory."""
    text = value.text(longest=LONGEST_VALUE, example="images/python/requirements.lock")
    if text is None:
        return None
    relative = PurePosixPath(text)
    if relative.is_absolute() or text.startswith("~"):
        value.error(f"{quoted(text)} is not below the directory of this file. Write a path that begins there.")
        return None
    if ".." in relative.parts:
        value.error(f'{quoted(text)} leads out of the directory of this file. Keep the lock below it, without "..".')
        return None
    try:
        path = (directory / relative).absolute()
        is_file = not must_exist or stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        what = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
        value.error(f"{quoted(text)} {what}. Correct the path, or make the lock: one machine builds from it.")
        return None
    if not is_file:
        value.error(f"{quoted(text)} is not a file. Name the lock file itself.")
        return None
    return path


def programs(value: Value) -> tuple[str, ...]:
    """Names of programs, without folders."""
    found = []
    for item, text in _texts(value, of="programs", example="[Rscript]", longest=LONGEST_VALUE):
        if re.fullmatch(PROGRAM_PATTERN, text):
            found.append(text)
        else:
            item.error(f"{quoted(text)} is not the name of a program. Write it as it is typed, without folders.")
    return tuple(found)


def apps(value: Value) -> tuple[str, ...]:
    """Apps of the fixed table."""
    found = []
    for item, text in _texts(value, of="apps", example=f"[{next(iter(APPS))}]", longest=LONGEST_VALUE):
        if text in APPS:
            found.append(text)
        else:
            hint = perhaps(text, APPS) or f" Known apps: {listed(sorted(APPS))}."
            item.error(f"There is no app {quoted(text)}.{hint}")
    return tuple(found)


def teams(value: Value) -> tuple[tuple[Value, str], ...]:
    """Names of teams, each with its place."""
    return tuple(_texts(value, of="teams", example="[vision]", longest=LONGEST_TEAM))


def packages_missing_from_lock(lock: Path, packages: Collection[str]) -> tuple[str, ...]:
    """Those of the packages that a lock file does not name. A lock that cannot be read lacks nothing we know of."""
    try:
        with lock.open("rb") as file:
            text = file.read(LARGEST_LOCK).decode("utf-8", "replace")
    except OSError:
        return ()
    named = {re.sub("[-_.]+", "-", name).lower() for name in _LOCKED_NAME.findall(text)}
    return tuple(package for package in packages if package not in named)


def _texts(value: Value, *, of: str, example: str, longest: int) -> Iterator[tuple[Value, str]]:
    """The texts of a list, each once; one that comes again is noted."""
    seen: set[str] = set()
    for item in value.items(of=of, example=example) or ():
        text = item.text(longest=longest, example=example.strip("[]"))
        if text is None:
            continue
        if text in seen:
            item.warn(f"{quoted(text)} is in this list twice. Remove one.")
            continue
        seen.add(text)
        yield item, text


def _repository_and_tag(name: str) -> tuple[str, str | None]:
    """`host:5000/name:tag` in two: a colon before the last slash belongs to the host."""
    folder, slash, last = name.rpartition("/")
    last, colon, tag = last.partition(":")
    return f"{folder}{slash}{last}", tag if colon else None
