"""How a workspace's server comes up, and what it leaves alone."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "images" / "base"

LOAD = f"""
import asyncio, os, sys
sys.path.append({str(FOLDER)!r})
from workspace_server import deferred, main
"""


def run(python: Path, program: str, **env: str) -> subprocess.CompletedProcess[str]:
    path = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **env}
    return subprocess.run(
        [python, "-P", "-c", LOAD + program], capture_output=True, text=True, check=False, env=path, timeout=120
    )


def output(python: Path, program: str, **env: str) -> list[str]:
    finished = run(python, program, **env)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.splitlines()


def test_it_serves_the_socket_it_was_given_and_says_so_when_it_answers(start: Any, minimal: Path) -> None:
    server = start(minimal)  # waits for the word, and for the pipe to be closed
    answer = server.get("api")
    assert answer.status_code == 200
    assert answer.headers["X-JupyterHub-Version"] == "6.1.1"


def test_without_any_variable_of_ours_it_is_a_plain_single_user_server(start: Any, minimal: Path) -> None:
    server = start(minimal, is_told=False)
    assert server.get("api").status_code == 200


def test_the_hub_is_asked_for_its_version_and_told_of_activity(start: Any, minimal: Path, hub: Any) -> None:
    start(minimal)
    assert hub.asked_for_version.wait(30)
    assert hub.told_of_activity.wait(30)
    ((_, _, headers, body),) = [asked for asked in hub.asked if asked[1].endswith("/activity")]
    assert headers["Authorization"] == "token token-of-the-server"
    assert b"last_activity" in body


def test_node_is_not_run_and_stays_on_the_path(start: Any, minimal: Path, tmp_path: Path) -> None:
    node = tmp_path / "bin" / "node"
    node.parent.mkdir()
    node.write_text(f"#!/bin/sh\ntouch {tmp_path}/was-run\n")
    node.chmod(0o755)
    path = f"{node.parent}:{minimal.parent}:/usr/bin:/bin"
    server = start(minimal, env={"PATH": path})
    assert not (tmp_path / "was-run").exists()
    assert environ(kernel_of(server))["PATH"] == path


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_kernels_get_a_normal_environment_and_none_of_our_descriptors(start: Any, minimal: Path) -> None:
    server = start(minimal, env={"STUDIOLO_APPS": "", "GREETING": "hello"})
    kernel = kernel_of(server)
    env = environ(kernel)
    assert env["GREETING"] == "hello"
    assert not [name for name in env if name.startswith("STUDIOLO_")]
    assert not sockets(server.process.pid) & sockets(kernel)


def kernel_of(server: Any) -> int:
    """The process of a new kernel."""
    assert server.post("api/kernels", token="token-of-alice", json={"name": "python3"}).status_code == 201
    lists = (path.read_text().split() for path in Path(f"/proc/{server.process.pid}/task").glob("*/children"))
    children = [pid for pids in lists for pid in pids]
    # A server has other children, too: git, asked for its version by an extension.
    (kernel,) = (int(pid) for pid in children if b"ipykernel_launcher" in command_line(pid))
    return kernel


def command_line(pid: str) -> bytes:
    """Of a process; none of one that has ended meanwhile."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def environ(pid: int) -> dict[str, str]:
    text = Path(f"/proc/{pid}/environ").read_text()
    return dict(variable.split("=", 1) for variable in text.split("\0") if variable)


def sockets(pid: int) -> set[str]:
    links = (str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink())
    return {link for link in links if link.startswith("socket:")}


def test_the_extension_manager_installs_nothing_whatever_a_home_says(start: Any, minimal: Path, tmp_path: Path) -> None:
    settings = tmp_path / "home" / ".jupyter"
    settings.mkdir(parents=True)
    (settings / "jupyter_lab_config.json").write_text('{"LabApp": {"extension_manager": "pypi"}}')
    server = start(minimal, env={"JUPYTER_PREFER_ENV_PATH": "0"})
    assert "Extension Manager is 'readonly'" in server.log.read_text()


def test_news_language_servers_and_the_command_linker_are_off(start: Any, minimal: Path) -> None:
    server = start(minimal)
    assert server.get("lsp/status", token="token-of-alice").status_code == 404
    page = server.get("lab", token="token-of-alice").text
    assert re.search(r'"news":\s*{"disabled":\s*true}', page)
    settings = server.get("lab/api/settings/@jupyterlab/apputils-extension:sanitizer", token="token-of-alice").json()
    assert settings["schema"]["properties"]["allowCommandLinker"]["default"] is False


