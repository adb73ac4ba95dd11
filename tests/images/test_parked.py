"""A server that waits for its person, and the server that it becomes."""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.local.ports import free_port
from tests.fakes.hub_of_servers import HubOfServers
from tests.images.conftest import CHECKOUT, RunningServer, StartServer
from tests.images.parking import Park, parking
from tests.images.server_probe import PROBE, told
from workspace_server.later import LATER
from workspace_server.startup import HTTP_CLIENT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="not run: looks into /proc, which Linux has")

BASE = CHECKOUT / "images" / "base"
TOKEN = "token-of-alice"


@pytest.fixture
def park(tmp_path: Path) -> Iterator[Park]:
    with parking(tmp_path) as parked:
        yield parked


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


# The server that it becomes

BECAUSE = {
    "modules": {
        "park": "it is what was parked",
        "anyio": "the rehearsal opened files, which loads this a little before anybody else does",
        "ipykernel": "the rehearsal listed the kernels",
        "rfc3986_validator": "the rehearsal read settings whose schemas hold an address",
    },
    "parked home": {"park": "the constant itself"},
}
"""What a claimed server has and a normally started one has not, each with its reason."""


def test_a_claimed_server_differs_in_nothing_but_what_is_listed_from_one_that_was_started(  # noqa: PLR0917 - all that a start needs
    start: StartServer, park: Park, hub: HubOfServers, minimal: Path, home: Path, tmp_path: Path
) -> None:
    """Traits, class defaults, settings, routes, environment, folder, path, open files, threads, signals, loggers …"""
    env = {"JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"), "PYTHONHASHSEED": "0", "STUDIOLO_APPS": ""}

    def ask(server: RunningServer) -> dict[str, dict[str, str]]:
        assert hub.told_of_activity.wait(30)
        assert hub.asked_for_version.wait(30)
        # What is put off until the first answers is there then: this waits for it, and then asks it, in either server.
        server.get("git/settings", token=TOKEN, follow_redirects=True)
        answer = server.get("tell").text
        port = server.url.rpartition(":")[2]
        return told(answer, port=port, pid=server.process.pid, log=server.log)

    def fresh_home() -> None:
        for folder in (home, tmp_path / "runtime"):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
        (home / ".jupyter").mkdir()
        (home / ".jupyter" / "jupyter_server_config.py").write_text(PROBE)

    fresh_home()
    started_server = start(minimal, env=env)
    started = ask(started_server)
    started_server.end()
    hub.told_of_activity.clear()
    hub.asked_for_version.clear()
    fresh_home()
    parked = park(minimal, PYTHONHASHSEED="0")
    claimed = ask(parked.claim(parked.identity(hub, home, minimal, **env)))

    assert claimed.keys() == started.keys()
    for kind in started:
        listed = BECAUSE.get(kind, {})
        more = {key: value for key, value in claimed[kind].items() if started[kind].get(key) != value}
        less = {key: value for key, value in started[kind].items() if claimed[kind].get(key) != value}
        assert {key: value for key, value in more.items() if key.split(" ")[0].split(".")[0] not in listed} == {}, kind
        assert less == {}, kind


def test_nothing_is_left_to_import_once_it_has_answered(
    park: Park, hub: HubOfServers, minimal: Path, home: Path, tmp_path: Path
) -> None:
    """Of many that are claimed at once, the first would do it while people wait for the others."""
    (home / ".jupyter").mkdir(parents=True)
    seen = tmp_path / "modules"
    tell = f"import pathlib, sys\npathlib.Path({str(seen)!r}).write_text('\\n'.join(sys.modules))\n"
    (home / ".jupyter" / "jupyter_server_config.py").write_text(tell)
    parked = park(minimal)
    parked.claim(parked.identity(hub, home, minimal))
    put_off = {HTTP_CLIENT, "aiohttp", *(module for module, _ in LATER.values())}
    assert put_off <= set(seen.read_text().splitlines())


def test_settings_and_layouts_of_jupyterlab_are_saved_in_the_home_of_its_person(
    park: Park, hub: HubOfServers, minimal: Path, home: Path
) -> None:
    parked = park(minimal)
    server = parked.claim(parked.identity(hub, home, minimal))
    headers = {"Authorization": f"token {TOKEN}"}
    setting = "lab/api/settings/@jupyterlab/apputils-extension:themes"
    put(server, setting, {"raw": '{"theme": "JupyterLab Dark"}'}, headers)
    put(server, "lab/api/workspaces/mine", {"data": {}, "metadata": {"id": "mine"}}, headers)
    saved = [str(path.relative_to(home)) for path in (home / ".jupyter" / "lab").rglob("*") if path.is_file()]
    assert [Path(path).parts[2] for path in sorted(saved)] == ["user-settings", "workspaces"]


def put(server: RunningServer, path: str, body: Any, headers: dict[str, str]) -> None:
    answer = httpx.put(f"{server.url}/user/alice/{path}", json=body, headers=headers, trust_env=False, timeout=30)
    assert answer.status_code in {200, 204}, answer.text


