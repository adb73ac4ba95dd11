"""The image of the process that holds a pod's network: 30 lines of C from Kubernetes' module, in an image by hand."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.cluster.modules import MODULES
from deploy.cluster.programs import run_program

if TYPE_CHECKING:
    from deploy.cluster.layout import Layout

PAUSE_IMAGE: Final = "localhost/pause:1"
"""Named in containerd's configuration; imported at each start, so it is never pulled."""


def build_pause(layout: Layout) -> None:
    """Compile it and put it into an image archive, unless that is there."""
    archive = pause_archive(layout)
    if archive.is_file():
        return
    go = run_program("go", "list", "-m", "-f", "{{.Dir}}", "k8s.io/kubernetes", cwd=MODULES / "kubernetes").strip()
    program = archive.with_name("pause")
    archive.parent.mkdir(parents=True, exist_ok=True)
    run_program("gcc", "-Os", "-static", "-DVERSION=1", "-o", program, Path(go) / "build/pause/linux/pause.c")
    run_program("strip", program)
    unfinished = archive.with_suffix(".unfinished")
    unfinished.write_bytes(image_archive(program.read_bytes(), name=PAUSE_IMAGE, architecture=_architecture()))
    unfinished.replace(archive)


def pause_archive(layout: Layout) -> Path:
    """Where the image lies: keyed by the module that its source comes from."""
    key = hashlib.sha256((MODULES / "kubernetes" / "go.mod").read_bytes()).hexdigest()[:24]
    return layout.built / f"pause-{key}" / "pause.tar"


def image_archive(program: bytes, *, name: str, architecture: str) -> bytes:
    """An image of one program that runs as nobody, in the form of `docker save`. Same input, same bytes."""
    layer = _tar({"pause": program}, mode=0o755)
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {"Entrypoint": ["/pause"], "User": "65535:65535"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    config_text = json.dumps(config, sort_keys=True).encode()
    config_name = f"{hashlib.sha256(config_text).hexdigest()}.json"
    manifest = [{"Config": config_name, "RepoTags": [name], "Layers": ["layer.tar"]}]
    files = {config_name: config_text, "layer.tar": layer, "manifest.json": json.dumps(manifest).encode()}
    return _tar(files, mode=0o644)


def _tar(files: dict[str, bytes], *, mode: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _architecture() -> str:
    return run_program("go", "env", "GOARCH").strip()
