"""All that an installation and the machine below it show or keep, but Secrets and what belongs to one workspace alone.

for place, text in everywhere(installed, without_pod=uid):
    assert secret not in text, place
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from tests.cluster.cluster_commands import kubectl
from tests.cluster.installed import Installed

Place = tuple[str, str]


def everywhere(installed: Installed, *, without_pod: str) -> Iterator[Place]:
    """Places and their texts. `without_pod`: the workspace whose own the values are, by its uid."""
    yield from objects(installed)
    yield from logs(installed)
    yield from databases(installed)
    yield from backups(installed)
    yield from processes(without_pod)


def namespaces(installed: Installed) -> list[str]:
    """Ours, the workspaces', and that of the home service where there is one."""
    there = set(kubectl("get", "namespaces", "-o", "jsonpath={.items[*].metadata.name}").split())
    ours = installed.deployment.namespace
    return [name for name in (ours, installed.deployment.workspaces, f"{ours}-storage") if name in there]


def objects(installed: Installed) -> Iterator[Place]:
    """Every object of both namespaces, with annotations and events. Secrets are where values are kept."""
    listed = kubectl("api-resources", "--verbs=list", "--namespaced", "--output=name").split()
    kinds = ",".join(kind for kind in listed if kind != "secrets")
    for namespace in namespaces(installed):
        yield f"objects of {namespace}", kubectl("--namespace", namespace, "get", kinds, "--output=json")


def logs(installed: Installed) -> Iterator[Place]:
    """Of everything of ours that runs or ran before, of every workspace, and of what runs the cluster."""
    for namespace in namespaces(installed):
        pods = json.loads(kubectl("--namespace", namespace, "get", "pods", "--output=json"))["items"]
        for pod in pods:
            name = pod["metadata"]["name"]
            yield f"log of {name}", kubectl("--namespace", namespace, "logs", name, "--all-containers")
    for path in (installed.layout.state.resolve() / "log").iterdir():
        yield f"log {path.name}", text_of(path)


def databases(installed: Installed) -> Iterator[Place]:
    """The files of hub and services, byte by byte: also what is deleted and not yet overwritten."""
    volumes = installed.layout.state.resolve() / "volumes" / installed.deployment.namespace
    for part in ("hub", "services"):
        for path in sorted((volumes / part).rglob("*")):
            if path.is_file():
                yield f"{part}: {path.name}", text_of(path)


def backups(installed: Installed) -> Iterator[Place]:
    """As an operator makes them, unpacked."""
    unpack = (
        "import io, subprocess, sys, zipfile\n"
        "done = subprocess.run(['studiolo', 'backup', '--only', sys.argv[1], '-'], check=True, capture_output=True)\n"
        "with zipfile.ZipFile(io.BytesIO(done.stdout)) as archive:\n"
        "    for name in archive.namelist():\n"
        "        print(name, archive.read(name).decode(errors='replace'))\n"
    )
    for part in ("hub", "services"):
        words = ("exec", f"deployment/{installed.deployment.release}-{part}", "--", "python", "-c", unpack, part)
        yield f"backup of {part}", installed.ours(*words)


def processes(without_pod: str) -> Iterator[Place]:
    """What `ps` shows on the node, of everybody; and the environment of all that are in no pod or in another one."""
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            yield f"arguments of {process.name}", text_of(process / "cmdline")
            if without_pod not in (process / "cgroup").read_text():
                yield f"environment of {process.name}", text_of(process / "environ")
        except OSError:
            continue  # it has ended


def answers(installed: Installed, token: str, *paths: str) -> Iterator[Place]:
    """What somebody with a token is told."""
    with closing(installed.client(token)) as client:
        for path in paths:
            answer = client.get(path)
            yield f"GET {path}", f"{answer.status_code} {answer.headers} {answer.text}"


def text_of(path: Path) -> str:
    """What a file has of it, be it text or not."""
    return path.read_bytes().decode(errors="replace")
