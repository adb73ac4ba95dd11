"""What a hub loads when it starts: each start waits for it, and each machine keeps it in memory."""

from __future__ import annotations

import subprocess
import sys

LOADED = "import sys, hub.jupyterhub_app, hub.machine_backend; print(*sys.modules)"


def test_on_one_machine_nothing_that_speaks_to_kubernetes() -> None:
    loaded = subprocess.run((sys.executable, "-P", "-c", LOADED), capture_output=True, text=True, check=True)
    assert "hub.machine_backend" in loaded.stdout.split()
    assert not {"kubernetes_asyncio", "kubespawner", "spawner.kube"} & set(loaded.stdout.split())
