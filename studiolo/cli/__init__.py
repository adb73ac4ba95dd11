"""The command line: `studiolo`. Each command is loaded when it is used, so that `--help` and completion are quick."""

from __future__ import annotations

import os
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

import studiolo
from studiolo.cli.checkout import CHECKOUT_COMMANDS, NotSetUp, explain, is_checkout
from studiolo.cli.exit_codes import IN_WORDS, ExitCode, exit_code_of
from studiolo.cli.output import note, report, report_bug
from studiolo.errors import StudioloError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.metadata import EntryPoint

__all__ = ["main"]

ENTRY_POINTS: Final = "studiolo.commands"
"""The group under which a checkout, or another distribution, adds commands."""


class LazyCommand(NamedTuple):
    """Where a command is, and its line in the help, which must not cost its import."""

    location: str
    help: str


COMMANDS: Final[Mapping[str, LazyCommand]] = MappingProxyType(
    {
        "capacity": LazyCommand("studiolo.cli.capacity:capacity", "Book room for a class; see how much is held."),
        "catalog": LazyCommand("studiolo.cli.catalog:catalog", "Check and show the catalogs: what may run, on what."),
        "completion": LazyCommand("studiolo.cli.completion:completion", "Print the completion script for a shell."),
        "credential": LazyCommand("studiolo.cli.credential:credential", "Keep tokens and keys for your workspaces."),
        "home": LazyCommand("studiolo.cli.home:home", "See and bring back homes of deleted accounts (administrators)."),
        "login": LazyCommand("studiolo.cli.login:login", "Sign in to a hub with a token."),
        "logout": LazyCommand("studiolo.cli.login:logout", "Forget the token."),
        "model": LazyCommand("studiolo.cli.model:model", "Package models: notebooks with a class Model."),
        "team": LazyCommand("studiolo.cli.team:team", "Add teams and their members (administrators)."),
        "user": LazyCommand("studiolo.cli.user:user", "Add people (administrators)."),
        "whoami": LazyCommand("studiolo.cli.login:whoami", "Show who is signed in, and where."),
        "workspace": LazyCommand("studiolo.cli.workspace:workspace", "List, start, stop, open and delete workspaces."),
    }
)


class StudioloGroup(click.Group):
    """Loads its commands when they are used, and turns errors into one line and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All names, without loading anything."""
        return sorted({*COMMANDS, *CHECKOUT_COMMANDS, *_entry_points()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command of that name, loaded now."""
        if cmd_name in COMMANDS:
            module, _, attribute = COMMANDS[cmd_name].location.partition(":")
            return _as_command(getattr(import_module(module), attribute))
        if cmd_name in CHECKOUT_COMMANDS and not is_checkout():
            return explain(cmd_name)
        entry_point = _entry_points().get(cmd_name)
        if entry_point is None:
            return explain(cmd_name) if cmd_name in CHECKOUT_COMMANDS else None
        try:
            return _as_command(entry_point.load())
        except ImportError as error:
            raise NotSetUp(cmd_name, str(error)) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in the help, from the lines here: loading every command for it would take a second."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._line(ctx, name)) for name in self.list_commands(ctx)])

    def _main_shell_completion(self, ctx_args: Any, prog_name: str, complete_var: str | None = None) -> None:
        """Before a shell is answered, the way in which bash takes words apart is known."""
        if "_STUDIOLO_COMPLETE" in os.environ:
            import_module("studiolo.cli.completion").register()
        super()._main_shell_completion(ctx_args, prog_name, complete_var)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; every way in which it can end has its line and its exit code."""
        try:
            return super().invoke(ctx)
        except StudioloError as error:
            report(error)
            ctx.exit(exit_code_of(error))
        except (KeyboardInterrupt, click.Abort):
            note("\nInterrupted.")
            ctx.exit(ExitCode.INTERRUPTED)
        except (click.ClickException, click.exceptions.Exit, OSError):
            raise  # click's own, among them a reader that closed the pipe
        except Exception as error:  # noqa: BLE001 - the last place where a bug can be called one
            report_bug(error)
            ctx.exit(ExitCode.BUG)

    def _line(self, ctx: click.Context, name: str) -> str:
        if name in COMMANDS:
            return COMMANDS[name].help
        if name in CHECKOUT_COMMANDS:
            return CHECKOUT_COMMANDS[name] if is_checkout() else f"{CHECKOUT_COMMANDS[name]} (needs a checkout)"
        try:
            command = self.get_command(ctx, name)
        except StudioloError as error:
            return str(error)
        return command.get_short_help_str() if command is not None else ""


def _entry_points() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points  # noqa: PLC0415 - 40 ms, and most commands are not entry points

    return {entry_point.name: entry_point for entry_point in entry_points(group=ENTRY_POINTS)}


def _as_command(value: object) -> click.Command:
    if not isinstance(value, click.Command):
        raise TypeError(f"{value!r} is not a command")
    return value


@click.group(
    cls=StudioloGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=IN_WORDS,
    no_args_is_help=True,
)
@click.version_option(studiolo.__version__, prog_name="studiolo")
def main() -> None:
    """Workspaces of your own, on shared iron.

    Sign in once with `studiolo login`, then `studiolo workspace start`.
    """
