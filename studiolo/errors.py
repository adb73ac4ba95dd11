"""What can go wrong, as one tree. A class is named here once; it lives beside what raises it.

    StudioloError                   every error whose text may be shown to a person
    ├── CatalogError                a catalog was refused; carries every problem with file, line and column
    ├── ClientError  (client)       a hub or service could not be asked, or said no
    └── StartError   (spawner)      a workspace could not start

`QuantityError` (quantities) is a ValueError: whoever knows the file and the line turns it into a problem.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from studiolo.problems import Problem


class StudioloError(Exception):
    """An error whose text is meant for people: one sentence of what happened, and a way out."""

    code: ClassVar[str] = "studiolo_error"
    """Stable name for programs; never shown instead of the sentence."""

    def __init__(self, sentence: str, *, hint: str = "") -> None:
        """`sentence` says what happened and why; `hint` what to do about it, or nothing if nothing can be done."""
        super().__init__(sentence)
        self.hint = hint


class CatalogError(StudioloError):
    """A catalog was refused as a whole. Its text is what `studiolo catalog check` prints."""

    code = "catalog_invalid"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(
            "\n".join(str(problem) for problem in problems),
            hint="Correct the lines named here; `studiolo catalog check` looks at them again.",
        )
        self.problems = problems
