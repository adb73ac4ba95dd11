"""`studiolo workspace`: list, start, forecast, stop, extend, open, logs, delete."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from studiolo.cli.completion import complete_workspace
from studiolo.cli.connection import ask
from studiolo.cli.output import json_option, note, print_json, print_table, since
from studiolo.cli.workspace_choice import Wanted, find, plan_start
from studiolo.client_errors import ClientError, NotFound, Refused
from studiolo.names import DEFAULT_SERVER_TITLE
from studiolo.package_name import package_name
from studiolo.problems import quoted
from studiolo.workspace_file import VARIABLE_NAME, WorkspaceFile, read_workspace_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studiolo.client import Studiolo
    from studiolo.wire import WorkspaceView

_NAME = click.argument("name", required=False, default=DEFAULT_SERVER_TITLE, shell_complete=complete_workspace)

_RUNNING = ("ready", "starting", "checking")


@click.group()
def workspace() -> None:
    """List, start, stop, open and delete your workspaces.

    NAME is a workspace's name or title; without it, the default workspace is meant.
    """


@workspace.command("list")
@json_option
def list_workspaces(*, as_json: bool) -> None:
    """Show all your workspaces, those that are stopped too."""
    views = ask(lambda studiolo: studiolo.workspaces())
    if as_json:
        print_json([view.model_dump(mode="json") for view in views])
        return
    now = datetime.now(UTC)
    print_table(
        ("name", "title", "state", "software", "hardware", "since"),
        (
            (
                view.name,
                view.title,
                view.state,
                view.environment or "",
                view.hardware or "",
                since(view.started, now=now),
            )
            for view in views
        ),
    )


def _parse_env(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    env: dict[str, str] = {}
    for text in values:
        name, separator, value = text.partition("=")
        if not separator or not VARIABLE_NAME.fullmatch(name):
            raise click.BadParameter(f"{text!r} is not NAME=VALUE, such as SEED=42.", ctx, param)
        env[name] = value
    return env


@workspace.command()
@click.argument("name", required=False, shell_complete=complete_workspace)
@click.option(
    "-f",
    "--file",
    "path",
    type=click.Path(path_type=Path),
    help="A workspace.yaml, which says the same as these options; they come before it.",
)
@click.option("--environment", metavar="NAME", help="The software, by its name in the catalog.")
@click.option("--hardware", metavar="NAME", help="The hardware, by its name in the catalog.")
@click.option("--env", metavar="NAME=VALUE", multiple=True, callback=_parse_env, help="A variable; repeatable.")
@click.option("--data", metavar="NAME", multiple=True, help='Data, by its name in the catalog; repeatable. "": none.')
@click.option(
    "--credential",
    "credentials",
    metavar="NAME",
    multiple=True,
    help='A credential of yours, by its name; repeatable. "": none. Absent: as last time, else all marked "always".',
)
@click.option(
    "--git",
    metavar="ADDRESS",
    help='A repository to clone into the home, by https:// or SSH, with #BRANCH where it is another. "": none.',
)
@click.option(
    "--model",
    metavar="NAME[:VERSION]",
    help='A model package: its software, and its files in ~/models. Without VERSION the newest. "": none.',
)
@click.option("--team", metavar="TEAM", default="", help="The team whose package --model is.")
@click.option(
    "--empty-home",
    is_flag=True,
    help="This time without your home, such as when it does not answer: with an empty one that is gone afterwards.",
)
@click.option("--name", "name_option", metavar="NAME", help="The same as NAME.")
@click.option("--no-wait", is_flag=True, help="Return when the start has begun.")
@json_option
def start(
    *,
    name: str | None,
    path: Path | None,
    environment: str | None,
    hardware: str | None,
    env: dict[str, str],
    data: tuple[str, ...],
    credentials: tuple[str, ...],
    git: str | None,
    model: str | None,
    team: str,
    empty_home: bool,
    name_option: str | None,
    no_wait: bool,
    as_json: bool,
) -> None:
    """Start a workspace and print its link; a NAME that you have not used yet makes a new one.

    What you do not choose stays as it was the last time, or is the catalog's default.
    """
    if name is not None and name_option is not None and name != name_option:
        raise click.UsageError(f"Two names are given: {name} and {name_option}. Which one is meant?")
    if team and not model:
        raise click.UsageError("--team says whose package --model is. Name the package, too.")
    given = read_workspace_file(path) if path is not None else WorkspaceFile()
    wanted = Wanted(
        name=name or name_option or given.name or DEFAULT_SERVER_TITLE,
        environment=environment or given.environment,
        hardware=hardware or given.hardware,
        env={**given.env, **env},
        data=tuple(entry for entry in data if entry) if data else given.data,
        credentials=tuple(name for name in credentials if name) if credentials else given.credentials,
        git=git if git is not None else given.git,
        model=model if model is not None else given.model,
        has_empty_home=empty_home,
    )
    view = ask(lambda studiolo: _start(studiolo, wanted, team=team, wait=not no_wait, is_quiet=as_json))
    if as_json:
        print_json(view.model_dump(mode="json"))
        return
    note(f"Workspace {view.name} is {view.state}.")
    click.echo(view.url)


async def _start(studiolo: Studiolo, wanted: Wanted, *, team: str, wait: bool, is_quiet: bool) -> WorkspaceView:
    if wanted.model:
        wanted = replace(wanted, model=await _package(studiolo, wanted.model, team=team))
    plan = plan_start(wanted, await studiolo.workspaces())
    if plan.running is not None and (plan.running.state == "ready" or not wait):
        return plan.running
    with ExitStack() as stack:
        on_progress = None
        if wait and not is_quiet:
            from studiolo.cli.start_display import StartDisplay  # noqa: PLC0415 - loads rich: only starts need it

            on_progress = stack.enter_context(StartDisplay()).show
        try:
            # A start that is under way already is joined: the hub answers the same.
            return await studiolo.start_workspace(
                plan.name, plan.options, title=plan.title, wait=wait, on_progress=on_progress
            )
        except Refused:
            if plan.is_new:  # the hub has a record of it by now, and nobody wants a workspace that never was
                with suppress(ClientError):
                    await studiolo.delete_workspace(plan.name)
            raise
        except asyncio.CancelledError:
            note(f"The start goes on. To end it: studiolo workspace stop {plan.name}")
            raise


async def _package(studiolo: Studiolo, text: str, *, team: str) -> str:
    """The package as a choice has it: with its version, which is the newest where none is given."""
    name, _, version = text.partition(":")
    if version and not team:
        return text
    if "/" in name:
        raise click.UsageError(f"Name the version, {text}:VERSION, or the team by --team.")
    if not version:
        version = (await studiolo.model(name, team=team)).version
    return package_name(name, version, team=team)


@workspace.command()
@click.option("--environment", metavar="NAME", default="", help="Only this software.")
@click.option("--hardware", metavar="NAME", default="", help="Only this hardware.")
@json_option
def forecast(*, environment: str, hardware: str, as_json: bool) -> None:
    """Show how long each choice would take to start now, or why it would not. Starts nothing."""
    found = ask(lambda studiolo: studiolo.forecasts(environment=environment, hardware=hardware))
    if as_json:
        print_json([each.model_dump(mode="json") for each in found])
        return
    if not found:
        chosen = " on ".join(quoted(name) for name in (environment, hardware) if name)
        raise NotFound(
            f"Nothing like {chosen} is on offer to you." if chosen else "Nothing is on offer to you yet.",
            hint="See all that is: studiolo workspace forecast" if chosen else "Ask whoever runs this Studiolo.",
        )
    print_table(
        ("software", "hardware", "forecast", "instead"),
        ((each.environment, each.hardware, each.words, each.instead) for each in found),
    )


@workspace.command()
@_NAME
@json_option
def stop(name: str, *, as_json: bool) -> None:
    """Stop a workspace. Its files and its choice of software and hardware stay."""

    async def question(studiolo: Studiolo) -> tuple[bool, WorkspaceView]:
        view = find(name, await studiolo.workspaces())
        if view.state == "stopped":
            return False, view
        await studiolo.stop_workspace(view.name)
        return True, await studiolo.workspace(view.name)

    was_running, view = ask(question)
    if as_json:
        print_json(view.model_dump(mode="json"))
        return
    note(f"Workspace {view.name} {'is stopped' if was_running else 'was not running'}.")


@workspace.command()
@_NAME
@json_option
def extend(name: str, *, as_json: bool) -> None:
    """Keep a workspace longer that would be stopped soon because nobody uses it or because it is old."""

    async def question(studiolo: Studiolo) -> tuple[datetime, WorkspaceView]:
        view = find(name, await studiolo.workspaces())
        return await studiolo.extend_workspace(view.name), view

    until, view = ask(question)
    if as_json:
        print_json({"name": view.name, "until": until.isoformat()})
        return
    note(f"Workspace {view.name} is not stopped before {until.astimezone():%H:%M}.")


@workspace.command("open")
@_NAME
@click.option("--print", "only_print", is_flag=True, help="Print the link instead of opening the browser.")
@json_option
def open_workspace(name: str, *, only_print: bool, as_json: bool) -> None:
    """Open a workspace in the browser."""
    view = ask(_finding(name))
    if as_json:
        print_json(view.model_dump(mode="json"))
        return
    if view.state not in _RUNNING:
        note(f"Workspace {view.name} is {view.state}; the page offers to start it.")
    if only_print or click.launch(view.url) != 0:
        click.echo(view.url)


@workspace.command()
@_NAME
@json_option
def logs(name: str, *, as_json: bool) -> None:
    """Print what a workspace printed: the last MiB, also after its end. Only its owner can."""

    async def question(studiolo: Studiolo) -> tuple[str, str]:
        view = find(name, await studiolo.workspaces())
        return view.name, await studiolo.workspace_log(view.name)

    found, text = ask(question)
    if as_json:
        print_json({"name": found, "log": text})
        return
    click.echo(text, nl=not text.endswith("\n"))


@workspace.command()
@click.argument("name", shell_complete=complete_workspace)
@click.option("--force", is_flag=True, help="Stop it first when it is running.")
@json_option
def delete(name: str, *, force: bool, as_json: bool) -> None:
    """Forget a workspace. Your home directory is shared by all your workspaces and stays as it is."""

    async def question(studiolo: Studiolo) -> WorkspaceView:
        view = find(name, await studiolo.workspaces())
        if view.state != "stopped" and not force and view.name != DEFAULT_SERVER_TITLE:
            raise Refused(
                f"Workspace {view.name} is {view.state}.",
                hint=f"Stop it first, or: studiolo workspace delete {view.name} --force",
            )
        await studiolo.delete_workspace(view.name)
        return view

    view = ask(question)
    if as_json:
        print_json({"name": view.name, "deleted": True})
        return
    note(f"Workspace {view.name} is deleted. Your files are untouched.")


def _finding(name: str) -> Any:
    async def question(studiolo: Studiolo) -> WorkspaceView:
        return find(name, await studiolo.workspaces())

    return question
