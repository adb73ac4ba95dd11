"""An image made by hand of one static program, without a builder and without a registry."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from typing import TYPE_CHECKING

from deploy.cluster.programs import run_program

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.cluster.layout import NodeLayout


def image_archive(program: Path, *, name: str, architecture: str, user: str) -> bytes:
    """An image of one program, in the form of `docker save`. Same input, same bytes. `user`: `UID:GID`."""
    layer = _tar({program.name: program.read_bytes()}, mode=0o755)
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {"Entrypoint": [f"/{program.name}"], "User": user},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    config_text = json.dumps(config, sort_keys=True).encode()
    config_name = f"{hashlib.sha256(config_text).hexdigest()}.json"
    manifest = [{"Config": config_name, "RepoTags": [name], "Layers": ["layer.tar"]}]
    files = {config_name: config_text, "layer.tar": layer, "manifest.json": json.dumps(manifest).encode()}
    return _tar(files, mode=0o644)


def import_image(archive: Path, node: NodeLayout) -> None:
    """Put it where the node's containerd finds it by its name, without pulling."""
    ctr = ("ctr", "--address", node.containerd_socket, "--namespace", "k8s.io")
    run_program(*ctr, "images", "import", archive)


def _tar(files: dict[str, bytes], *, mode: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
