"""Reading one value of a catalog: of the right kind, or a problem in plain words at its place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from studiolo.catalog_keys import MOST_ENTRIES, Key
from studiolo.problems import LONGEST_QUOTE, Problem, Severity, listed, perhaps, quoted
from studiolo.yaml_composer import WHOLE_FILE, below
from studiolo.yaml_tree import Broken, Kind, Mapping, Node, Place, Scalar, Sequence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Mapping as MappingType

MOST_PROBLEMS: Final = 200
"""Errors of one file that are shown, and as many warnings. Whoever has more repairs these first."""


class Report:
    """Collects the problems of one file."""

    def __init__(self, file: str, problems: Iterable[Problem] = ()) -> None:
        """`problems` are those the file had before its values were looked at."""
        self.file = file
        self.error_count = 0
        """How many problems keep the catalog from being used, also beyond those that are shown."""
        self._warning_count = 0
        self._problems: list[Problem] = []
        self._unshown = 0
        for problem in problems:
            self._add(problem)

    @property
    def is_full(self) -> bool:
        """Whether looking further is of no use to anybody. Warnings alone never end the looking."""
        return self.error_count >= MOST_PROBLEMS

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problems, and how many there are beyond those that are shown."""
        if not self._unshown:
            return tuple(self._problems)
        message = f"The file has more problems, at least {self._unshown}. Repair those shown here first."
        severity = Severity.ERROR if self.error_count else Severity.WARNING
        more = replace(self._problems[-1], path=WHOLE_FILE, message=message, severity=severity)
        return (*self._problems, more)

    def add(self, place: Place, path: str, message: str, severity: Severity = Severity.ERROR) -> None:
        """Note one problem."""
        self._add(
            Problem(
                file=self.file,
                line=place.line,
                column=place.column,
                path=path or WHOLE_FILE,
                message=message,
                severity=severity,
            )
        )

    def _add(self, problem: Problem) -> None:
        if problem.severity is Severity.ERROR:
            self.error_count += 1
            is_shown = self.error_count <= MOST_PROBLEMS
        else:
            self._warning_count += 1
            is_shown = self._warning_count <= MOST_PROBLEMS
        if is_shown:
            self._problems.append(problem)
        else:
            self._unshown += 1


