"""The process of a plan: its program, its whole environment, its folders and limits. Golden files are read as diffs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from spawner.credentials import CredentialKind, MountedCredential
from spawner.data_directory import DataDirectory
from spawner.plan import make_plan
from spawner.process import GIT_HELPER, START_SERVER, ProcessSpec, render_process
from studiolo.catalog import Catalog
from studiolo.choice import Choice

HUB_ENV = {
    "JUPYTERHUB_API_TOKEN": "a-token",
    "JPY_API_TOKEN": "a-token",
    "JUPYTERHUB_USER": "ada",
    "JUPYTERHUB_SERVICE_PREFIX": "/user/ada/detector/",
    "PATH": "/opt/hub/bin",
    "PYTHONPATH": "/opt/hub",
    "HOME": "/root",
    "LANG": "tlh",
    "CONFIGPROXY_AUTH_TOKEN": "the proxy's",
    "JUPYTERHUB_CRYPT_KEY": "the hub's",
    "JUPYTERHUB_COOKIE_SECRET": "the hub's",
    "AWS_SECRET_ACCESS_KEY": "the operator's",
}
"""What JupyterHub gives a spawner, and what `env_keep` and a careless operator may add."""


def render(
    catalog: Catalog,
    choice: Choice,
    *,
    gpus: tuple[str, ...] = (),
    hub_env: Mapping[str, str] = HUB_ENV,
    server: str = "detector",
) -> ProcessSpec:
    plan = make_plan(choice, catalog=catalog, user="ada", server=server, teams=["vision"])
    return render_process(
        plan,
        data=DataDirectory(root=Path("/data")),
        python=Path("/data/environments/0123/bin/python"),
        hub_env=hub_env,
        gpus=gpus,
        listen_fd=7,
        ready_fd=9,
    )


def as_json(spec: ProcessSpec) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, Path):
            return str(value)
        if isinstance(value, tuple):
            return [plain(entry) for entry in value]
        return dict(sorted(value.items())) if isinstance(value, Mapping) else value

    checkout = str(START_SERVER.parents[2])
    fields = {field.name: plain(getattr(spec, field.name)) for field in dataclasses.fields(spec)}
    fields["argv"] = [word.replace(checkout, "CHECKOUT") for word in fields["argv"]]
    return fields


@pytest.mark.parametrize(
    ("name", "choice", "gpus"),
    [
        ("process_without_gpu", Choice(environment="python", hardware="small"), ()),
        (
            "process_with_gpu",
            Choice(environment="pytorch", hardware="gpu", env=(("A", "1"), ("LANG", "de_DE.UTF-8"))),
            ("GPU-51c0de00-0000-0000-0000-000000000002",),
        ),
    ],
)
def test_the_process_of_a_plan_is_this(
    name: str,
    choice: Choice,
    gpus: tuple[str, ...],
    sample_catalog: Catalog,
    golden: Callable[[str, Any], None],
) -> None:
    golden(name, as_json(render(sample_catalog, choice, gpus=gpus)))


def test_nothing_of_the_hubs_reaches_a_workspace_but_what_its_server_must_know(sample_catalog: Catalog) -> None:
    env = render(sample_catalog, Choice(environment="python", hardware="small")).env
    assert not {"PYTHONPATH", "CONFIGPROXY_AUTH_TOKEN", "JUPYTERHUB_CRYPT_KEY", "AWS_SECRET_ACCESS_KEY"} & env.keys()
    assert "hub" not in env["PATH"]
    assert "the hub's" not in env.values()
    assert env["JUPYTERHUB_API_TOKEN"] == env["JPY_API_TOKEN"] == "a-token"


def test_values_of_credentials_are_in_the_environment_alone(sample_catalog: Catalog) -> None:
    plan = make_plan(
        Choice(environment="python", hardware="small", env=(("MODE", "typed"),)),
        catalog=sample_catalog,
        user="ada",
        server="",
        teams=(),
    ).with_credentials(
        (
            MountedCredential(name="hub", kind=CredentialKind.ENV, env=("MODE",)),
            MountedCredential(name="forge", kind=CredentialKind.GIT, files=("git/forge",)),
        )
    )
    spec = render_process(
        plan,
        data=DataDirectory(root=Path("/data")),
        python=Path("/env/bin/python"),
        hub_env={},
        gpus=(),
        listen_fd=3,
        ready_fd=4,
        secrets={"MODE": "canary", "LD_PRELOAD": "canary"},
    )
    assert [name for name, value in spec.env.items() if "canary" in value] == ["MODE"]
    assert "canary" not in str(dataclasses.replace(spec, env={}))
    folder = str(DataDirectory(root=Path("/data")).workspace("ada", "").credentials)
    assert spec.env["STUDIOLO_CREDENTIALS"] == folder
    assert spec.env["GIT_CONFIG_VALUE_0"].startswith("!/env/bin/python -I /")
    assert GIT_HELPER.is_file()


def test_a_plan_made_by_hand_cannot_override_what_is_reserved(sample_catalog: Catalog) -> None:
    """`make_plan` refuses these names; a plan restored from elsewhere must not bring them in either."""
    plan = make_plan(
        Choice(environment="python", hardware="small"), catalog=sample_catalog, user="ada", server="", teams=()
    )
    wicked = ("PATH", "LD_PRELOAD", "JUPYTERHUB_USER", "CUDA_VISIBLE_DEVICES", "STUDIOLO_READY_FD", "HOME")
    spec = render_process(
        dataclasses.replace(plan, env=tuple((name, "wicked") for name in wicked)),
        data=DataDirectory(root=Path("/data")),
        python=Path("/env/bin/python"),
        hub_env={},
        gpus=(),
        listen_fd=3,
        ready_fd=4,
    )
    assert "wicked" not in spec.env.values()


def test_the_server_is_told_which_repository_to_clone(sample_catalog: Catalog) -> None:
    address = "https://git.example.org/vision/iris.git#main"
    choice = Choice(environment="python", hardware="small")
    assert "STUDIOLO_GIT" not in render(sample_catalog, choice).env
    assert render(sample_catalog, dataclasses.replace(choice, git=address)).env["STUDIOLO_GIT"] == address


def test_without_a_gpu_every_device_is_hidden(sample_catalog: Catalog) -> None:
    env = render(sample_catalog, Choice(environment="python", hardware="small")).env
    assert (env["CUDA_VISIBLE_DEVICES"], env["NVIDIA_VISIBLE_DEVICES"]) == ("", "void")


def test_with_gpus_only_its_own_are_seen(sample_catalog: Catalog) -> None:
    env = render(sample_catalog, Choice(environment="python", hardware="gpu"), gpus=("GPU-a", "GPU-b")).env
    assert env["CUDA_VISIBLE_DEVICES"] == env["NVIDIA_VISIBLE_DEVICES"] == "GPU-a,GPU-b"


@pytest.mark.parametrize(
    ("given", "language", "overrules"),
    [
        ((), "C.UTF-8", "C.UTF-8"),
        ((("LANG", "de_DE.UTF-8"),), "de_DE.UTF-8", None),
        ((("LC_ALL", "C"),), "C.UTF-8", "C"),
    ],
)
def test_the_persons_own_locale_is_not_overruled(
    given: tuple[tuple[str, str], ...], language: str, overrules: str | None, sample_catalog: Catalog
) -> None:
    env = render(sample_catalog, Choice(environment="python", hardware="small", env=given)).env
    assert env["LANG"] == language
    assert env.get("LC_ALL") == overrules


def test_two_workspaces_of_one_person_share_the_home_and_nothing_else(sample_catalog: Catalog) -> None:
    choice = Choice(environment="python", hardware="small")
    one, other = render(sample_catalog, choice, server=""), render(sample_catalog, choice, server="detector")
    assert one.cwd == other.cwd == Path("/data/homes/ada")
    assert one.key != other.key
    assert {one.log_path, one.record_path, one.ended_path, one.runtime_path}.isdisjoint(
        {other.log_path, other.record_path, other.ended_path, other.runtime_path}
    )


def test_the_start_program_is_part_of_the_checkout() -> None:
    assert START_SERVER.parts[-3:] == ("images", "base", "start_server.py")
    assert START_SERVER.is_absolute()
