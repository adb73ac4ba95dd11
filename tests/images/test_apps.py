"""Apps beside JupyterLab: started when somebody opens them, and behind the server's own door."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import workspace_server.apps
from studiolo.catalog import APPS


def test_tensorboard_shows_the_runs_of_the_home(start: Any, with_apps: Path, tmp_path: Path) -> None:
    runs = tmp_path / "home" / "runs"
    runs.mkdir(parents=True)
    (runs / "loss.txt").write_text("0.25")
    server = start(with_apps, env={"STUDIOLO_APPS": "tensorboard"})
    assert server.get("tensorboard/loss.txt", token="token-of-alice").text == "0.25"


def test_the_folder_of_runs_is_there_for_the_first_run(start: Any, with_apps: Path) -> None:
    server = start(with_apps, env={"STUDIOLO_APPS": "tensorboard"})
    assert (server.home / "runs").is_dir()


def test_an_app_is_for_those_who_may_use_the_server(start: Any, with_apps: Path) -> None:
    server = start(with_apps, env={"STUDIOLO_APPS": "tensorboard"})
    assert server.get("tensorboard/").status_code in {302, 403}
    assert server.get("tensorboard/", token="token-of-bob").status_code == 403
    assert server.get("tensorboard/", token="token-of-alice").status_code == 200


def test_without_apps_nothing_is_passed_on(start: Any, with_apps: Path) -> None:
    server = start(with_apps)
    assert server.get("tensorboard/loss.txt", token="token-of-alice").status_code == 404
    assert "jupyter_server_proxy" not in server.log.read_text()


def test_a_name_that_is_no_app_is_left_out(start: Any, with_apps: Path) -> None:
    server = start(with_apps, env={"STUDIOLO_APPS": "rstudio,tensorboard"})
    assert server.get("rstudio/index.html", token="token-of-alice").status_code == 404
    assert server.get("tensorboard/", token="token-of-alice").status_code == 200


def test_each_app_that_a_catalog_may_name_can_be_run() -> None:
    assert set(workspace_server.apps.APPS) == set(APPS)
