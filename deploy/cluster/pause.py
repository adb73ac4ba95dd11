"""The image of the process that holds a pod's network: 30 lines of C from Kubernetes' module."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.cluster.layout import REGISTRY
from deploy.cluster.modules import MODULES
from deploy.cluster.program_image import image_archive
from deploy.cluster.programs import run_program

if TYPE_CHECKING:
    from deploy.cluster.go_toolchain import GoToolchain
    from deploy.cluster.layout import Layout

PAUSE_IMAGE: Final = "localhost/pause:1"
"""Named in containerd's configuration; imported at each start, so it is never pulled."""


def build_pause(layout: Layout, go: GoToolchain) -> None:
    """Compile it and put it into an image archive, unless that is there."""
    archive = pause_archive(layout)
    if archive.is_file():
        return
    where = (go.program, "list", "-m", "-f", "{{.Dir}}", "k8s.io/kubernetes")
    source = Path(run_program(*where, cwd=MODULES / "kubernetes").strip()) / "build/pause/linux/pause.c"
    program = archive.with_name("pause")
    archive.parent.mkdir(parents=True, exist_ok=True)
    run_program("gcc", "-Os", "-static", "-DVERSION=1", "-o", program, source)
    run_program("strip", program)
    unfinished = archive.with_suffix(".unfinished")
    unfinished.write_bytes(image_archive(program, name=PAUSE_IMAGE, architecture=go.architecture, user="65535:65535"))
    unfinished.replace(archive)


def push_pause(layout: Layout) -> str:
    """Put it into the cluster's registry, for pods that hold room; its reference there, with the digest.

    Raises ProgramFailedError where the registry is away.
    """
    name = f"{REGISTRY}/studiolo/pause"
    with tempfile.NamedTemporaryFile() as digest:
        source = f"docker-archive:{pause_archive(layout)}"
        options = ("--quiet", "--dest-tls-verify=false", "--digestfile", digest.name)
        run_program("skopeo", "copy", *options, source, f"docker://{name}:1")
        return f"{name}@{Path(digest.name).read_text(encoding='utf-8').strip()}"


def pause_archive(layout: Layout) -> Path:
    """Where the image lies: keyed by the module that its source comes from."""
    key = hashlib.sha256((MODULES / "kubernetes" / "go.mod").read_bytes()).hexdigest()[:24]
    return layout.built / f"pause-{key}" / "pause.tar"
