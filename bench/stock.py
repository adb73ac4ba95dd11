"""The stack to beat: JupyterHub as pip installs it, with its own proxy and `SimpleLocalProcessSpawner`."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from spawner.data_directory import default_cache_directory

CHECKOUT = Path(__file__).parent.parent
LOCK = CHECKOUT / "images" / "minimal" / "requirements.lock"
"""Both sides run the versions of this lock; the stock side also gets what pip would add to it."""

CONFIG = """
c = get_config()  # noqa: F821 - JupyterHub's configuration files start like this
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_port = {hub_port}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = {homes!r}
c.Spawner.args = ["--allow-root"]  # the server refuses to start otherwise where root runs the benchmark
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.allow_named_servers = True
c.JupyterHub.services = [{{"name": "bench", "api_token": {token!r}}}]
c.JupyterHub.load_roles = [{{
    "name": "bench",
    "services": ["bench"],
    "scopes": ["admin:users", "admin:servers", "access:servers"],
}}]
"""


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on at this moment."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def pinned_versions(lock: Path = LOCK) -> dict[str, str]:
    """Package name to version of a lock."""
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", lock.read_text(), flags=re.MULTILINE))


def stock_environment() -> Path:
    """A virtual environment with JupyterHub and JupyterLab as pip leaves them, at the versions of our lock."""
    names = ("jupyterhub", "jupyterlab", "ipykernel")
    pins = pinned_versions()
    wanted = [f"{name}=={pins[name]}" for name in names]
    constraints = "\n".join(f"{name}=={version}" for name, version in sorted(pins.items()))
    key = hashlib.sha256(f"{sys.version}\n{wanted}\n{constraints}".encode()).hexdigest()[:12]
    home = default_cache_directory() / "bench" / f"stock-{key}"
    if (home / "complete").exists():
        return home
    home.mkdir(parents=True, exist_ok=True)
    (home / "constraints.txt").write_text(constraints + "\n")
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, home / "venv"], check=True)
    subprocess.run(
        [
            *uv,
            "pip",
            "install",
            "--quiet",
            "--compile-bytecode",  # pip compiles what it installs
            "--python",
            home / "venv" / "bin" / "python",
            "--constraint",
            home / "constraints.txt",
            *wanted,
        ],
        check=True,
        cwd=home,  # away from this checkout, whose settings would leave packages out
    )
    (home / "complete").touch()
    return home


@dataclass(slots=True, kw_only=True)
class StockHub:
    """A running stock hub; `with` starts and ends it."""

    folder: Path
    environment: Path
    port: int = 0
    token: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where its proxy answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What the hub and its users' servers print."""
        return self.folder / "hub.log"

    def __enter__(self) -> Self:
        """Start the hub and its proxy."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port, hub_port, proxy_port = free_ports(3)
        self.token = secrets.token_hex(16)
        config = self.folder / "jupyterhub_config.py"
        homes = str(self.folder / "homes" / "{username}")
        config.write_text(
            CONFIG.format(port=self.port, hub_port=hub_port, proxy_port=proxy_port, homes=homes, token=self.token)
        )
        binaries = self.environment / "venv" / "bin"
        path = os.pathsep.join([str(binaries), str(CHECKOUT / "node_modules" / ".bin"), os.environ["PATH"]])
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [binaries / "jupyterhub", "-f", config],
                cwd=self.folder,
                env={"PATH": path, "HOME": str(self.folder), "LANG": "C.UTF-8"},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self

    def __exit__(self, *_: object) -> None:
        """End the hub, which ends its proxy and its users' servers."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=60)
