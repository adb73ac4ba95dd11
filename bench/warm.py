"""What warm capacity is worth: starts in the place of a slot, images that were there before, and what the loop costs.

All through the real hub and the real services process on the development cluster, the states in turns. Wanted: a
start in the place of a slot takes at most 1.1 times one with a free place; with an image that was fetched ahead, and
the first one after an environment's new digest, at most 1.2 times one with an image that was there for ever, and
without a pull.
`python -m bench.warm` needs `make cluster images`; it writes `bench/results/warm.json`.
"""

from __future__ import annotations

import asyncio
import json
import platform
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console
from rich.table import Table

from bench.cluster_images import our_images
from bench.comparison import RESULTS, Samples
from bench.warm_hub import Start
from bench.warm_images import NEW_DIGEST, PREPULLED, PRESENT, measure_images
from bench.warm_room import FREE, PREEMPTED, measure_room
from tests.cluster.ended_early import clean_up_when_ended

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RATIOS: Final = {
    "preempted_over_free": (PREEMPTED, FREE),
    "prepulled_over_present": (PREPULLED, PRESENT),
    "new_digest_over_present": (NEW_DIGEST, PRESENT),
}
"""Over what each is measured."""

BOUNDS: Final = {"preempted_over_free": 1.1, "prepulled_over_present": 1.2, "new_digest_over_present": 1.2}
"""Of the medians."""

MEGABYTE: Final = 10**6


def samples(starts: Sequence[Start]) -> Samples:
    """Without what was waited for."""
    return Samples(seconds=tuple(start.seconds for start in starts), stages=tuple(start.phases for start in starts))


def figures(found: Mapping[str, Sequence[Start]]) -> dict[str, Any]:
    """What is written: each state, the ratios, and whether each bound is kept."""
    measured = {state: samples(starts) for state, starts in found.items() if starts}
    ratios = {
        name: {
            "median": round(measured[one].median / measured[other].median, 3),
            "min": round(measured[one].minimum / measured[other].minimum, 3),
        }
        for name, (one, other) in RATIOS.items()
        if one in measured and other in measured
    }
    states = {
        state: {
            **measured[state].as_json(),
            "pulled": sum(start.has_pulled for start in found[state]),
            "offsets": [round(start.offset, 3) for start in found[state]],
            "waited": [round(start.waited, 3) for start in found[state]],
        }
        for state in measured
    }
    return {
        "states": states,
        "ratio": ratios,
        "holds": {name: ratios[name]["median"] <= BOUNDS[name] for name in ratios},
    }


@click.command()
@click.option("--rounds", default=15, show_default=True, help="Starts of each state, after a warm-up of each.")
@click.option("--image-rounds", default=15, show_default=True, help="The same, of those about images.")
@click.option("--megabytes", default=1_000, show_default=True, help="Of the image.")
@click.option("--rate", default=100, show_default=True, help="Megabytes a second that its registry sends.")
def main(rounds: int, image_rounds: int, megabytes: int, rate: int) -> None:
    """Measure, show and write; an error where a bound is not kept. 0 rounds: that part is left out."""
    console = Console(width=120, highlight=False)
    clean_up_when_ended()
    with tempfile.TemporaryDirectory(prefix="studiolo-bench-") as scratch:
        base, found = our_images()["minimal"], dict[str, list[Start]]()
        if rounds:
            found |= asyncio.run(measure_room(Path(scratch, "room"), image=base, rounds=rounds, tell=console.print))
        if image_rounds:
            measuring = measure_images(
                Path(scratch, "images"),
                base=base,
                size=megabytes * MEGABYTE,
                bytes_per_second=rate * MEGABYTE,
                rounds=image_rounds,
                tell=console.print,
            )
            found |= asyncio.run(measuring)
    result = {
        "name": "warm",
        "machine": {"system": platform.platform(), "python": platform.python_version()},
        "image": {"megabytes": megabytes, "megabytes_per_second": rate},
        **figures(found),
    }
    show(console, result)
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / "warm.json"
    path.write_text(json.dumps(result, indent=2) + "\n")
    console.print(f"written: {path}")
    sys.exit(0 if all(result["holds"].values()) else 1)


def show(console: Console, result: Mapping[str, Any]) -> None:
    """Each state, and each ratio."""
    table = Table("", "median", "min", "pulled", "each, seconds", title="Seconds to a ready workspace")
    for state, told in result["states"].items():
        each = " ".join(f"{value:.2f}" for value in sorted(told["samples"]))
        table.add_row(state, f"{told['median']:.2f}", f"{told['min']:.2f}", str(told["pulled"]), each)
    console.print(table)
    for name, ratio in result["ratio"].items():
        console.print(f"{name}: median {ratio['median']:.2f} (at most {BOUNDS[name]}), min {ratio['min']:.2f}")


if __name__ == "__main__":
    main()
