"""What a plan looks like as a process on one machine: program, environment variables, folders, limits.

Starts nothing: `spawner/local.py` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from spawner.credential_places import pointers
from spawner.data_links import LINKS
from spawner.env_rules import is_reserved
from spawner.hub_env import from_hub
from spawner.notices import notices_variable
from spawner.opened_package import VARIABLE as MODEL
from spawner.package_index import package_index_env

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spawner.data_directory import DataDirectory
    from spawner.plan import LaunchPlan

START_SERVER: Final = Path(__file__).resolve().parent.parent / "images" / "base" / "start_server.py"
"""The program every workspace runs, on one machine and in an image alike."""

FIRST_ARGUMENT: Final = 3
"""Of a server's command: Python, its `-P` and the program come before."""

GIT_HELPER: Final = START_SERVER.parent / "workspace_server" / "git_credential.py"
"""What git asks for the person's tokens."""

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})

SYSTEM_PATH: Final = ("/usr/local/bin", "/usr/bin", "/bin", "/opt/homebrew/bin")
"""Where programs of the machine itself are (R, git), also on a Mac; nothing of the PATH the hub was started with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """All that is needed to start one workspace's server and to watch it."""

    key: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    """The whole environment: nothing else of the hub's is passed on."""
    cwd: Path
    memory_bytes: int
    cpu_cores: float
    """The most it may use; what it is promised is the ledger's affair."""
    gpus: tuple[str, ...]
    log_path: Path
    record_path: Path
    ended_path: Path
    runtime_path: Path


def render_process(
    plan: LaunchPlan,
    *,
    data: DataDirectory,
    python: Path,
    hub_env: Mapping[str, str],
    gpus: tuple[str, ...],
    listen_fd: int,
    ready_fd: int,
    secrets: Mapping[str, str] = NOTHING,
    notices: Sequence[str] = (),
    package_index: str | None = None,
) -> ProcessSpec:
    """The process of a plan. `python` is the environment's, `hub_env` what JupyterHub wants its server to know.

    `secrets` are the values of its owner's credentials that are variables, `notices` what the start has said.
    `listen_fd` is a listening socket that the server adopts, `ready_fd` the pipe on which it says that it answers.
    """
    files = data.workspace(plan.identity.user, plan.identity.server)
    credentials = _of_the_credentials(plan, folder=files.credentials, python=python)
    home = files.empty_home if plan.has_empty_home else data.home(plan.identity.user)
    return ProcessSpec(
        key=plan.identity.key,
        # -P: a file called numpy.py in the home must not become NumPy for the server.
        argv=(str(python), "-P", str(START_SERVER)),
        env={
            **_locale(plan.env),
            **package_index_env(package_index, beside=credentials),
            # What a person typed for this workspace counts more than where our files are, and less than a credential.
            **credentials,
            **{name: value for name, value in plan.env if not is_reserved(name)},
            **{name: value for name, value in secrets.items() if not is_reserved(name)},
            **from_hub(hub_env),
            **_of_the_person(plan, home=home, python=python, runtime=files.runtime),
            **_of_the_devices(gpus),
            **_of_the_server(plan, listen_fd=listen_fd, ready_fd=ready_fd),
            **({"SCRATCH": str(files.scratch)} if plan.shape.hardware.scratch_bytes else {}),
            **({"STUDIOLO_DATA": str(home / LINKS)} if plan.data else {}),
            **({"STUDIOLO_GIT": plan.git} if plan.git else {}),
            **({MODEL: plan.opened.as_variable()} if plan.opened else {}),
            **({"STUDIOLO_HOME_QUOTA": str(plan.home_quota_bytes)} if plan.home_quota_bytes else {}),
            **notices_variable(notices),
        },
        cwd=home,
        memory_bytes=plan.shape.hardware.memory_bytes,
        cpu_cores=plan.shape.hardware.cpu.limit,
        gpus=gpus,
        log_path=files.log,
        record_path=files.record,
        ended_path=files.ended,
        runtime_path=files.runtime,
    )


def _locale(env: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """UTF-8 for everybody who says nothing else. LC_ALL would overrule a LANG of the person's, so it goes then."""
    if any(name == "LANG" or name.startswith("LC_") for name, _ in env):
        return {"LANG": "C.UTF-8"}
    return {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}


def _of_the_person(plan: LaunchPlan, *, home: Path, python: Path, runtime: Path) -> dict[str, str]:
    return {
        "HOME": str(home),
        "USER": plan.identity.user,
        "LOGNAME": plan.identity.user,
        "SHELL": "/bin/bash",
        "PATH": ":".join((str(python.parent), *SYSTEM_PATH)),
        # Sockets, connection files and SQLite files on local disk: a slow or full home then hurts none of them.
        "JUPYTER_RUNTIME_DIR": str(runtime),
        # Without it a kernel or an extension in ~/.local hides the environment's.
        "JUPYTER_PREFER_ENV_PATH": "1",
    }


def _of_the_credentials(plan: LaunchPlan, *, folder: Path, python: Path) -> dict[str, str]:
    """Where the files are that lie beside the home."""
    helper = (str(python), "-I", str(GIT_HELPER))
    return pointers(plan.identity.credentials, folder=str(folder), git_helper=helper)


def _of_the_devices(gpus: tuple[str, ...]) -> dict[str, str]:
    """The devices it holds by UUID: an index would mean another device after one is lost. Empty: it sees none."""
    devices = ",".join(gpus)
    return {"CUDA_VISIBLE_DEVICES": devices, "NVIDIA_VISIBLE_DEVICES": devices or "void"}


def _of_the_server(plan: LaunchPlan, *, listen_fd: int, ready_fd: int) -> dict[str, str]:
    """What our own start program and the people's tools read."""
    hardware = plan.shape.hardware
    return {
        "MEM_LIMIT": str(hardware.memory_bytes),
        "CPU_LIMIT": str(hardware.cpu.limit),
        "STUDIOLO_ENVIRONMENT": plan.shape.environment.name,
        "STUDIOLO_HARDWARE": hardware.name,
        "STUDIOLO_APPS": ",".join(plan.shape.environment.apps),
        "STUDIOLO_LISTEN_FD": str(listen_fd),
        "STUDIOLO_READY_FD": str(ready_fd),
    }
