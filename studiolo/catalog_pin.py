"""Which images of environments.yaml name no digest, and the file's text once they do.

Values are replaced where they stand. The rest of the file, its comments, order and quotes, is not touched: it belongs
to the person who wrote it.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from studiolo.catalog import ENVIRONMENTS_FILE
from studiolo.catalog_schema import IMAGE_NAME_PATTERN, IMAGE_TAG_PATTERN
from studiolo.problems import Problem, quoted
from studiolo.registry import ImageReference, Registry
from studiolo.registry_errors import RegistryError
from studiolo.yaml_file import parse_yaml, read_yaml
from studiolo.yaml_tree import Mapping, Node, Place, Scalar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MOST_AT_ONCE: Final = 8
"""Questions to registries at the same time: they count them."""

_ANCHOR = re.compile(r"&[^\s]+\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedImage:
    """An image that an entry names, and where."""

    path: str
    """`environments.python.image`"""
    place: Place
    text: str

    @property
    def is_pinned(self) -> bool:
        """Whether it names its digest."""
        return "@" in self.text

    @property
    def tag(self) -> str | None:
        """The tag that says what to look for; None where there is none."""
        _, colon, tag = self.text.partition("@")[0].rpartition("/")[2].partition(":")
        return tag if colon else None

    def with_digest(self, digest: str) -> str:
        """The same reference with a digest: the tag stays, for people."""
        return f"{self.text.partition('@')[0]}@{digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """A value that is to be written in the place of another."""

    image: NamedImage
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinning:
    """What pinning a file came to. Nothing is to be written while there are problems."""

    text: str
    replacements: tuple[Replacement, ...] = ()
    problems: tuple[Problem, ...] = ()
    failures: tuple[RegistryError, ...] = ()
    """Those of the problems that a registry caused."""


async def pin(directory: Path, registry: Registry, *, update: bool) -> Pinning:
    """The text of the directory's environments.yaml with a digest at every image; every problem at once.

    What has a digest keeps it, unless `update`: then its tag is looked up anew. Writes nothing.
    """
    path = directory / ENVIRONMENTS_FILE
    file = read_yaml(path)
    if file.root is None or file.problems:
        return Pinning(text="", problems=file.problems)
    text = path.read_bytes().decode("utf-8")
    wanted = [image for image in named_images(file.root) if _is_wanted(image, update=update)]
    found = await _digests(wanted, registry)
    replacements = tuple(
        Replacement(image=image, value=image.with_digest(digest))
        for image, digest in zip(wanted, found, strict=True)
        if isinstance(digest, str) and image.with_digest(digest) != image.text
    )
    failed = [(image, error) for image, error in zip(wanted, found, strict=True) if isinstance(error, RegistryError)]
    problems = [_problem(str(path), image, f"{error} {error.hint}".strip()) for image, error in failed]
    written, misplaced = replaced(text, replacements)
    problems += [_problem(str(path), image, _NOT_IN_PLACE) for image in misplaced]
    return Pinning(
        text=written,
        replacements=replacements,
        problems=tuple(sorted(problems, key=lambda problem: (problem.line, problem.column))),
        failures=tuple(error for _, error in failed),
    )


_NOT_IN_PLACE: Final = "The image is written in another place (*) or over several lines. Write it out here on one line."


def named_images(root: Node) -> tuple[NamedImage, ...]:
    """Every image that a document names, each place once: entries may share a value."""
    found: dict[Place, NamedImage] = {}
    for name, entry in _pairs(_value(root, "environments")):
        value = _value(entry, "image")
        if isinstance(value, Scalar) and value.text:
            image = NamedImage(path=f"environments.{name}.image", place=value.place, text=value.text)
            found.setdefault(value.place, image)
    return tuple(found.values())


def replaced(text: str, replacements: Sequence[Replacement]) -> tuple[str, tuple[NamedImage, ...]]:
    """The text with each value replaced where it stands, and those images that do not stand where they were read."""
    lines = text.splitlines(keepends=True)
    has_mark = text.startswith("\ufeff")  # counted by no editor
    misplaced = []
    # From the end of a line to its beginning: what is replaced does not move what comes before.
    for each in sorted(replacements, key=lambda each: each.image.place, reverse=True):
        line, column = each.image.place
        start = column - 1 + (has_mark and line == 1)
        before, rest = lines[line - 1][:start], lines[line - 1][start:]
        anchor = _ANCHOR.match(rest)
        before, rest = (before + anchor[0], rest[anchor.end() :]) if anchor else (before, rest)
        quote = rest[0] if rest[:1] in {'"', "'"} else ""
        old = f"{quote}{each.image.text}{quote}"
        if rest.startswith(old):
            lines[line - 1] = f"{before}{quote}{each.value}{quote}{rest[len(old) :]}"
        else:
            misplaced.append(each.image)
    return "".join(lines), tuple(reversed(misplaced))


def with_images(text: str, images: dict[str, str]) -> str:
    """The text of an environments.yaml in which the entries named have these images.

    An image that an entry has already is replaced; otherwise it becomes the entry's first key.
    """
    root = parse_yaml(text, file=ENVIRONMENTS_FILE).root
    if root is None:
        raise ValueError(f"{ENVIRONMENTS_FILE} cannot be read")
    replacements, first_keys = [], []
    for name, entry in _pairs(_value(root, "environments")):
        if name not in images or not isinstance(entry, Mapping) or not entry.pairs:
            continue
        if isinstance(there := _value(entry, "image"), Scalar):
            image = NamedImage(path=name, place=there.place, text=there.text)
            replacements.append(Replacement(image=image, value=images[name]))
        else:
            first_keys.append((entry.pairs[0].key_place, images[name]))
    lines = replaced(text, replacements)[0].splitlines(keepends=True)
    # From the end of the file to its beginning: a line that is added does not move those before it.
    for place, image_text in sorted(first_keys, reverse=True):
        before, rest = lines[place.line - 1][: place.column - 1], lines[place.line - 1][place.column - 1 :]
        # A block has one key on each line; {title: Python} has them in one.
        separator = f"\n{before}" if before.isspace() else ", "
        lines[place.line - 1] = f"{before}image: {image_text}{separator}{rest}"
    return "".join(lines)


def _is_wanted(image: NamedImage, *, update: bool) -> bool:
    name = image.text.partition("@")[0]
    host, slash, path = name.rpartition("/")
    repository, _, tag = path.partition(":")
    is_name = re.fullmatch(IMAGE_NAME_PATTERN, f"{host}{slash}{repository}") is not None
    # What is no reference at all is for `catalog check` to explain.
    if not is_name or (tag and not re.fullmatch(IMAGE_TAG_PATTERN, tag)):
        return False
    return not image.is_pinned or (update and image.tag is not None)


async def _digests(images: Sequence[NamedImage], registry: Registry) -> list[str | RegistryError]:
    turns = asyncio.Semaphore(MOST_AT_ONCE)

    async def ask(image: NamedImage) -> str | RegistryError:
        async with turns:
            try:
                return await registry.digest(ImageReference.parse(image.text.partition("@")[0]))
            except RegistryError as error:
                return error

    return list(await asyncio.gather(*(ask(image) for image in images)))


def _problem(file: str, image: NamedImage, message: str) -> Problem:
    message = message if image.text in message else f"{quoted(image.text)} keeps no digest: {message}"
    return Problem(file=file, line=image.place.line, column=image.place.column, path=image.path, message=message)


def _pairs(node: Node | None) -> Iterator[tuple[str, Node]]:
    if isinstance(node, Mapping):
        yield from ((pair.key, pair.value) for pair in node.pairs)


def _value(node: Node | None, key: str) -> Node | None:
    return next((value for name, value in _pairs(node) if name == key), None)
