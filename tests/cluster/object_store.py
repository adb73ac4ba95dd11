"""A real S3 server on the node's address: SeaweedFS, built from its Go module and kept like the cluster's own programs.

with object_store(tmp_path, key="…", secret="…") as store:
    ...                              # S3 at store.url, for whoever has both
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import httpx

from deploy.cluster.binaries import provide_binaries
from deploy.cluster.go_toolchain import provide_go
from deploy.cluster.layout import NODE_ADDRESS, layout_here
from deploy.cluster.modules import OBJECT_STORE
from deploy.local.ports import free_port

PATIENCE_SECONDS = 60.0
SERVERS = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc")


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectStore:
    """Where it is."""

    url: str

    def is_refused(self, path: str) -> bool:
        """Whether somebody without any credential is turned away."""
        with httpx.Client(trust_env=False) as client:
            return client.get(f"{self.url}/{path}").status_code == HTTPStatus.FORBIDDEN


@contextmanager
def object_store(folder: Path, *, key: str, secret: str) -> Iterator[ObjectStore]:
    """For the time of a test; `folder` is made and gets its data. The first one on a machine builds it, for minutes."""
    layout = layout_here()
    provide_binaries(layout, provide_go(layout.cache, print), (OBJECT_STORE,), print)
    (folder / "data").mkdir(parents=True)
    account = {"accessKey": key, "secretKey": secret}
    known = {"identities": [{"name": "alice", "credentials": [account], "actions": ["Admin"]}]}
    (folder / "s3.json").write_text(json.dumps(known))
    port = free_port()
    options = {
        "dir": folder / "data",
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        **{name: free_port() for name in SERVERS},
        "volume.max": "8",
        "volume.preStopSeconds": 0,
        "master.volumeSizeLimitMB": 64,
        "filer": "true",
        "s3": "true",
        "s3.ip.bind": NODE_ADDRESS,
        "s3.port": port,
        "s3.port.grpc": free_port(),
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.config": folder / "s3.json",
    }
    argv = (layout.program(OBJECT_STORE.name), "server", *(f"-{name}={value}" for name, value in options.items()))
    log = folder / "weed.log"
    store = ObjectStore(url=f"http://{NODE_ADDRESS}:{port}")
    with log.open("wb") as output, subprocess.Popen(argv, cwd=folder, stdout=output, stderr=output) as process:
        try:
            _until_it_refuses(store, process, log)
            yield store
        finally:
            process.terminate()


def _until_it_refuses(store: ObjectStore, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        assert process.poll() is None, log.read_text()[-3000:]
        try:
            if store.is_refused(""):
                return
        except httpx.HTTPError:
            pass  # it does not listen yet
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.1)  # nothing tells when it is ready
