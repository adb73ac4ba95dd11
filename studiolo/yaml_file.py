"""A YAML file as a tree of values with their places; what cannot be read becomes problems, not exceptions."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import yaml

from studiolo.problems import Problem
from studiolo.yaml_composer import WHOLE_FILE, Composer, StopReadingError
from studiolo.yaml_tree import START, Node, Place, Scalar
from studiolo.yaml_words import in_plain_words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LARGEST_FILE: Final = 256 * 1024
"""Bytes. Hundreds of entries fit into a tenth of it, and reading it takes seconds, not minutes."""

_UNREADABLE = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlFile:
    """What a file holds: its one document, or None with the problems that say why not."""

    file: str
    root: Node | None
    problems: tuple[Problem, ...]


def read_yaml(path: Path) -> YamlFile:
    """The document of a file. Never raises for a file that is missing, binary, huge or not YAML."""
    file = str(path)
    data = _read_bytes(path)
    if isinstance(data, str):
        return _refused(file, START, data)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # Counted in what follows a byte order mark, as editors show it.
        before = error.object[: error.start].decode("utf-8").split("\n")
        place = Place(len(before), len(before[-1]) + 1)
        return _refused(
            file, place, "This is not UTF-8 text. Save the file as UTF-8; for a binary file, choose another."
        )
    return parse_yaml(text, file=file)


def parse_yaml(text: str, *, file: str) -> YamlFile:
    """The document in a text. An empty text is a document that holds nothing."""
    unreadable = _UNREADABLE.search(text)
    if unreadable:
        before = text[: unreadable.start()].split("\n")
        code = f"U+{ord(unreadable[0]):04X}"
        message = f"The character {code} cannot stand in a YAML file. Remove it; it is invisible in many editors."
        return _refused(file, Place(len(before), len(before[-1]) + 1), message)
    composer = Composer(file=file)
    try:
        for event in _events(text):
            composer.take(event)
    except StopReadingError:
        return YamlFile(file=file, root=None, problems=tuple(composer.problems))
    except yaml.MarkedYAMLError as error:
        composer.problem(*in_plain_words(error, text))
        return YamlFile(file=file, root=None, problems=tuple(composer.problems))
    except (yaml.YAMLError, ValueError, OverflowError):
        # PyYAML lets chr() and int() speak for "\UFFFFFFFF" and a version of 5,000 digits.
        composer.problem(composer.last_place, "YAML cannot read what follows: a number or an escape is out of range.")
        return YamlFile(file=file, root=None, problems=tuple(composer.problems))
    root = composer.root if composer.root is not None else Scalar(place=START, text="")
    return YamlFile(file=file, root=root, problems=tuple(composer.problems))


def _read_bytes(path: Path) -> bytes | str:
    """The bytes of an ordinary file, or a sentence that says why there are none."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return "This is a directory. Put a file with this name in its place."
        if not stat.S_ISREG(mode):
            return "This is not an ordinary file. Put a text file in its place."
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        return "There is no such file. Create it, or name the directory that holds it."
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return f"The file cannot be read ({reason}). Correct its permissions or its name."
    if len(data) > LARGEST_FILE:
        return f"The file is larger than {LARGEST_FILE // 1024} KiB. A catalog is small: is this the right file?"
    return data


def _refused(file: str, place: Place, message: str) -> YamlFile:
    problem = Problem(file=file, line=place.line, column=place.column, path=WHOLE_FILE, message=message)
    return YamlFile(file=file, root=None, problems=(problem,))


def _events(text: str) -> Iterator[yaml.Event]:
    # The parser in Python, also where the one in C is installed: both are the same to people only if places are.
    return yaml.parse(text, Loader=yaml.SafeLoader)
