"""What a shell completes of model packages: names, versions, and hyperparameters with their choices."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from studiolo.cli.model_names import find_package, parse_reference, tags_of
from studiolo.errors import StudioloError

_WORDS: Final = "studiolo.words"


def complete_package(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Packages of this machine: their names, and after a colon their versions."""
    del ctx, param
    try:
        known = asyncio.run(tags_of())
    except (StudioloError, OSError):
        return []
    if ":" in incomplete:
        words = [f"{name}:{tag}" for _, name, tag, _ in known]
    else:
        words = sorted({name for _, name, _, _ in known})
    return [CompletionItem(word) for word in words if word.startswith(incomplete)]


def complete_hyperparameter(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """`NAME=` of each that the package takes, and after it the values that it may have, where they are few."""
    del param
    try:
        properties = asyncio.run(_hyperparameters(next((word for word in _typed(ctx) if word[:1] != "-"), "")))
    except (StudioloError, OSError):
        return []
    name, equals, _ = incomplete.partition("=")
    if equals:
        choices = properties.get(name, {}).get("enum", ())
        words = [(f"{name}={value if isinstance(value, str) else json.dumps(value)}", "") for value in choices]
    else:
        words = [(f"{name}=", str(told.get("description", ""))) for name, told in properties.items()]
    return [CompletionItem(word, help=told or None) for word, told in words if word.startswith(incomplete)]


class KeepsWords(click.Command):
    """A command that remembers what was typed: click reads nothing of it where the last option lacks its value."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As every command."""
        ctx.meta[_WORDS] = tuple(args)
        return super().parse_args(ctx, args)


def _typed(ctx: click.Context) -> tuple[str, ...]:
    words: tuple[str, ...] = ctx.meta.get(_WORDS, ())
    return words


async def _hyperparameters(reference: str) -> dict[str, dict[str, Any]]:
    from studiolo.packaging.unpacked import contract_of  # noqa: PLC0415 - a shell waits for the rest

    store, found = await find_package(parse_reference(reference))
    match (await contract_of(store, found.content)).get("hyperparameters"):
        case {"properties": dict(properties)}:
            return {str(name): told for name, told in properties.items() if isinstance(told, dict)}
    return {}
