"""`python -m deploy.cluster.network_policy run|remove`: the enforcer as a process, and the end of its rules."""

from __future__ import annotations

import asyncio
import logging
import signal
from ipaddress import IPv4Network
from pathlib import Path

import click
from kubernetes_asyncio import client, config

from deploy.cluster.network_policy.enforcer import Enforcer
from deploy.cluster.network_policy.firewall import remove_table
from deploy.cluster.network_policy.rules import PodNetwork


@click.group()
def main() -> None:
    """NetworkPolicy for the development cluster on this machine."""


@main.command()
@click.option("--kubeconfig", type=click.Path(path_type=Path), required=True, help="How to reach the API server.")
@click.option(
    "--pod-range", "pod_ranges", type=IPv4Network, multiple=True, required=True, help="Where pods get addresses from."
)
@click.option(
    "--bridge", "bridges", multiple=True, default=("studiolo-p*",), show_default=True, help="Where pods connect."
)
def run(kubeconfig: Path, pod_ranges: tuple[IPv4Network, ...], bridges: tuple[str, ...]) -> None:
    """Enforce until SIGTERM or SIGINT, then take the rules away. After SIGKILL they stay: see `remove`."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    asyncio.run(_run(kubeconfig, PodNetwork(ranges=pod_ranges, bridges=bridges)))


@main.command()
def remove() -> None:
    """Take away the rules that an enforcer left behind."""
    asyncio.run(remove_table())


async def _run(kubeconfig: Path, network: PodNetwork) -> None:
    settings = client.Configuration()
    await config.load_kube_config(config_file=str(kubeconfig), client_configuration=settings)
    async with client.ApiClient(settings) as api:
        enforcing = asyncio.ensure_future(Enforcer(api, network).run())
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(signal_number, enforcing.cancel)
        try:
            await enforcing
        except asyncio.CancelledError:
            logging.getLogger("network-policy").info("stopping: the rules go with me")
        finally:
            await remove_table()


if __name__ == "__main__":
    main()
