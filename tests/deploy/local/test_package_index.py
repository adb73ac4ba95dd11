"""uv finds packages where this machine's pip would."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local import package_index
from deploy.local.package_index import pip_configuration_files, uv_environment


def write(folder: Path, text: str) -> Path:
    path = folder / "pip.conf"
    path.write_text(text)
    return path


def test_an_index_in_pips_file_is_told_to_uv(tmp_path: Path) -> None:
    file = write(
        tmp_path, "[global]\nindex-url = https://pypi.example.org/simple\nextra_index_url =\n  https://a\n  https://b\n"
    )
    assert uv_environment({}, pip_files=(file,)) == {
        "UV_DEFAULT_INDEX": "https://pypi.example.org/simple",
        "UV_INDEX": "https://a https://b",
    }


def test_the_environment_wins_over_the_file_and_a_later_file_over_an_earlier_one(tmp_path: Path) -> None:
    (tmp_path / "user").mkdir()
    machine = write(tmp_path, "[global]\ncert = /machine.pem\ntimeout = 5\n")
    user = write(tmp_path / "user", "[install]\ncert = /user.pem\n")
    env = {"PIP_TIMEOUT": "60", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    assert uv_environment(env, pip_files=(machine, user)) == {"SSL_CERT_FILE": "/user.pem", "UV_HTTP_TIMEOUT": "60"}


def test_folders_of_wheels_are_separated_as_uv_wants_them() -> None:
    assert uv_environment({"PIP_FIND_LINKS": "/a /b"}, pip_files=()) == {"UV_FIND_LINKS": "/a,/b"}


@pytest.mark.parametrize("already", ["UV_DEFAULT_INDEX", "UV_INDEX_URL"])
def test_what_uv_was_told_itself_stays(already: str) -> None:
    env = {"PIP_INDEX_URL": "https://pip", already: "https://uv"}
    assert uv_environment(env, pip_files=()) == {}


@pytest.mark.parametrize(("value", "given"), [("1", {"UV_NO_INDEX": "1"}), ("false", {}), ("0", {})])
def test_no_index_is_told_only_where_it_is_on(value: str, given: dict[str, str]) -> None:
    assert uv_environment({"PIP_NO_INDEX": value}, pip_files=()) == given


def test_a_file_that_pip_could_not_read_either_stops_nothing(tmp_path: Path) -> None:
    assert uv_environment({}, pip_files=(write(tmp_path, "no section\n"), tmp_path / "missing")) == {}


def test_pip_looks_in_different_places_on_linux_and_macos(tmp_path: Path) -> None:
    def user_file(platform: str, env: dict[str, str]) -> Path:
        return pip_configuration_files(env, home=tmp_path, platform=platform, prefix=Path("/venv"))[-2]

    assert user_file("linux", {}) == tmp_path / ".config/pip/pip.conf"
    assert user_file("linux", {"XDG_CONFIG_HOME": "/xdg"}) == Path("/xdg/pip/pip.conf")
    assert user_file("darwin", {}) == tmp_path / ".config/pip/pip.conf"
    (tmp_path / "Library/Application Support/pip").mkdir(parents=True)
    assert user_file("darwin", {}) == tmp_path / "Library/Application Support/pip/pip.conf"


def test_a_file_named_in_the_environment_is_read_last_and_dev_null_means_none(tmp_path: Path) -> None:
    def files(value: str) -> tuple[Path, ...]:
        return pip_configuration_files(
            {"PIP_CONFIG_FILE": value}, home=tmp_path, platform="linux", prefix=Path("/venv")
        )

    assert files("/etc/mine.conf")[-1] == Path("/etc/mine.conf")
    assert files("/dev/null") == ()


def test_it_runs_before_anything_is_installed_and_prints_what_a_shell_can_read(tmp_path: Path) -> None:
    env = {"PIP_CONFIG_FILE": "/dev/null", "PIP_FIND_LINKS": "/a folder's/wheels", "HOME": str(tmp_path)}
    script = subprocess.run(
        [sys.executable, "-I", "-S", package_index.__file__], env=env, capture_output=True, text=True, check=True
    )
    shell = subprocess.run(
        ["sh", "-c", 'eval "$1"; printf %s "$UV_FIND_LINKS"', "sh", script.stdout],
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shell.stdout == "/a,folder's/wheels"
