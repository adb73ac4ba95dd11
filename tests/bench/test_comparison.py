"""A benchmark's result says what its samples say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from bench.comparison import Comparison, Samples
from bench.stages import phases_from_log, stages_from_log
from bench.stock import pinned_versions

LOG = """\
[I 2026-11-22 10:00:00.500 JupyterHub spawner:1855] Spawning jupyterhub-singleuser
[I 2026-11-22 10:00:03.250 ServerApp] Jupyter Server 2.21.1 is running at:
Traceback: a line without a stamp
[I 2026-11-22 10:00:04.000 JupyterHub base:1192] User ada:bench took 3.600 seconds to start
"""


def comparison() -> Comparison:
    return Comparison(
        name="start",
        what="Seconds",
        stock=Samples(seconds=(5.0, 4.0, 6.0), stages=({"server": 3.0}, {"server": 2.0}, {"server": 4.0})),
        ours=Samples(seconds=(1.0, 0.8, 2.0)),
        versions={"jupyterhub": "6.1.1"},
    )


def test_the_ratio_says_how_many_times_faster_ours_is() -> None:
    assert comparison().ratio_of_medians == pytest.approx(5.0)
    assert comparison().ratio_of_minima == pytest.approx(5.0)


def test_the_file_holds_both_sides_and_both_ratios(tmp_path: Path) -> None:
    written = json.loads(comparison().save(tmp_path).read_text())
    assert written["stock"]["samples"] == [5.0, 4.0, 6.0]
    assert written["stock"]["stages"] == {"server": 3.0}
    assert written["ours"]["min"] == 0.8
    assert written["ratio"] == {"median": 5.0, "min": 5.0}


def test_both_distributions_are_printed() -> None:
    console = Console(record=True, width=120)
    comparison().show(console)
    shown = console.export_text()
    assert "0.80 1.00 2.00" in shown
    assert "ratio: median 5.00, minimum 5.00" in shown


def test_the_stages_of_a_stock_start_are_read_from_its_log() -> None:
    assert stages_from_log(LOG.splitlines()) == pytest.approx({"server": 2.75, "noticed": 0.75})


def test_a_start_whose_log_lacks_a_line_has_no_stages() -> None:
    assert stages_from_log(LOG.splitlines()[1:]) == {}


def test_pins_are_read_from_a_lock(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        'idna==3.10 \\\n    --hash=sha256:00\nwinpty==2.0 ; sys_platform == "win32" \\\n    --hash=sha256:11\n'
    )
    assert pinned_versions(lock) == {"idna": "3.10", "winpty": "2.0"}


def test_the_phases_of_our_start_are_read_from_its_log() -> None:
    line = (
        "[I 2026-11-22 10:00:00.500 StudioloHub local:300] The workspace ada:bench is ready: room 0.00 s, server 0.51 s"
    )
    assert phases_from_log(["something else", line]) == {"room": 0.0, "server": 0.51}
    assert phases_from_log(["something else"]) == {}
