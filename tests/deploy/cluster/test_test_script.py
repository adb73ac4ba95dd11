"""`make test-cluster` before it reaches a cluster."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from deploy.cluster.layout import CHECKOUT


def test_a_kubeconfig_that_is_not_there_ends_it_at_once(tmp_path: Path) -> None:
    missing = tmp_path / "kubeconfig"
    done = subprocess.run(
        [CHECKOUT / "deploy" / "cluster" / "test.sh"],
        env=os.environ | {"STUDIOLO_KUBECONFIG": str(missing)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, f"STUDIOLO_KUBECONFIG names {missing}, and there is no such file.\n")
