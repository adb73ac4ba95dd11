"""Answers for every simulated pod, as the server in it would: whoever waits for one to come up sees it come up."""

from __future__ import annotations

import asyncio
from importlib.metadata import version

import click
from aiohttp import web


def app() -> web.Application:
    """Says to every question that a JupyterHub server of this hub's version is here."""
    hub_version = version("jupyterhub")

    async def answer(_request: web.Request) -> web.Response:
        return web.json_response({"version": hub_version}, headers={"X-JupyterHub-Version": hub_version})

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    return application


async def _serve(port: int) -> None:
    runner = web.AppRunner(app(), access_log=None)
    await runner.setup()
    # On every address: this process has a network of its own, in which those are the simulated pods'.
    await web.TCPSite(runner, port=port).start()
    await asyncio.Event().wait()


@click.command()
@click.option("--port", type=int, required=True, help="The port to listen on.")
def main(port: int) -> None:
    """Answer for simulated pods."""
    asyncio.run(_serve(port))


if __name__ == "__main__":
    main()
