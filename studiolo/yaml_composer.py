"""PyYAML's events to a tree that knows where each value was written, and the problems of YAML itself.

Built from PyYAML's events, without its constructors: those forget positions, let the last of two equal keys win, and
turn `on` into true. Nothing here is recursive or expands aliases, so no file can exhaust the stack or the memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import yaml

from studiolo.problems import Problem, printable, quoted
from studiolo.yaml_tree import START, Broken, Mapping, Node, Pair, Place, Scalar, Sequence

if TYPE_CHECKING:
    from collections.abc import Iterator

WHOLE_FILE: Final = "(file)"
"""The path of a problem that is not about one value."""

DEEPEST: Final = 20
"""Blocks within blocks. A catalog needs five."""

MOST_MERGED: Final = 10_000
"""Keys that `<<` may bring into one file: merges of merges could grow without end."""

_MERGE: Final = "<<"
_PLAIN_TAGS: Final = frozenset({"tag:yaml.org,2002:str", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"})


class StopReadingError(Exception):
    """What follows is not worth reading: the problem is noted."""


@dataclass(slots=True)
class _Open:
    """A list or a mapping whose end has not come yet."""

    place: Place
    is_mapping: bool
    is_broken: bool
    anchor: str | None
    path: str
    items: list[Node] = field(default_factory=list)
    """A mapping's keys and values in turn, as YAML's events give them."""


class Composer:
    """Builds the tree from events, and notes equal keys, tags, unknown and circular aliases, second documents."""

    def __init__(self, *, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.root: Node | None = None
        self.last_place = START
        self._open: list[_Open] = []
        self._anchors: dict[str, Node] = {}
        self._merged = 0

    def take(self, event: yaml.Event) -> None:
        """Take the next event of PyYAML's parser. Raises StopReadingError after noting what makes the rest useless."""
        self.last_place = _place(event.start_mark)
        match event:
            case yaml.DocumentStartEvent() if self.root is not None:
                self.problem(self.last_place, "A second document begins here (---). Keep one document in the file.")
                raise StopReadingError
            case yaml.AliasEvent():
                self._place_node(self._alias(event.anchor))
            case yaml.ScalarEvent():
                is_plain = event.style is None and event.tag is None
                node: Node = Scalar(place=self.last_place, text=event.value, is_plain=is_plain)
                self._place_node(self._refuse_tag(event.tag) or node, anchor=event.anchor)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self._begin(event)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._end()

    def problem(self, place: Place, message: str, path: str = "") -> None:
        """Note a problem."""
        problem = Problem(
            file=self.file, line=place.line, column=place.column, path=path or WHOLE_FILE, message=message
        )
        self.problems.append(problem)

    def _begin(self, event: yaml.SequenceStartEvent | yaml.MappingStartEvent) -> None:
        if len(self._open) >= DEEPEST:
            self.problem(
                self.last_place,
                f"More than {DEEPEST} blocks stand within each other. A catalog is flat: check the indentation.",
            )
            raise StopReadingError
        block = _Open(
            place=self.last_place,
            is_mapping=isinstance(event, yaml.MappingStartEvent),
            is_broken=self._refuse_tag(event.tag) is not None,
            anchor=event.anchor,
            path=self._path_here(),
        )
        self._open.append(block)

    def _end(self) -> None:
        done = self._open.pop()
        node: Node
        if done.is_broken:
            node = Broken(place=done.place)
        elif done.is_mapping:
            node = Mapping(place=done.place, pairs=self._pairs(done))
        else:
            node = Sequence(place=done.place, items=tuple(done.items))
        self._place_node(node, anchor=done.anchor)

    def _place_node(self, node: Node, anchor: str | None = None) -> None:
        if anchor is not None:
            self._anchors[anchor] = node
        if self._open:
            self._open[-1].items.append(node)
        else:
            self.root = node

    def _alias(self, name: str | None) -> Node:
        here = self._path_here()
        if any(block.anchor == name for block in self._open):
            self.problem(self.last_place, f"*{name} stands inside of what it refers to. Write the values out.", here)
        elif name is None or name not in self._anchors:
            self.problem(self.last_place, f"*{name} refers to nothing: no &{name} comes before it.", here)
        else:
            # What is wrong with the value in this place is wrong here; what is wrong inside of it, there.
            return replace(self._anchors[name], place=self.last_place)
        return Broken(place=self.last_place)

    def _refuse_tag(self, tag: str | None) -> Broken | None:
        if tag is None or tag in _PLAIN_TAGS:
            return None
        shown = tag.replace("tag:yaml.org,2002:", "!!")
        message = f"The tag {quoted(shown)} is not allowed: a catalog holds plain values. Remove it."
        self.problem(self.last_place, message, self._path_here())
        return Broken(place=self.last_place)

    def _pairs(self, block: _Open) -> tuple[Pair, ...]:
        own: dict[str, Pair] = {}
        pairs: list[Pair] = []
        merges: list[Node] = []
        for key, value in zip(block.items[::2], block.items[1::2], strict=True):
            if not isinstance(key, Scalar):
                if not isinstance(key, Broken):
                    self.problem(key.place, f"A key must be a word, and this is {key.kind}.", block.path)
                continue
            first = own.get(key.text)
            if first is not None:
                message = (
                    f"The key {quoted(key.text)} was given before, on line {first.key_place.line}. Remove one of them."
                )
                self.problem(key.place, message, below(block.path, key.text))
            pair = Pair(key=key.text, key_place=key.place, value=value)
            own.setdefault(key.text, pair)
            if key.text == _MERGE and key.is_plain:
                merges.append(value)
            else:
                pairs.append(pair)
        return (*pairs, *self._merge(merges, {pair.key for pair in pairs}, block.path))

    def _merge(self, merges: list[Node], taken: set[str], path: str) -> Iterator[Pair]:
        for merge in merges:
            for source in merge.items if isinstance(merge, Sequence) else (merge,):
                if isinstance(source, Mapping):
                    self._merged += len(source.pairs)
                    if self._merged > MOST_MERGED:
                        self.problem(merge.place, "Too much is merged with << here. Write the values out.", path)
                        raise StopReadingError
                    fresh = [pair for pair in source.pairs if pair.key not in taken]
                    taken.update(pair.key for pair in fresh)
                    yield from fresh
                elif not isinstance(source, Broken):
                    message = (
                        f"<< merges blocks of keys, and this is {source.kind}. Name the anchor of a block: *shared."
                    )
                    self.problem(source.place, message, below(path, _MERGE))

    def _path_here(self) -> str:
        """The path of the value that comes next."""
        if not self._open:
            return ""
        block = self._open[-1]
        if not block.is_mapping:
            return f"{block.path}[{len(block.items)}]"
        key = block.items[-1] if len(block.items) % 2 else None
        return below(block.path, key.text) if isinstance(key, Scalar) else block.path


def below(path: str, key: str) -> str:
    """The path of what a key of a block holds: `environments.python`."""
    key = printable(key) or '""'
    return f"{path}.{key}" if path else key


def _place(mark: Any) -> Place:
    return START if mark is None else Place(mark.line + 1, mark.column + 1)
