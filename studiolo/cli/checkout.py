"""The commands that exist only in a checkout, and what the installed package says in their place."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import click

import studiolo
from studiolo.errors import StudioloError

if TYPE_CHECKING:
    from collections.abc import Mapping

CHECKOUT_COMMANDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "up": "Start Studiolo on this machine.",
        "password": "Show or change the administrator's password on this machine.",
        "environment": "Build and remove the environments of this machine.",
        "image": "Check a container image before workspaces run it.",
        "backup": "Keep both databases and the keys in a file.",
        "restore": "Put back what a backup holds.",
    }
)
"""Their names and help; the code lies in `deploy`, `hub` and `images`, which are in no wheel."""


class NeedsCheckout(StudioloError):
    """The command runs the hub, which the installed package does not have."""

    code = "needs_checkout"

    def __init__(self, command: str) -> None:
        """`command` as it was typed."""
        super().__init__(
            f"`studiolo {command}` needs a checkout: the installed package is the client, without the hub.",
            hint="Clone Studiolo's repository and run `make up` there.",
        )


class NotSetUp(StudioloError):
    """The checkout is there, the packages it needs are not."""

    code = "checkout_not_set_up"

    def __init__(self, command: str, missing: str) -> None:
        """`missing` is what could not be imported."""
        super().__init__(
            f"`studiolo {command}` cannot be loaded: {missing}.",
            hint="Run `make up`, which installs what the hub needs.",
        )


def is_checkout() -> bool:
    """Whether this package lies in a checkout. Without the check, a foreign package called `deploy` could be loaded."""
    root = Path(studiolo.__file__).parent.parent
    return (root / "deploy" / "local" / "__init__.py").is_file() and (root / "pyproject.toml").is_file()


def explain(command: str) -> click.Command:
    """A command that takes whatever was typed and says what is missing."""

    @click.command(
        command,
        help=f"{CHECKOUT_COMMANDS[command]} Needs a checkout.",
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
        add_help_option=False,
    )
    def say() -> None:
        raise NeedsCheckout(command)

    return say
