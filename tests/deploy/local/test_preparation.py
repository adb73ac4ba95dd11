"""What `studiolo up` refuses, warns of and decides before it starts anything."""

from __future__ import annotations

import io
import os
import socket
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from deploy.local.errors import (
    CatalogRefusedError,
    DataDirectoryError,
    NotLoopbackError,
    PortTakenError,
    RootNotAllowedError,
)
from deploy.local.ports import free_port
from deploy.local.preparation import UpOptions, check_exposure, locked, prepare, with_free_ports
from deploy.local.reporting import Reporter
from deploy.local.run_record import RunRecord
from hub.settings import Settings, effective
from spawner.data_directory import DataDirectory


def options(folder: Path, **more: Any) -> UpOptions:
    return UpOptions(data=folder, **more)


def settings_of(asked: UpOptions) -> Settings:
    return effective(asked.data, asked.overrides())


def test_another_interface_is_refused_and_the_reason_is_given(tmp_path: Path) -> None:
    asked = options(tmp_path, host="0.0.0.0")
    with pytest.raises(NotLoopbackError, match="can read the files and end the processes of everybody else") as refused:
        check_exposure(settings_of(asked), asked, is_root=False)
    assert "--i-understand-there-is-no-isolation" in refused.value.hint


def test_another_interface_in_the_settings_file_is_refused_as_well(tmp_path: Path) -> None:
    (tmp_path / "studiolo.yaml").write_text("proxy: {host: 192.168.1.4}\n")
    asked = options(tmp_path)
    with pytest.raises(NotLoopbackError, match=r"192\.168\.1\.4"):
        check_exposure(settings_of(asked), asked, is_root=False)


def test_who_says_that_they_understand_may_use_another_interface(tmp_path: Path) -> None:
    asked = options(tmp_path, host="0.0.0.0", accepts_no_isolation=True)
    assert check_exposure(settings_of(asked), asked, is_root=False) is None


def test_root_on_another_interface_needs_a_second_word(tmp_path: Path) -> None:
    asked = options(tmp_path, host="0.0.0.0", accepts_no_isolation=True)
    with pytest.raises(RootNotAllowedError, match="would be root on this machine"):
        check_exposure(settings_of(asked), asked, is_root=True)


def test_root_on_loopback_is_told_what_that_means(tmp_path: Path) -> None:
    asked = options(tmp_path)
    warning = check_exposure(settings_of(asked), asked, is_root=True)
    assert warning is not None
    assert "every workspace runs as root" in warning
    assert "--allow-root" in warning


def test_root_that_means_it_is_not_told_again(tmp_path: Path) -> None:
    asked = options(tmp_path, allow_root=True)
    assert check_exposure(settings_of(asked), asked, is_root=True) is None


def test_the_data_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    data = DataDirectory(root=tmp_path / "new" / "data")
    with locked(data) as previous:
        assert previous == RunRecord()
        assert stat.S_IMODE(data.root.stat().st_mode) == 0o700


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(DataDirectoryError, match="cannot be used: Not a directory"),
        locked(DataDirectory(root=tmp_path / "file" / "data")),
    ):
        pass


def test_a_public_port_in_use_is_refused_with_the_next_free_one(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        asked = options(tmp_path, port=port)
        with pytest.raises(
            PortTakenError, match=f"Port {port} on 127.0.0.1 cannot be used: another program"
        ) as refused:
            with_free_ports(asked, settings_of(asked), RunRecord())
    assert f'make up ARGS="--port {port + 1}"' in refused.value.hint or "--port" in refused.value.hint


def test_the_ports_of_last_time_are_used_again_for_running_workspaces_remember_them(tmp_path: Path) -> None:
    asked = options(tmp_path, port=free_port())
    hub = free_port(taken=frozenset({asked.port}))
    api = free_port(taken=frozenset({asked.port, hub}))
    found = with_free_ports(asked, settings_of(asked), RunRecord(ports={"hub": hub, "proxy-api": api}))
    assert found.hub.port == hub
    assert found.proxy.api_url == f"http://127.0.0.1:{api}"


def test_inner_ports_in_use_are_stepped_around(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        taken = other.getsockname()[1]
        asked = options(tmp_path, port=free_port())
        found = with_free_ports(asked, settings_of(asked), RunRecord(ports={"hub": taken}))
    assert found.hub.port != taken


def test_an_inner_port_that_an_operator_set_is_taken_at_its_word(tmp_path: Path) -> None:
    hub = free_port()
    (tmp_path / "studiolo.yaml").write_text(f"hub: {{port: {hub}}}\n")
    asked = options(tmp_path, port=free_port())
    assert with_free_ports(asked, settings_of(asked), RunRecord(ports={"hub": free_port()})).hub.port == hub


@pytest.fixture
def prepared_env(tmp_path: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": "/theirs", "JUPYTERHUB_API_TOKEN": "theirs", "LANG": "C.UTF-8"}


def test_all_is_written_down_before_anything_starts(
    tmp_path: Path, prepared_env: dict[str, str], reporter: Reporter, lines: io.StringIO
) -> None:
    asked = options(tmp_path / "data", port=free_port(), allow_root=True)
    with locked(DataDirectory(root=asked.data)) as previous:
        prepared = prepare(asked, previous=previous, env=prepared_env, reporter=reporter)
    assert prepared.is_first_run
    assert prepared.settings.data.admin_password.read_text() == f"{prepared.admin_password}\n"
    assert stat.S_IMODE(prepared.settings.data.admin_password.stat().st_mode) == 0o600
    assert prepared.record.ports["proxy"] == asked.port
    for plan in prepared.plans:
        assert not any(name.startswith(("PYTHON", "JUPYTERHUB")) for name in plan.env)
        assert plan.env["LANG"] == "C.UTF-8"
        assert not any(prepared.admin_password in word for word in plan.argv)
    assert "✓ catalog" in lines.getvalue()


def test_the_second_time_the_password_is_the_same_and_not_called_new(
    tmp_path: Path, prepared_env: dict[str, str], reporter: Reporter
) -> None:
    asked = options(tmp_path, port=free_port(), allow_root=True)
    with locked(DataDirectory(root=tmp_path)) as previous:
        first = prepare(asked, previous=previous, env=prepared_env, reporter=reporter)
        second = prepare(asked, previous=previous, env=prepared_env, reporter=reporter)
    assert second.admin_password == first.admin_password
    assert not second.is_first_run


def test_a_broken_catalog_is_refused_with_the_text_of_the_check(
    tmp_path: Path, prepared_env: dict[str, str], reporter: Reporter, lines: io.StringIO
) -> None:
    catalog = tmp_path / "catalog"
    catalog.mkdir()
    (catalog / "environments.yaml").write_text("environments: {a: {titel: A}}\n")
    (catalog / "hardware.yaml").write_text("hardware: {}\n")
    asked = options(tmp_path / "data", port=free_port(), catalog=catalog, allow_root=True)
    with (
        locked(DataDirectory(root=asked.data)) as previous,
        pytest.raises(CatalogRefusedError, match="nothing to offer"),
    ):
        prepare(asked, previous=previous, env=prepared_env, reporter=reporter)
    assert f"{catalog}/environments.yaml:1:" in lines.getvalue()
    assert "✗ catalog" in lines.getvalue()
