"""Debian's packages, installed only where a program that they bring is missing."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.cluster.errors import NotThisMachineError, ProgramFailedError
from deploy.cluster.programs import run_program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PACKAGES: Final = {
    "containerd": "containerd",
    "runc": "runc",
    "nft": "nftables",
    "iptables-save": "iptables",
    "conntrack": "conntrack",
    "ethtool": "ethtool",
    "socat": "socat",
    "ip": "iproute2",
    "gcc": "gcc",
    "strip": "binutils",
    "openssl": "openssl",
    "docker-registry": "docker-registry",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "/usr/include/stdlib.h": "libc6-dev",
    "/usr/lib/postgresql/*/bin/postgres": "postgresql",
    "/usr/sbin/sshd": "openssh-server",  # tests push to it from workspaces
}
"""A program on PATH, or a file, and the package that brings it."""

POLICY: Final = Path("/usr/sbin/policy-rc.d")
"""Debian asks it whether a package may start its service; ours must not (a registry of the machine's on our port)."""


def missing_packages() -> tuple[str, ...]:
    """Packages that bring something this machine lacks."""
    return tuple(package for what, package in PACKAGES.items() if not _is_there(what))


def provide_packages(say: Callable[[str], None]) -> None:
    """Install what is missing. Raises NotThisMachineError with the command to type where that cannot be done."""
    missing = missing_packages()
    if not missing:
        return
    command = "apt-get install -y -q --no-install-recommends " + " ".join(missing)
    if shutil.which("apt-get") is None:
        raise NotThisMachineError(
            f"This machine lacks {', '.join(missing)} (Debian's names), and has no apt.",
            hint="The cluster is made for Debian 12; install them by hand to try it elsewhere.",
        )
    say(f"Installing {', '.join(missing)}…")
    words = ("-o", "DPkg::Lock::Timeout=300", *command.split()[1:])
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    with _services_stay_off():
        try:
            run_program("apt-get", *words, env=env)
        except ProgramFailedError:
            run_program("apt-get", "update", "-q", env=env)
            run_program("apt-get", *words, env=env)


def postgresql_programs() -> Path:
    """The folder of PostgreSQL's own programs, of the newest version that is here."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4]))
    return found[-1].parent


def _is_there(what: str) -> bool:
    if what.startswith("/"):
        return any(Path("/").glob(what.lstrip("/")))
    return shutil.which(what, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is not None


@contextlib.contextmanager
def _services_stay_off() -> Iterator[None]:
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()
