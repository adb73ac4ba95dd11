"""Where pip and uv of a workspace are told to look, and what a person says instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from spawner.credentials import CredentialKind, MountedCredential
from spawner.data_directory import DataDirectory
from spawner.manifest import pod_env
from spawner.package_index import package_index_env
from spawner.plan import LaunchPlan, make_plan
from spawner.process import render_process
from studiolo.catalog import Catalog
from studiolo.choice import Choice

INDEX = "http://packages.example.org:3141/simple"
PIP_FILE = "~/.config/pip/pip.conf"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (None, {}),
        (INDEX, {"UV_DEFAULT_INDEX": INDEX, "PIP_INDEX_URL": INDEX, "PIP_TRUSTED_HOST": "packages.example.org:3141"}),
        ("https://a.test/simple", dict.fromkeys(("UV_DEFAULT_INDEX", "PIP_INDEX_URL"), "https://a.test/simple")),
        ("https://robot:hunter2@a.test/simple", {}),
        ("https://robot@a.test/simple", {}),
    ],
    ids=["none is set", "by plain HTTP", "by TLS", "a password is the operator's own", "so is a name"],
)
def test_both_programs_are_told(url: str | None, told: dict[str, str]) -> None:
    assert package_index_env(url) == told


def test_a_file_of_settings_that_a_credential_brings_is_not_overruled() -> None:
    assert package_index_env(INDEX, beside={"PIP_CONFIG_FILE"}) == {"UV_DEFAULT_INDEX": INDEX}


def envs(plan: LaunchPlan) -> tuple[dict[str, object], dict[str, object]]:
    """Of the pod, and of the process."""
    process = render_process(
        plan,
        data=DataDirectory(root=Path("/data")),
        python=Path("/env/bin/python"),
        hub_env={},
        gpus=(),
        listen_fd=3,
        ready_fd=4,
        package_index=INDEX,
    )
    return dict(pod_env(plan, {}, secret="s", package_index=INDEX)), dict(process.env)


def planned(catalog: Catalog, *typed: tuple[str, str]) -> LaunchPlan:
    choice = Choice(environment="python", hardware="small", env=typed)
    return make_plan(choice, catalog=catalog, user="ada", server="", teams=())


def test_a_pod_and_a_process_are_told_the_same(sample_catalog: Catalog) -> None:
    for env in envs(planned(sample_catalog)):
        assert env.items() >= package_index_env(INDEX).items()


def test_what_a_person_typed_or_keeps_as_a_credential_comes_before_it(sample_catalog: Catalog) -> None:
    for env in envs(planned(sample_catalog, ("PIP_INDEX_URL", "https://mine.test/simple"))):
        assert env["PIP_INDEX_URL"] == "https://mine.test/simple"
    kept = MountedCredential(name="i", kind=CredentialKind.PACKAGE_INDEX, secret="s-i", files=(PIP_FILE,))
    for env in envs(planned(sample_catalog).with_credentials((kept,))):
        assert "PIP_INDEX_URL" not in env
        assert str(env["PIP_CONFIG_FILE"]).endswith("pip.conf")
