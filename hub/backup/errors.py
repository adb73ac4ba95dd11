"""Why there is no backup, or why nothing was restored."""

from __future__ import annotations

from studiolo.errors import StudioloError


class BackupError(StudioloError):
    """There is no backup, or nothing was restored; what was there is as before."""

    code = "backup_failed"


class ArchiveDamaged(BackupError):
    """The file is no backup, or not a whole one."""

    code = "backup_damaged"

    def __init__(self, path: object, why: str) -> None:
        """`why`: as the end of a sentence."""
        super().__init__(f"{path} cannot be restored: {why}.", hint="Nothing was changed. Take another backup.")


class NotEmpty(BackupError):
    """There is something already where the backup should go."""

    code = "restore_not_empty"

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} Restoring would replace it.",
            hint="Back up what is there, and add --replace if it may go.",
        )


class OtherRevision(BackupError):
    """The backup's tables are not those of this version."""

    code = "restore_other_revision"

    def __init__(self, title: str, *, revision: str, head: str, version: str) -> None:
        super().__init__(
            f"{title} in this backup is at revision {revision}, and this version of Studiolo needs {head}.",
            hint=f"Restore it with Studiolo {version}, which wrote it; then upgrade.",
        )


class StillRunning(BackupError):
    """A hub works with what should be replaced."""

    code = "restore_still_running"

    def __init__(self, how: str) -> None:
        """`how`: what stops it."""
        super().__init__("A hub is running on what would be replaced.", hint=f"Stop it first: {how}.")
