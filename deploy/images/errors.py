"""Why an image cannot be built, read or checked."""

from __future__ import annotations

from studiolo.errors import StudioloError


class ImageError(StudioloError):
    """Something about an image did not work; the sentence says what."""

    code = "image_error"


class ToolMissingError(ImageError):
    """A program that builds or reads images is not installed."""

    code = "image_tool_missing"

    def __init__(self, program: str) -> None:
        """`program` is also the name of its Debian package, or near it."""
        package = {"gcc": "gcc libc6-dev", "npm": "npm"}.get(program, program)
        super().__init__(
            f"{program} is not installed on this machine.",
            hint=f"sudo apt-get install --no-install-recommends {package}",
        )


class StepFailedError(ImageError):
    """A program that builds images ended with an error."""

    code = "image_step_failed"

    def __init__(self, what: str, *, exit_code: int, log_tail: tuple[str, ...]) -> None:
        """`what` was done, as the start of a sentence; `log_tail`: the last lines that were printed."""
        super().__init__("\n".join((*log_tail, f"{what} failed with exit code {exit_code}.")))


class UnknownImageError(ImageError):
    """Nothing of that name is built here."""

    code = "image_unknown"


class NotAnImageError(ImageError):
    """What was named is no image that can be read."""

    code = "image_unreadable"
