"""What can go wrong with credentials. No text here, and no cause behind it, ever holds a value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studiolo.errors import StudioloError
from studiolo.problems import perhaps, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable


class CredentialRefused(StudioloError):
    """It cannot be kept as it is; the text has every reason, each with its field."""

    code = "credential_refused"

    def __init__(self, problems: tuple[str, ...]) -> None:
        """`problems` is never empty."""
        super().__init__(" ".join(problems))
        self.problems = problems


class NoSuchCredential(StudioloError):
    """The person has none of that name."""

    code = "credential_not_found"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"You have no credential {quoted(name)}.{perhaps(name, known)}")


class VaultAway(StudioloError):
    """Whatever keeps the values does not answer, or refuses; nothing was changed."""

    code = "credentials_away"


class ValueLost(StudioloError):
    """What is kept cannot be opened: another key, or another row than it was sealed for."""

    code = "credential_lost"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The value of the credential {quoted(name)} cannot be opened any more.",
            hint="Give it a new one: studiolo credential rotate. After a restored backup, its keys belong to it.",
        )