def test_who_connects_before_the_claim_is_answered_by_the_server(
    park: Park, hub: HubOfServers, minimal: Path, home: Path
) -> None:
    parked = park(minimal)
    with socket.create_connection(("127.0.0.1", parked.port), timeout=30) as early:
        early.sendall(b"GET /user/alice/api HTTP/1.0\r\n\r\n")
        parked.claim(parked.identity(hub, home, minimal))
        assert early.recv(64).startswith(b"HTTP/1.1 200")


def test_in_a_pod_it_opens_its_port_and_a_folder_for_its_socket_itself(
    park: Park, hub: HubOfServers, minimal: Path, home: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    seat = {"STUDIOLO_PARK_SOCKET": ".seat/identity.sock", "STUDIOLO_PARK_PORT": str(port)}
    parked = park(minimal, STUDIOLO_PARK_LISTEN_FD="", **seat)
    parked.port, parked.door = port, seat["STUDIOLO_PARK_SOCKET"]
    assert stat.S_IMODE((parked.folder / ".seat").stat().st_mode) == 0o700
    message = parked.identity(hub, home, minimal)
    del message["env"]["STUDIOLO_LISTEN_FD"]
    server = parked.claim(message)
    assert server.get("api").status_code == 200
    with socket.create_connection(("::1", port), timeout=30):
        pass


def test_without_a_rehearsal_it_becomes_the_same(park: Park, hub: HubOfServers, minimal: Path, home: Path) -> None:
    parked = park(minimal, STUDIOLO_PARK_DEPTH="imports")
    assert parked.claim(parked.identity(hub, home, minimal)).get("api").status_code == 200


@pytest.mark.parametrize(("keep", "has_own"), [("1", True), ("", False)], ids=["in a pod", "on one machine"])
def test_in_a_pod_the_variables_of_its_image_stay_beside_those_of_its_person(
    minimal: Path, keep: str, has_own: bool
) -> None:
    program = f"""
import json, os, sys
sys.path.append({str(BASE)!r})
from park import becoming
from park.message import Identity
from park.orders import orders_in, own_of
kept = own_of(os.environ) if orders_in(os.environ).keeps_own else {{}}
becoming.know_nobody()
becoming.compute_again = lambda: None
env = {{"HOME": "/home/jovyan", "WORD": "of alice"}}
identity = Identity(env=env, cwd="/", umask=18, arguments=())
becoming.become(identity, listen_fd=None, before=kept)
print(json.dumps(dict(os.environ)))
"""
    own = {
        "PATH": "/opt/environment/bin:/usr/bin:/bin",
        "USER": "jovyan",
        "HOME": "/home/image",
        "WORD": "of the image",
    }
    finished = subprocess.run(
        [minimal, "-P", "-c", program],
        env={**own, "STUDIOLO_PARK_KEEP": keep, "STUDIOLO_PARK_PORT": "0"},
        capture_output=True,
        check=True,
    )
    theirs = {"HOME": "/home/jovyan", "WORD": "of alice"}
    found = {name: value for name, value in json.loads(finished.stdout).items() if name != "LC_CTYPE"}
    assert found == ({**own, **theirs} if has_own else theirs)


# Before there is anybody


def test_nothing_of_anybody_is_in_it_before_the_claim(park: Park, minimal: Path) -> None:
    parked = park(minimal, HOME="/home/somebody-else", USER="somebody-else", JUPYTERHUB_API_TOKEN="somebody-else")
    folder = Path(f"/proc/{parked.process.pid}")
    assert (folder / "cwd").readlink() == parked.folder
    assert children(parked.process.pid) == []
    opened = [str(path.readlink()) for path in (folder / "fd").iterdir()]
    assert not [path for path in opened if path.startswith("/home")]
    assert [path.name for path in parked.folder.iterdir() if path.name != "parked.log"] == ["identity.sock"]
    assert parked.log.read_text() == ""
    # It waits, and does nothing else: one thread, and no more processor than before.
    assert len(list((folder / "task").iterdir())) == 1


def children(pid: int) -> list[str]:
    return [child for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()]


def test_a_rehearsal_leaves_no_object_thread_descriptor_or_variable_behind(minimal: Path, tmp_path: Path) -> None:
    program = f"""
import json, os, sys, threading
sys.path.append({str(BASE)!r})
from park import program, rehearsal, traces
from workspace_server.main import prepare
def seen():
    return [sorted(os.environ.items()), os.getcwd(), sorted(os.listdir("/proc/self/fd")), threading.active_count()]
prepared = prepare()
before = seen()
rehearsal.rehearse(prepared)
print(json.dumps([before, seen(), traces.alive()]))
"""
    env = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "TMPDIR": str(tmp_path)}
    finished = subprocess.run([minimal, "-P", "-c", program], capture_output=True, text=True, check=True, env=env)
    before, after, alive = json.loads(finished.stdout)
    assert after == before
    assert alive == {}
    assert list(tmp_path.iterdir()) == []


