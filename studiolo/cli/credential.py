"""`studiolo credential`: what your workspaces sign in with elsewhere. Values come from files or stdin."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from studiolo.cli.connection import ask
from studiolo.cli.output import json_option, note, print_json, print_table, since

if TYPE_CHECKING:
    from collections.abc import Mapping

    from studiolo.wire import CredentialView

LARGEST_VALUE_BYTES: Final = 1024 * 1024
"""More than any credential may have; what is larger was not meant."""

FROM_STDIN: Final = "-"

_from = click.option(
    "--from",
    "source",
    metavar="PATH",
    default=FROM_STDIN,
    type=click.Path(dir_okay=False, allow_dash=True),
    help="Read the value from a file instead of standard input.",
)


_team = click.option("--team", default="", metavar="TEAM", help="Of a team that you lead, for all its members.")


@click.group()
def credential() -> None:
    """Keep tokens and keys for your workspaces, or your team's. Nobody can read a value back, you neither."""


@credential.command("list")
@click.option("--team", default=None, metavar="TEAM", help="Only those of this team.")
@json_option
def list_credentials(*, team: str | None, as_json: bool) -> None:
    """Show your credentials and your teams': names and places, never a value. An administrator sees every team's."""
    found = ask(lambda studiolo: studiolo.credentials(team=team))
    if as_json:
        print_json([one.model_dump(mode="json") for one in found])
        return
    now = datetime.now(UTC)
    print_table(
        ("name", "team", "kind", "for", "given", "changed", "last got by"),
        (
            (
                one.name,
                one.team,
                one.kind,
                one.title,
                _given(one),
                since(one.changed, now=now),
                f"{one.mounted_by} {since(one.mounted, now=now)}".strip(),
            )
            for one in found
        ),
    )


@credential.command()
@click.argument("name")
@click.option("--env", "variable", metavar="VARIABLE", help="An environment variable of this name.")
@click.option("--file", "path", metavar="PATH", help="A file: NAME below /run/credentials, or ~/PATH below the home.")
@click.option("--git", "host", metavar="HOST", help="git over HTTPS; needs --user.")
@click.option("--ssh-key", is_flag=True, help="An SSH key: made for you, or brought along with --from.")
@click.option("--index", type=click.Choice(["pip", "npm", "conda"]), help="A package index; needs --url.")
@click.option("--cloud", type=click.Choice(["aws", "gcp", "azure"]), help="A cloud profile.")
@click.option("--url", default="", help="The address of the package index.")
@click.option("--user", default="", help="Who signs in there.")
@click.option("--not-always", is_flag=True, help="Only for workspaces that choose it.")
@_team
@_from
@json_option
def add(name: str, *, source: str, not_always: bool, team: str, as_json: bool, **given: Any) -> None:
    """Keep a credential. The value is read from standard input, or from a file with --from."""
    from studiolo.wire import NewCredential  # noqa: PLC0415 - loads pydantic, which --help does not need

    kind, facts = _kind_of(given)
    is_made_here = kind == "ssh-key" and source == FROM_STDIN
    value = "" if is_made_here else _value(source, is_line=kind in {"env", "git", "package-index"})
    about = {"name": name, "team": team, "kind": kind, "always": not not_always}
    new = NewCredential.model_validate({**about, "value": value, **facts})
    added = ask(lambda studiolo: studiolo.add_credential(new))
    kept = f"Kept {added.name}{_of(team)}."
    uses = " Its members have it in their workspaces." if team else ""
    _print(added, f"{kept} Nobody can read its value back.{uses}", as_json=as_json)


@credential.command()
@click.argument("name")
@_team
@_from
@click.option("--new-key", is_flag=True, help="Of an SSH key: make a new one.")
@json_option
def rotate(name: str, *, team: str, source: str, new_key: bool, as_json: bool) -> None:
    """Give a credential another value, at the same places. Read from standard input, or from a file with --from."""
    from studiolo.wire import NewValue  # noqa: PLC0415 - see above

    async def question(studiolo: Any) -> CredentialView:
        kinds = {(one.team, one.name): one.kind for one in await studiolo.credentials()}
        is_line = kinds.get((team, name)) in {"env", "git", "package-index"}
        new = NewValue.model_validate({"value": "" if new_key else _value(source, is_line=is_line)})
        changed: CredentialView = await studiolo.rotate_credential(name, new, team=team)
        return changed

    changed = ask(question)
    when = "Variables change at a workspace's next start." if changed.env else "New workspaces get it."
    _print(changed, f"{changed.name}{_of(team)} has a new value. {when}", as_json=as_json)


@credential.command()
@click.argument("name")
@_team
def remove(name: str, *, team: str) -> None:
    """Forget a credential. Workspaces do not get it from their next start on."""
    ask(lambda studiolo: studiolo.remove_credential(name, team=team))
    note(f"Removed {name}{_of(team)}.")


def _of(team: str) -> str:
    return f" of team {team}" if team else ""


def _given(one: CredentialView) -> str:
    if not one.is_given:
        return "not to you"
    return "always" if one.always else "when chosen"


def _kind_of(given: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """The kind that was chosen by an option, and what that kind needs."""
    user, url = given["user"], given["url"]
    chosen: dict[str, dict[str, str]] = {}
    if given["variable"] is not None:
        chosen["env"] = {"variable": given["variable"]}
    if given["path"] is not None:
        chosen["file"] = {"path": _below_home(given["path"])}
    if given["host"] is not None:
        chosen["git"] = {"host": given["host"]}
    if given["ssh_key"]:
        chosen["ssh-key"] = {}
    if given["index"] is not None:
        chosen["package-index"] = {"tool": given["index"]}
    if given["cloud"] is not None:
        chosen["cloud"] = {"tool": given["cloud"]}
    if len(chosen) != 1:
        raise click.UsageError("Choose one of --env, --file, --git, --ssh-key, --index, --cloud.")
    [(kind, facts)] = chosen.items()
    return kind, {**facts, "user": user, "url": url}


def _below_home(path: str) -> str:
    """`~/x` as it was meant: the shell has put this machine's home in its place."""
    home = str(Path.home())
    return f"~{path.removeprefix(home)}" if path.startswith(f"{home}/") else path


def _value(source: str, *, is_line: bool) -> str:
    """The value, whole. `is_line`: without the line end that `echo` and editors add."""
    if source == FROM_STDIN and sys.stdin.isatty():
        return str(click.prompt("Value", hide_input=True))
    try:
        with click.open_file(source, "rb") as file:
            data: bytes = file.read(LARGEST_VALUE_BYTES + 1)
    except OSError as error:
        raise click.FileError(source, error.strerror) from error
    if len(data) > LARGEST_VALUE_BYTES:
        raise click.UsageError("The value is larger than 1 MiB.")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise click.UsageError("The value is not text (UTF-8).") from None  # the cause would hold it
    if is_line:
        text = text.removesuffix("\n").removesuffix("\r")
    return text


def _print(view: CredentialView, sentence: str, *, as_json: bool) -> None:
    if as_json:
        print_json(view.model_dump(mode="json"))
        return
    note(sentence)
    if view.public_key:
        note(f"Fingerprint {view.fingerprint}. The public half, for your git server:")
        click.echo(view.public_key)
