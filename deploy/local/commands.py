"""`studiolo up` and `studiolo password`: the commands that exist only in a checkout."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from spawner.data_directory import default_data_directory

HIGHEST_PORT = 65535
MOST_SIMULATED_GPUS = 64

data_option = click.option(
    "--data",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    default=default_data_directory,
    help="Where homes, environments, databases and logs are kept.  [default: ~/.local/share/studiolo]",
)


@click.command()
@click.option("--port", type=click.IntRange(1, HIGHEST_PORT), help="The port people open.  [default: 8000]")
@data_option
@click.option("--host", help="The interface to listen on.  [default: 127.0.0.1]")
@click.option(
    "--catalog",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder with environments.yaml and hardware.yaml.  [default: this checkout]",
)
@click.option(
    "--simulate-gpus",
    metavar="N",
    type=click.IntRange(0, MOST_SIMULATED_GPUS),
    help="Pretend this machine has N GPUs, to try things out.",
)
@click.option("--allow-root", is_flag=True, help="Run as root: every workspace is root then.")
@click.option(
    "--i-understand-there-is-no-isolation",
    "accepts_no_isolation",
    is_flag=True,
    help="Let other machines in (--host), though nobody is kept from the files of anybody else.",
)
def up(
    *,
    port: int | None,
    data: Path,
    host: str | None,
    catalog: Path | None,
    simulate_gpus: int | None,
    allow_root: bool,
    accepts_no_isolation: bool,
) -> None:
    """Run Studiolo on this machine, in the foreground.

    Ctrl-C stops it and every workspace. Values that stay are better written to studiolo.yaml in the data directory.
    """
    # The supervisor brings the hub's libraries; every other command starts without them.
    from deploy.local.preparation import UpOptions  # noqa: PLC0415 - see above
    from deploy.local.reporting import Reporter  # noqa: PLC0415 - see above
    from deploy.local.up import up as run_studiolo  # noqa: PLC0415 - see above

    options = UpOptions(
        data=data,
        port=port,
        host=host,
        catalog=catalog,
        simulate_gpus=simulate_gpus,
        allow_root=allow_root,
        accepts_no_isolation=accepts_no_isolation,
    )
    run_studiolo(options, env=os.environ, reporter=Reporter())


@click.command()
@data_option
@click.option("--user", default="admin", show_default=True, help="Whose password to change.")
@click.option("--change", is_flag=True, help="Make a new password; the old one is worth nothing from then on.")
@click.option("--stdin", "reads_stdin", is_flag=True, help="With --change: read the new password from standard input.")
def password(*, data: Path, user: str, change: bool, reads_stdin: bool) -> None:
    """Show the administrator's password, or change anybody's.

    The password stands alone on the last line.
    """
    from deploy.local.password import change_password, show_password  # noqa: PLC0415 - as in `up`

    if reads_stdin and not change:
        raise click.UsageError("--stdin gives the new password: add --change.")
    if change:
        new = sys.stdin.readline().rstrip("\r\n") if reads_stdin else None
        click.echo(change_password(data, user=user, new=new))
    else:
        click.echo(show_password(data, user=user))