def test_what_is_put_off_is_not_imported_and_everything_else_is(minimal: Path) -> None:
    program = """
single_user, is_short = main.import_single_user(is_known=main.is_known_jupyterhub())
print(is_short, single_user.__name__)
print(sorted(deferred.DEFERRED.keys() & sys.modules.keys()))
print("jupyterlab.labapp" in sys.modules, os.environ["PATH"])
"""
    assert output(minimal, program) == ["True JupyterHubSingleUser", "[]", "True /usr/bin:/bin"]


def test_an_extension_that_needs_what_was_put_off_gets_the_real_thing(minimal: Path) -> None:
    program = """
main.import_single_user(is_known=main.is_known_jupyterhub())
import aiohttp, requests, sqlalchemy, sqlalchemy.exc
import jupyterhub.handlers, jupyterhub.httpclient, jupyterhub.orm, jupyterhub.scopes
print(sqlalchemy.create_engine("sqlite://").dialect.name)
print(jupyterhub.scopes.orm.User is jupyterhub.orm.User, issubclass(jupyterhub.orm.User, jupyterhub.orm.Base))
print(requests.Session.__module__, aiohttp.ClientSession.__module__, sqlalchemy.exc.SQLAlchemyError.__module__)
print(type(jupyterhub.httpclient).__name__)
"""
    assert output(minimal, program) == [
        "sqlite",
        "True True",
        "requests.sessions aiohttp.client sqlalchemy.exc",
        "module",
    ]


def test_who_uses_a_stand_in_while_others_still_import_gets_the_real_thing(minimal: Path) -> None:
    program = """
with deferred.deferred_imports():
    from sqlalchemy import create_engine
    from requests import Session
    import sqlalchemy.orm
print(create_engine("sqlite://").dialect.name, Session.__module__, sqlalchemy.orm.Session.__name__)
"""
    assert output(minimal, program) == ["sqlite requests.sessions Session"]


def test_scopes_are_compared_by_the_hub_s_own_code(minimal: Path) -> None:
    program = """
main.import_single_user(is_known=main.is_known_jupyterhub())
from jupyterhub.services.auth import HubOAuth
auth = HubOAuth(api_token="t", client_id="c", access_scopes={"access:servers!user=alice"})
for scope in ("access:servers!user=alice", "access:servers!user=bob", "access:servers"):
    print(sorted(auth.check_scopes(auth.access_scopes, {"scopes": [scope]})))
"""
    assert output(minimal, program) == ["['access:servers!user=alice']", "[]", "['access:servers!user=alice']"]


def test_addresses_are_judged_as_by_the_real_validator(minimal: Path) -> None:
    program = """
with deferred.deferred_imports():
    from rfc3986_validator import validate_rfc3986 as ours
from rfc3986_validator import validate_rfc3986 as real
texts = ["https://event.jupyter.org/jupyter_server/contents_service/v1", "http://a", "http://a/b?c=d#e", "http://",
         "https://exa mple.org", "urn:isbn:1", "no address", "http://[::1]/", "https://a/%zz", "", "http://a..b/-"]
print(all(bool(ours(text, rule="URI")) == bool(real(text, rule="URI")) for text in texts))
"""
    assert output(minimal, program) == ["True"]


@pytest.mark.parametrize(
    ("spoiled", "said"),
    [
        (
            "import jupyterhub; jupyterhub.version_info = (7, 0, 0, '', '')",
            "is started the stock way: this file was",
        ),
        ("deferred.DEFERRED['jupyter_core'] = ()", "the short one failed"),
    ],
    ids=["another JupyterHub", "an import that fails"],
)
def test_where_the_short_way_does_not_hold_the_stock_one_is_taken(minimal: Path, spoiled: str, said: str) -> None:
    program = f"""
{spoiled}
single_user, is_short = main.import_single_user(is_known=main.is_known_jupyterhub())
print(is_short, single_user.__name__, "jupyterhub.singleuser.extension" in sys.modules)
"""
    finished = run(minimal, program)
    assert finished.stdout.splitlines() == ["False JupyterHubSingleUser True"], finished.stderr
    assert said in finished.stderr
