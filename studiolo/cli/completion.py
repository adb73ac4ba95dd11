"""`studiolo completion`: the script that lets a shell complete commands, options and workspace names."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import click
from click.shell_completion import BashComplete, CompletionItem, ShellComplete, ZshComplete

from studiolo.cli.connection import ask
from studiolo.errors import StudioloError

if TYPE_CHECKING:
    from studiolo.client import Studiolo
    from studiolo.wire import WorkspaceView

VARIABLE: Final = "_STUDIOLO_COMPLETE"
"""By which the shell asks the program; click derives the same from the program's name."""

PATIENCE_SECONDS: Final = 1.0
"""How long a shell may hang for the names of workspaces."""

_SHELLS: Final[dict[str, type[ShellComplete]]] = {"bash": BashComplete, "zsh": ZshComplete}


@click.command()
@click.argument("shell", type=click.Choice(list(_SHELLS)))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for SHELL.

    bash: studiolo completion bash >> ~/.bashrc;  zsh: studiolo completion zsh >> ~/.zshrc
    """
    script = _SHELLS[shell](ctx.find_root().command, {}, "studiolo", VARIABLE)
    # Formatted here: click's source() for bash runs bash to learn its version, which says nothing of the user's shell.
    click.echo(script.source_template % script.source_vars())


def complete_workspace(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The person's workspaces; nothing when the hub cannot tell: a shell waits for the answer."""
    del param

    async def question(studiolo: Studiolo) -> tuple[WorkspaceView, ...]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await studiolo.workspaces()

    try:
        with ctx:
            known = ask(question)
    except (StudioloError, TimeoutError):
        return []
    return [
        CompletionItem(view.name, help=f"{view.state}, {view.title}")
        for view in known
        if view.name.startswith(incomplete)
    ]
