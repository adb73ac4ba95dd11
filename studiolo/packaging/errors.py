"""What can go wrong when a model is packaged.

PackagingError            (StudioloError)
├── NotebookRefused       the file is no notebook, or larger than is read
└── ContractRefused       there is no model in it that could be packaged; carries every reason
"""

from __future__ import annotations

from studiolo.errors import StudioloError


class PackagingError(StudioloError):
    """A model could not be packaged."""

    code = "packaging_failed"


class NotebookRefused(PackagingError):
    """The file cannot be read as a notebook or a module."""

    code = "notebook_refused"


class ContractRefused(PackagingError):
    """There is no model here that could be packaged. Its text is every reason."""

    code = "contract_refused"

    def __init__(self, problems: tuple[str, ...]) -> None:
        """`problems` is never empty; each is a whole sentence."""
        super().__init__("\n".join(problems), hint="Correct this in the notebook, then try again.")
        self.problems = problems


class ProjectRefused(PackagingError):
    """The folder cannot go into an image as it is. Its text is every reason."""

    code = "project_refused"

    def __init__(self, problems: tuple[str, ...]) -> None:
        """`problems` is never empty; each is a whole sentence."""
        super().__init__("\n".join(problems))
        self.problems = problems


class StoreError(PackagingError):
    """Where images are kept, something went wrong."""

    code = "store_failed"


class StoreAway(StoreError):
    """It does not answer, or not as it should; trying again may help."""

    code = "store_away"


class StoreRefused(StoreError):
    """It says no."""

    code = "store_refused"


class StoreConflict(StoreError):
    """The version is there already, with other content; versions are written once."""

    code = "version_taken"
