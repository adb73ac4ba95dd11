"""Kubernetes' own end-to-end tests of NetworkPolicies, built from its module and run against this cluster."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.cluster.binaries import provide_binaries
from deploy.cluster.errors import ClusterError
from deploy.cluster.go_toolchain import provide_go
from deploy.cluster.layout import CHECKOUT, REGISTRY
from deploy.cluster.modules import CONFORMANCE, MODULES
from deploy.cluster.program_image import image_archive, import_image
from deploy.cluster.programs import run_program
from deploy.cluster.record import load_record

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.cluster.go_toolchain import GoToolchain
    from deploy.cluster.layout import Layout

FOCUS: Final = "NetworkPolicy"
NOT_HERE: Final = r"SCTP|IPv6"
"""The kernel of our machines lacks the one, the pods' network the other. Both are reported as not run."""

MINUTES: Final = 45
"""For all of it; 25 s a test on two cores, 20 minutes for the 45 of them."""

RESULTS: Final = CHECKOUT / "build" / "conformance"


def run_conformance(layout: Layout, *, focus: str, say: Callable[[str], None]) -> None:
    """Run the tests whose name matches, all of NetworkPolicy by default. Raises ClusterError when one fails."""
    go = provide_go(layout.cache, say)
    provide_binaries(layout, go, CONFORMANCE, say)
    _provide_agnhost(layout, go)
    RESULTS.mkdir(parents=True, exist_ok=True)
    images = RESULTS / "images.yaml"
    images.write_text(f"promoterE2eRegistry: {REGISTRY}\n")
    say(f"Kubernetes' own tests of {focus}, about 25 s each; the whole output is in {RESULTS / 'output.log'}.")
    say(f"Not run, because this cluster cannot: {NOT_HERE.replace('|', ', ')}.")
    code = _run(command(layout, focus=focus), images, say)
    if code:
        raise ClusterError(
            f"Kubernetes' own tests ended with exit code {code}.",
            hint=f"What failed, and why: {RESULTS / 'output.log'}",
        )


def command(layout: Layout, *, focus: str) -> tuple[str, ...]:
    """How the program of tests is called."""
    return (
        layout.program("e2e.test"),
        f"--kubeconfig={layout.kubeconfig}",
        "--provider=skeleton",
        f"--ginkgo.focus={focus}",
        f"--ginkgo.skip={NOT_HERE}",
        f"--ginkgo.timeout={MINUTES}m",
        "--ginkgo.no-color",
        "--ginkgo.v",
        "--minStartupPods=0",
        "--allowed-not-ready-nodes=1",
        f"--report-dir={RESULTS}",
    )


def agnhost_reference(manifest: str) -> str:
    """The image that the tests' pods run, by the tag that this version of Kubernetes names in its own source."""
    found = re.search(r'configs\[Agnhost\] = Config\{list\.PromoterE2eRegistry, "agnhost", "([\w.-]+)"\}', manifest)
    if found is None:
        raise ClusterError(
            "This version of Kubernetes names its test image in another way than the last.",
            hint="See test/utils/image/manifest.go in its module, and mend deploy/cluster/conformance.py.",
        )
    return f"{REGISTRY}/agnhost:{found[1]}"


def progress_line(line: str) -> str:
    """What a person who waits wants of a line that the tests print: the beginning and the end of each; else ""."""
    if line.startswith(("Will run ", "Ran ", "PASS", "FAIL")):
        return line
    ended = re.match(r"• (?:\[(?P<how>[A-Z]+)\] )?\[(?P<seconds>[\d.]+) seconds\]", line)
    if ended is None:
        return ""
    return f"  {(ended['how'] or 'passed').lower()} after {float(ended['seconds']):.0f} s"


def _run(argv: tuple[str, ...], images: Path, say: Callable[[str], None]) -> int:
    env = os.environ | {"KUBE_TEST_REPO_LIST": str(images)}
    with (
        (RESULTS / "output.log").open("w") as log,
        subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env
        ) as process,
    ):
        for line in process.stdout or ():
            log.write(line)
            if shown := progress_line(line.rstrip()):
                say(shown)
    return process.returncode


def _provide_agnhost(layout: Layout, go: GoToolchain) -> None:
    where = (go.program, "list", "-m", "-f", "{{.Dir}}", "k8s.io/kubernetes")
    module = run_program(*where, cwd=MODULES / "kubernetes").strip()
    reference = agnhost_reference(Path(module, "test/utils/image/manifest.go").read_text())
    program = (layout.bin / "agnhost").resolve()
    archive = program.with_name("agnhost.tar")
    if not archive.is_file():
        # Root: its servers listen on ports below 1024.
        content = image_archive(program, name=reference, architecture=go.architecture, user="0:0")
        unfinished = archive.with_suffix(".unfinished")
        unfinished.write_bytes(content)
        unfinished.replace(archive)
    record = load_record()
    for number in range(1, (record.node_count if record else 1) + 1):
        import_image(archive, layout.node(number))
