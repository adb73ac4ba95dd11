"""How a run ends that did not go well."""

from __future__ import annotations

WRONG = 2
"""Exit code where what was asked for cannot be done: the command, a hyperparameter, the image itself."""

FAILED = 1
"""Exit code where the model's own code failed."""


class Refused(Exception):
    """What was asked for cannot be done. Its text is every reason, a sentence each."""

    exit_code = WRONG

    def __init__(self, *reasons: str) -> None:
        super().__init__("\n".join(reasons))
        self.reasons = reasons


class ModelFailed(Exception):
    """The model's own code raised something; that is the cause."""

    exit_code = FAILED
