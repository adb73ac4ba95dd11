"""What code in a workspace's pod can do, tried from within. Runs there, by the pod's own Python; prints JSON."""

from __future__ import annotations

import ctypes
import json
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

CLONE_NEWUSER, CLONE_NEWNS = 0x10000000, 0x00020000


def works(attempt: Callable[[], object]) -> bool:
    """Whether an attempt was let through."""
    try:
        return attempt() is not False
    except OSError:
        return False


def status() -> dict[str, str]:
    """What the kernel says of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def writes(folder: str) -> bool:
    """Whether a file can be made there."""
    path = Path(folder) / "attack"
    return works(lambda: (path.write_text("x"), path.unlink()))


libc = ctypes.CDLL(None, use_errno=True)
MOUNTS = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
NEVER = ("/", "/etc", "/usr", "/usr/bin", "/opt", "/var", "/proc/sys/kernel", "/sys", "/dev", "/home")
OPEN = ("/home/jovyan", "/tmp", "/run/studiolo", "/dev/shm")

print(  # noqa: T201 - whoever started this reads it
    json.dumps(
        {
            "user": os.getuid(),
            "groups": sorted({os.getgid(), *os.getgroups()}),
            "capabilities": {name: status()[name] for name in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb")},
            "no_new_privileges": status()["NoNewPrivs"],
            "seccomp": status()["Seccomp"],
            "account_token": Path("/var/run/secrets/kubernetes.io").exists(),
            "written": [folder for folder in NEVER if writes(folder)],
            "not_written": [folder for folder in OPEN if not writes(folder)],
            "processes": sorted(int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit()),
            "first_process": Path("/proc/1/cmdline").read_bytes().replace(b"\0", b" ").decode(),
            "hostname": socket.gethostname(),
            "interfaces": sorted(name for _, name in socket.if_nameindex()),
            "devices": sorted(
                one.name for one in Path("/dev").iterdir() if stat.S_ISBLK(one.lstat().st_mode) or "nvidia" in one.name
            ),
            "host_mounts": [to for of, to, *_ in MOUNTS if to in {"/host", "/var/run/docker.sock", "/var/lib/kubelet"}],
            "let_through": [
                name
                for name, attempt in {
                    "become root": lambda: os.setuid(0),
                    "a namespace of users": lambda: libc.unshare(CLONE_NEWUSER) == 0,
                    "a namespace of mounts": lambda: libc.unshare(CLONE_NEWNS) == 0,
                    "a mount": lambda: libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0,
                    "a device": lambda: os.mknod("/tmp/disk", 0o600 | stat.S_IFBLK, os.makedev(8, 0)),
                    "a raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1),
                    "another root": lambda: os.chroot("/tmp"),
                    "the kernel's log": lambda: Path("/dev/kmsg").read_bytes(),
                    "the kernel's settings": lambda: Path("/proc/sys/kernel/core_pattern").write_text("|/tmp/x"),
                    "the machine's memory": lambda: Path("/dev/mem").read_bytes(),
                    "a name for the machine": lambda: socket.sethostname("evil"),
                    "a file of root": lambda: os.chown("/tmp", 0, 0),
                    "a higher priority": lambda: os.nice(-5),
                }.items()
                if works(attempt)
            ],
            "variables": dict(os.environ),
        }
    )
)