def test_what_it_replaces_in_jupyter_and_traitlets_is_there(minimal: Path) -> None:
    """Private names. Where one goes with a new version, this says so before a claim does."""
    program = f"""
import sys
sys.path.append({str(BASE)!r})
from jupyter_server.serverapp import ServerApp
from jupyterhub.services.auth import HubAuth
from jupyterlab.labapp import LabApp
from park.program import NEEDED_TO_ADOPT
assert all(hasattr(ServerApp, name) for name in NEEDED_TO_ADOPT)
assert {{"user_settings_dir", "workspaces_dir"}} <= LabApp._static_immutable_initial_values.keys()
assert "base_url" in HubAuth._static_immutable_initial_values
assert callable(HubAuth._api_request)
"""
    subprocess.run([minimal, "-P", "-c", program], check=True, env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"})


def test_a_jupyter_without_them_binds_its_port_itself(minimal: Path) -> None:
    program = f"""
import sys
sys.path.append({str(BASE)!r})
from jupyter_server.serverapp import ServerApp
from park.orders import orders_in
from park.program import adopted, listen
orders = orders_in({{"STUDIOLO_PARK_PORT": "{free_port()}"}})
listening = listen(orders)
print(adopted(listening) == listening)
del ServerApp._bind_http_server_tcp
print(adopted(listening))
listen(orders)
"""
    env = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
    finished = subprocess.run([minimal, "-P", "-c", program], capture_output=True, text=True, check=True, env=env)
    assert finished.stdout == "True\nNone\n"


# The message


def malformed(**change: Any) -> Any:
    return lambda message: json.dumps({**message, **change}).encode() + b"\n"


MALFORMED = {
    "no JSON": lambda _: b"hello\n",
    "no table": lambda _: b"[]\n",
    "a key that is missing": lambda message: json.dumps({**message, "env": None} | {"more": 1}).encode() + b"\n",
    "another version": malformed(version=2),
    "a variable that is no text": malformed(env={"HOME": "/home/alice", "A": 1}),
    "a name that is none": malformed(env={"HOME": "/home/alice", "A=B": "1"}),
    "a null": malformed(env={"HOME": "/home/alice", "A": "a\0b"}),
    "no home": malformed(env={}),
    "a folder that is not whole": malformed(cwd="alice"),
    "a mask that is none": malformed(umask=True),
    "arguments in one text": malformed(arguments="--allow-root"),
    "two at once": lambda message: 2 * (json.dumps(message).encode() + b"\n"),
}


@pytest.mark.parametrize("make", MALFORMED.values(), ids=list(MALFORMED))
def test_what_is_no_identity_is_refused(make: Any, minimal: Path, tmp_path: Path) -> None:
    message = {"version": 1, "env": {"HOME": "/home/alice"}, "cwd": "/", "umask": 18, "arguments": []}
    program = f"""
import sys
sys.path.append({str(BASE)!r})
import socket
from park.delivery import _whole_line
from park.message import MalformedError, parse_identity
ours, theirs = socket.socketpair()
theirs.sendall(sys.stdin.buffer.read())
theirs.close()
try:
    parse_identity(_whole_line(ours))
except MalformedError as error:
    print(error)
"""
    sent = make(message)
    finished = subprocess.run([minimal, "-P", "-c", program], input=sent, capture_output=True, check=True)
    assert finished.stdout.strip()
    assert b"alice" not in finished.stdout  # it may be secret


def test_a_server_that_was_sent_something_else_ends(park: Park, minimal: Path) -> None:
    parked = park(minimal, STUDIOLO_PARK_DEPTH="imports")
    assert parked.send(b"{}\n") == b""
    assert parked.process.wait(30) == 1
    assert "is no identity" in parked.log.read_text()


def test_there_is_no_second_message(park: Park, hub: HubOfServers, minimal: Path, home: Path) -> None:
    parked = park(minimal, STUDIOLO_PARK_DEPTH="imports")
    parked.claim(parked.identity(hub, home, minimal))
    assert list(parked.folder.glob("*.sock")) == []
    with pytest.raises(OSError, match="No such file"):
        parked.send(b"{}\n")


def test_only_who_may_send_one_is_listened_to(park: Park, minimal: Path) -> None:
    parked = park(minimal, STUDIOLO_PARK_DEPTH="imports", STUDIOLO_PARK_PID="1")
    assert stat.S_IMODE((parked.folder / "identity.sock").stat().st_mode) == 0o600
    assert parked.send(b"{}\n") == b""
    assert parked.process.poll() is None
    assert (parked.folder / "identity.sock").exists()


def test_another_user_is_not_listened_to(park: Park, minimal: Path) -> None:
    parked = park(minimal, STUDIOLO_PARK_DEPTH="imports", STUDIOLO_PARK_UID=str(os.geteuid() + 1))
    assert parked.send(b"{}\n") == b""
    assert parked.process.poll() is None


def test_nobody_s_home_can_stand_before_what_it_imports(
    park: Park, hub: HubOfServers, minimal: Path, home: Path
) -> None:
    home.mkdir()
    for name in ("json", "tornado", "park", "workspace_server"):
        (home / f"{name}.py").write_text("raise SystemExit('shadowed')")
    parked = park(minimal)
    assert parked.claim(parked.identity(hub, home, minimal)).get("api").status_code == 200
