"""`workspace.yaml`: what to start and what to call it, written once and kept with a project.

name: Iris                # free; absent: the default workspace
environment: pytorch      # what is absent stays as it was, or is the catalog's default
hardware: gpu-small
env:
  SEED: 42                # text as it is written; secrets belong into Credentials
data: [imagenet]          # by their names in the catalog; [] for none
credentials: [forge]      # yours, by name; [] for none; absent: as last time, else all that are marked "always"
git: https://git.example.org/team/project.git#main    # cloned into the home; "" for none
model: iris:1.0           # a model package, whose files and software it opens; "" for none
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from studiolo.errors import StudioloError
from studiolo.problems import Problem, listed, perhaps, quoted
from studiolo.yaml_composer import WHOLE_FILE
from studiolo.yaml_file import read_yaml
from studiolo.yaml_tree import Broken, Kind, Mapping, Node, Pair, Place, Scalar, Sequence

if TYPE_CHECKING:
    from pathlib import Path

KEYS: Final = ("name", "environment", "hardware", "env", "data", "credentials", "git", "model")

VARIABLE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
"""What a variable can be called. Which names a workspace may not set is the hub's to say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceFile:
    """What a `workspace.yaml` says; None and nothing where it says nothing."""

    name: str | None = None
    environment: str | None = None
    hardware: str | None = None
    env: dict[str, str] = field(default_factory=dict)
    data: tuple[str, ...] | None = None
    credentials: tuple[str, ...] | None = None
    git: str | None = None
    model: str | None = None


class WorkspaceFileInvalid(StudioloError):
    """The file cannot be used. Its text is every problem, each with its place."""

    code = "workspace_file_invalid"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        """`problems` is never empty."""
        super().__init__("\n".join(str(problem) for problem in problems), hint="Correct the lines named here.")
        self.problems = problems


def read_workspace_file(path: Path) -> WorkspaceFile:
    """What the file says. Raises WorkspaceFileInvalid with all its problems."""
    read = read_yaml(path)
    reader = _Reader(file=read.file, problems=list(read.problems))
    found = reader.workspace(read.root) if read.root is not None else WorkspaceFile()
    if reader.problems:
        raise WorkspaceFileInvalid(tuple(reader.problems))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    file: str
    problems: list[Problem]

    def workspace(self, root: Node) -> WorkspaceFile:
        pairs = self._pairs(root, WHOLE_FILE, f"the keys {listed(KEYS)}")
        for key, pair in pairs.items():
            if key not in KEYS:
                self._problem(
                    pair.key_place,
                    key,
                    f"The key {quoted(key)} is not known here.{perhaps(key, KEYS)} Known are {listed(KEYS)}.",
                )
        return WorkspaceFile(
            name=self._word(pairs.get("name")),
            environment=self._word(pairs.get("environment")),
            hardware=self._word(pairs.get("hardware")),
            env=self._env(pairs.get("env")),
            data=self._names("data", pairs.get("data")),
            credentials=self._names("credentials", pairs.get("credentials")),
            git=self._address(pairs.get("git")),
            model=self._address(pairs.get("model"), "a package as NAME:VERSION"),
        )

    def _names(self, key: str, pair: Pair | None) -> tuple[str, ...] | None:
        if pair is None:
            return None
        match pair.value:
            case Sequence(items=items):
                texts = (self._text(item, f"{key}[{number}]", "Write a name.") for number, item in enumerate(items))
                return tuple(text for text in texts if text is not None)
            case Broken():
                pass
            case node:
                self._problem(node.place, key, "This is no list. Write names, such as [first, second], or [] for none.")
        return None

    def _env(self, pair: Pair | None) -> dict[str, str]:
        if pair is None:
            return {}
        env: dict[str, str] = {}
        for name, variable in self._pairs(pair.value, "env", "variables, each as NAME: value").items():
            path = f"env.{name}"
            if not VARIABLE_NAME.fullmatch(name):
                message = f"{quoted(name)} cannot be a variable. Use letters, digits and _, not a digit first."
                self._problem(variable.key_place, path, message)
            value = self._text(variable.value, path, 'Write a value, or "" for an empty one.')
            if value is not None:
                env[name] = value
        return env

    def _word(self, pair: Pair | None) -> str | None:
        """A value that must say something."""
        if pair is None:
            return None
        text = self._text(pair.value, pair.key, "Write a name, or remove the key.")
        if text is not None and not text.strip():
            self._problem(pair.value.place, pair.key, "The text is empty. Write a name, or remove the key.")
            return None
        return text

    def _address(self, pair: Pair | None, what: str = "an address") -> str | None:
        return None if pair is None else self._text(pair.value, pair.key, f'Write {what}, or "" for none.')

    def _text(self, node: Node, path: str, way_out: str) -> str | None:
        """Text as it is written: 1.10 and true are text too, for that is what a variable holds."""
        match node:
            case Scalar(kind=Kind.NOTHING):
                self._problem(node.place, path, f"There is no value here. {way_out}")
            case Scalar():
                return node.text
            case Broken():
                pass
            case _:
                self._problem(node.place, path, f"This is {node.kind}, and must be text. {way_out}")
        return None

    def _pairs(self, node: Node, path: str, wanted: str) -> dict[str, Pair]:
        match node:
            case Mapping():
                return {pair.key: pair for pair in reversed(node.pairs)}
            case Broken() | Scalar(kind=Kind.NOTHING):
                return {}
            case _:
                self._problem(node.place, path, f"This is {node.kind}. Write {wanted}.")
                return {}

    def _problem(self, place: Place, path: str, message: str) -> None:
        self.problems.append(Problem(file=self.file, line=place.line, column=place.column, path=path, message=message))
