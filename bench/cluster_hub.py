"""A plain JupyterHub on this machine whose servers are pods of the development cluster, with either spawner."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from bench.stock import CHECKOUT, free_ports
from deploy.cluster.layout import NODE_ADDRESS, layout_here

if TYPE_CHECKING:
    from pathlib import Path

COMMON = """
c = get_config()  # noqa: F821 - JupyterHub's configuration files start like this
c.JupyterHub.bind_url = "http://{address}:{port}"
c.JupyterHub.hub_bind_url = "http://{address}:{hub_port}"
c.JupyterHub.hub_connect_url = "http://{address}:{hub_port}"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.allow_named_servers = True
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 0}}
c.JupyterHub.services = [{{"name": "bench", "api_token": {token!r}}}]
c.JupyterHub.load_roles = [{{
    "name": "bench",
    "services": ["bench"],
    "scopes": ["admin:users", "admin:servers", "access:servers", "tokens"],
}}]
"""

STOCK = """
c.JupyterHub.spawner_class = "kubespawner.KubeSpawner"
c.KubeSpawner.namespace = {namespace!r}
c.KubeSpawner.image = {image!r}
c.KubeSpawner.uid = c.KubeSpawner.gid = 1000
c.KubeSpawner.allow_privilege_escalation = False
c.KubeSpawner.pod_security_context = {{"runAsNonRoot": True, "seccompProfile": {{"type": "RuntimeDefault"}}}}
c.KubeSpawner.container_security_context = {{"capabilities": {{"drop": ["ALL"]}}}}
c.KubeSpawner.mem_guarantee = c.KubeSpawner.mem_limit = "1G"
c.KubeSpawner.cpu_guarantee, c.KubeSpawner.cpu_limit = 0.2, 2
c.KubeSpawner.environment = {{"HOME": "/home/jovyan"}}
c.KubeSpawner.volumes = [{{"name": "home", "emptyDir": {{}}}}]
c.KubeSpawner.volume_mounts = [{{"name": "home", "mountPath": "/home/jovyan"}}]
"""
"""What Pod Security restricted needs, and the same resources as ours; all else is as KubeSpawner comes."""


STOCK_NODES = """
c.KubeSpawner.node_selector = {{{node_label!r}: "true"}}
c.KubeSpawner.tolerations = [{{"key": {node_label!r}, "operator": "Equal", "value": "true", "effect": "NoSchedule"}}]
"""


@dataclass(slots=True, kw_only=True)
class ClusterHub:
    """A running hub; `with` starts and ends it."""

    folder: Path
    namespace: str
    image: str
    is_ours: bool = False
    node_label: str = ""
    """Label and taint of the nodes that pods are to run on; none: where the scheduler likes."""
    port: int = 0
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where its proxy answers."""
        return f"http://{NODE_ADDRESS}:{self.port}"

    @property
    def log(self) -> Path:
        """What the hub prints."""
        return self.folder / "hub.log"

    def __enter__(self) -> Self:
        """Start the hub and its proxy."""
        self.folder.mkdir(parents=True)
        self.port, hub_port, proxy_port = free_ports(3)
        facts: dict[str, Any] = {
            "address": NODE_ADDRESS,
            "port": self.port,
            "hub_port": hub_port,
            "proxy_port": proxy_port,
            "token": self.token,
            "namespace": self.namespace,
            "image": self.image,
            "node_label": self.node_label,
        }
        config = self.folder / "jupyterhub_config.py"
        stock = STOCK + (STOCK_NODES if self.node_label else "")
        config.write_text(COMMON.format(**facts) + ("" if self.is_ours else stock.format(**facts)))
        (self.folder / "installation.json").write_text(json.dumps(facts))
        program = ("bench.cluster_hub_app", str(self.folder)) if self.is_ours else ("jupyterhub",)
        env = {
            "PATH": os.pathsep.join([str(CHECKOUT / "node_modules" / ".bin"), os.environ["PATH"]]),
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "KUBECONFIG": str(layout_here().kubeconfig),
            "PYTHONPATH": str(CHECKOUT),
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *program, "-f", config],
                cwd=self.folder,
                env=env,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self

    def __exit__(self, *_: object) -> None:
        """End the hub, which ends its proxy and its pods."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=120)
