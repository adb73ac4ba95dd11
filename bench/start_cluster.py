"""How long a person waits for a workspace on Kubernetes: the request until the hub says ready, against the stock stack.

Same cluster, same packages, interleaved: stock JupyterHub and KubeSpawner with a compiled image as pip leaves it, the
same with our image, and ours. A warm-up of each comes first, in which images are pulled.
`python -m bench.start_cluster` needs `make cluster images`; it writes `bench/results/start_cluster.json`.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console

from bench.cluster_hub import ClusterHub
from bench.cluster_images import our_images, stock_image
from bench.comparison import Comparison, Samples
from bench.hub_client import HubClient, wait_until_up
from bench.stages import phases_from_log
from bench.start import SHOWN_PACKAGES, time_start
from bench.stock import pinned_versions
from deploy.cluster.layout import layout_here
from deploy.cluster.programs import run_program

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMESPACE: Final = "studiolo-bench"
RESTRICTED: Final = "pod-security.kubernetes.io/enforce=restricted"


def kubectl(*words: str) -> str:
    """Run kubectl as the cluster's administrator."""
    layout = layout_here()
    return run_program(layout.program("kubectl"), "--kubeconfig", layout.kubeconfig, *words)


@click.command()
@click.option("--runs", default=15, show_default=True, help="Starts of each stack, after one warm-up of each.")
def main(runs: int) -> None:
    """Time starts of all three, interleaved."""
    console = Console(width=120, highlight=False)
    console.print("Preparing images and hubs …")
    ours = our_images()["minimal"]
    stacks = {"stock": (stock_image(), False), "stock, our image": (ours, False), "ours": (ours, True)}
    found: dict[str, list[tuple[float, Mapping[str, float]]]] = {name: [] for name in stacks}
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found")
    kubectl("create", "namespace", NAMESPACE)
    kubectl("label", "namespace", NAMESPACE, RESTRICTED)
    with tempfile.TemporaryDirectory(prefix="studiolo-bench-") as scratch, ExitStack() as running:
        hubs = {}
        for number, (name, (image, is_ours)) in enumerate(stacks.items()):
            hub = ClusterHub(folder=Path(scratch, str(number)), namespace=NAMESPACE, image=image, is_ours=is_ours)
            hubs[name] = running.enter_context(hub)
        clients: dict[str, HubClient] = {}
        for name, hub in hubs.items():
            wait_until_up(hub.url)
            clients[name] = HubClient(url=hub.url, token=hub.token, user=f"user{len(clients)}")
            clients[name].create_user()
        for run in range(runs + 1):
            told = []
            for name, client in clients.items():
                one = time_start(client, {}, hubs[name].log, phases_from_log)
                told.append(f"{name} {one[0]:.2f} s")
                if run:
                    found[name].append(one)
            console.print(f"{run or 'warm-up'}: {', '.join(told)}")
    kubectl("delete", "namespace", NAMESPACE, "--wait=false")
    _show(console, {name: _samples(starts) for name, starts in found.items()})


def _samples(starts: list[tuple[float, Mapping[str, float]]]) -> Samples:
    return Samples(seconds=tuple(one[0] for one in starts), stages=tuple(one[1] for one in starts))


def _show(console: Console, samples: Mapping[str, Samples]) -> None:
    versions = {name: pinned_versions()[name] for name in SHOWN_PACKAGES}
    comparisons = {
        kind: Comparison(
            name="start_cluster",
            what=f"Seconds from the request to a ready JupyterLab in a pod, against {kind}",
            stock=samples[kind],
            ours=samples["ours"],
            versions=versions,
        )
        for kind in ("stock", "stock, our image")
    }
    for comparison in comparisons.values():
        comparison.show(console)
    path = comparisons["stock"].save()
    same = comparisons["stock, our image"].as_json()
    whole = json.loads(path.read_text()) | {"ratio_same_image": same["ratio"], "stock_same_image": same["stock"]}
    path.write_text(json.dumps(whole, indent=2) + "\n")
    console.print(f"written: {path}")


if __name__ == "__main__":
    main()