_NOWHERE: Final[MappingType[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One value of a file, with its path and the report that its problems go to.

    Every reader gives None when it has noted a problem.
    """

    node: Node
    path: str
    report: Report
    key_place: Place | None = None
    """Where its key stands; an item of a list has none."""

    @property
    def place(self) -> Place:
        """Where the value stands."""
        return self.node.place

    @property
    def is_nothing(self) -> bool:
        """Whether no value stands here."""
        return isinstance(self.node, Scalar) and self.node.kind is Kind.NOTHING

    @property
    def is_block(self) -> bool:
        """Whether keys stand here."""
        return isinstance(self.node, Mapping)

    @property
    def is_empty_block(self) -> bool:
        """Whether keys should stand here, and none does: `{}`."""
        return isinstance(self.node, Mapping) and not self.node.pairs

    def error(self, message: str, *, at: Place | None = None) -> None:
        """Note what keeps the catalog from being used."""
        self.report.add(at or self.place, self.path, message)

    def warn(self, message: str) -> None:
        """Note what is likely a mistake, and can be lived with."""
        self.report.add(self.place, self.path, message, Severity.WARNING)

    def wrong_kind(self, wanted: str) -> None:
        """Note that something else stands here than `wanted`."""
        if isinstance(self.node, Broken):
            return
        if self.node.kind is Kind.NOTHING:
            self.error(f"There is no value here. Write {wanted}.")
        else:
            found = quoted(self.node.text) if isinstance(self.node, Scalar) else self.node.kind.capitalize()
            self.error(f"{found} cannot stand here. Write {wanted}.")

    def text(self, *, longest: int, example: str, may_be_empty: bool = False) -> str | None:
        """Text on one line, neither too long nor, mostly, empty, without characters nobody can see."""
        scalar = self._scalar(f"text, such as {example}")
        if scalar is None:
            return None
        text = scalar.text.strip()
        hidden = next((character for character in text if not character.isprintable()), None)
        if scalar.kind is not Kind.TEXT:
            shown = quoted(scalar.text)
            self.error(f"YAML reads this as {scalar.kind}, and text is needed. Put it in quotes: {shown}.")
        elif not text and not may_be_empty:
            self.error(f"This text is empty. Write something, such as {example}.")
        elif hidden == "\n":
            self.error("This text has more than one line. Write it on one; with > instead of | YAML joins the lines.")
        elif hidden is not None:
            self.error(f"This text holds the character U+{ord(hidden):04X}, which nobody can see. Remove it.")
        elif len(text) > longest:
            self.error(f"This text has {len(text)} characters, and there is room for {longest}. Shorten it.")
        else:
            return text
        return None

    def boolean(self) -> bool | None:
        """True or false."""
        scalar = self._scalar("true or false")
        if scalar is None:
            return None
        if scalar.kind is not Kind.BOOLEAN:
            self.error(
                f"YAML does not read {quoted(scalar.text)} as true or false. Write one of the two, without quotes."
            )
            return None
        return scalar.text.casefold() == "true"

    def amount(self, what: str) -> str | None:
        """A number or a quantity as it was written, for `quantities` to read."""
        scalar = self._scalar(what)
        return scalar.text.strip() if scalar is not None else None

    def number(self, what: str) -> str | None:
        """A number as it was written; in quotes it is text, and refused."""
        scalar = self._scalar(what)
        if scalar is None or scalar.kind is Kind.NUMBER:
            return scalar.text if scalar is not None else None
        self.error(f"YAML does not read {quoted(scalar.text)} as a number. Write {what}, without quotes.")
        return None

    def items(self, *, of: str, example: str) -> tuple[Value, ...] | None:
        """The items of a list that is not empty."""
        if not isinstance(self.node, Sequence):
            self.wrong_kind(f"a list of {of}, such as {example}")
            return None
        if not self.node.items:
            self.error(f"This list is empty. Name {of}, such as {example}, or remove the key.")
            return None
        if len(self.node.items) > MOST_ENTRIES:
            self.error(f"This list has {len(self.node.items)} items, and at most {MOST_ENTRIES} are read. Shorten it.")
            return None
        return tuple(
            Value(node=item, path=f"{self.path}[{index}]", report=self.report)
            for index, item in enumerate(self.node.items)
        )

    def entries(self, *, example: str) -> Iterator[tuple[str, Value]]:
        """The keys of a block and their values, whatever the keys are; equal keys all come."""
        if not isinstance(self.node, Mapping):
            self.wrong_kind(f"a block of keys, such as {example}")
            return
        for pair in self.node.pairs:
            path = below(self.path, pair.key)
            yield pair.key, Value(node=pair.value, path=path, report=self.report, key_place=pair.key_place)

    def fields(
        self, keys: tuple[Key, ...], *, example: str, elsewhere: MappingType[str, str] = _NOWHERE
    ) -> Iterator[tuple[str, Value]]:
        """The known keys of a block and their values; unknown and missing ones are noted.

        `elsewhere` says of keys that stand in another place where that is.
        """
        known = {key.name for key in keys}
        seen = set()
        for name, value in self.entries(example=example):
            seen.add(name)
            if name in known:
                yield name, value
            elif self.report.is_full:
                value.error("Unknown key.")  # only counted: nobody reads it, and comparing words takes time
            elif name in elsewhere:
                value.error(
                    f"The key {quoted(name)} does not belong here: {elsewhere[name]}. Move it.", at=value.key_place
                )
            else:
                hint = perhaps(name[:LONGEST_QUOTE], known) or f" Known here: {listed(sorted(known))}."
                value.error(f"There is no key {quoted(name)}.{hint}", at=value.key_place)
        for key in keys:
            if key.is_required and key.name not in seen and isinstance(self.node, Mapping):
                self.error(
                    f"The key {quoted(key.name)} is missing. Add it: {key.name}: {key.example}", at=self.key_place
                )

    def _scalar(self, wanted: str) -> Scalar | None:
        if isinstance(self.node, Scalar) and self.node.kind is not Kind.NOTHING:
            return self.node
        self.wrong_kind(wanted)
        return None
