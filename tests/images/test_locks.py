"""The locks that ship: universal, hashed, without addresses, and one JupyterHub for all."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
ENVIRONMENTS = ["deep-learning", "minimal", "python", "pytorch", "r"]


def lock(name: str) -> str:
    return (CHECKOUT / "images" / name / "requirements.lock").read_text()


def versions(text: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9-]+)(?:\[[^]]*])?==(\S+)", text, re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


def test_every_environment_that_ships_has_a_lock() -> None:
    assert [path.parent.name for path in sorted(CHECKOUT.glob("images/*/requirements.lock"))] == ENVIRONMENTS
    assert [path.parent.name for path in sorted(CHECKOUT.glob("images/*/requirements.in"))] == ENVIRONMENTS


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_lock_names_no_address_and_hashes_everything(name: str) -> None:
    text = lock(name)
    assert "://" not in text
    for requirement in re.split(r"\n(?=\S)", text):
        assert "--hash=sha256:" in requirement


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_lock_keeps_the_image_rules(name: str) -> None:
    assert "rfc3987-syntax" not in versions(lock(name))


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_workspaces_run_the_hub_of_the_hub(name: str) -> None:
    hub = versions((CHECKOUT / "requirements.lock").read_text())
    assert versions(lock(name))["jupyterhub"] == hub["jupyterhub"] == {"6.1.1"}
    assert "jupyterlab" in versions(lock(name))


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_environment_has_what_the_wheel_of_studiolo_depends_on(name: str) -> None:
    needed = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert {re.split("[^a-z-]", one)[0] for one in [*needed, "uv"]} <= set(versions(lock(name)))


@pytest.mark.parametrize("name", ["deep-learning", "pytorch"])
def test_software_with_tensorboard_has_what_serves_it(name: str) -> None:
    assert {"tensorboard", "jupyter-server-proxy"} <= set(versions(lock(name)))


def test_r_brings_its_kernel() -> None:
    kernel = (CHECKOUT / "images/r/files/share/jupyter/kernels/ir/kernel.json").read_text()
    assert "IRkernel::main()" in kernel
