"""`studiolo completion`: the script that lets a shell complete commands, options and workspace names."""

from __future__ import annotations

import asyncio
import os
import re
from typing import TYPE_CHECKING, Any, Final

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

from studiolo.cli.connection import ask
from studiolo.errors import StudioloError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studiolo.client import Studiolo
    from studiolo.wire import WorkspaceView

VARIABLE: Final = "_STUDIOLO_COMPLETE"
"""By which the shell asks the program; click derives the same from the program's name."""

PATIENCE_SECONDS: Final = 1.0
"""How long a shell may hang for the names of workspaces."""

_BREAK = re.compile(r"[:=]+")
"""What bash breaks words at, in words that we take whole: `iris:1.0`, `rounds=5`."""


class WholeWords(BashComplete):
    """For bash, which completes only what follows the last `:` or `=` of a word."""

    def __init__(self, *told: Any) -> None:
        """As click makes it."""
        super().__init__(*told)
        self._typed = 0

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before, and the one that is completed; each whole."""
        words = split_arg_string(os.environ["COMP_WORDS"])
        at = int(os.environ["COMP_CWORD"])
        *before, last = whole([*words[: at + 1], *([""] if at >= len(words) else [])])
        self._typed = max(last.rfind(mark) for mark in ":=") + 1
        return before[1:], last

    def format_completion(self, item: CompletionItem) -> str:
        """What bash puts after what is typed already."""
        cut = self._typed if item.type == "plain" else 0
        return f"{item.type},{item.value[cut:]}"


def whole(words: Sequence[str]) -> list[str]:
    """Words as they were typed, from the parts that bash makes of them."""
    found: list[str] = []
    is_open = False
    for word in words:
        is_break = bool(_BREAK.fullmatch(word))
        if found and (is_break or (is_open and word)):
            found[-1] += word
        else:
            found.append(word)
        is_open = is_break
    return found


def register() -> None:
    """Have click complete for bash as we do. Once, before it is asked."""
    add_completion_class(WholeWords, "bash")


_SHELLS: Final[dict[str, type[ShellComplete]]] = {"bash": WholeWords, "zsh": ZshComplete}


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
