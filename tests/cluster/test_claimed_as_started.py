"""The workspace that a claim makes, beside the one that a start makes: what differs is listed here, with its reason."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from spawner.installation import JOVYAN
from tests.cluster.claiming_hub import ClaimingHub, claiming_hub
from tests.images.server_probe import PROBE, told
from tests.kernels import Kernel
from tests.terminals import run_in_terminal
from tests.wheel_index import add_wheel

pytestmark = pytest.mark.usefixtures("on_this_machine")

Told = dict[str, dict[str, str]]

MOUNTS = {
    r"\S+ /home/jovyan(/shared/\w+)? ": "the agent mounts them without what is dangerous: nosuid, nodev",
    r"tmpfs /home ": "the seat, in which the home is mounted",
    r"tmpfs /run/credentials ": "the place where credentials come later",
}
BECAUSE: Mapping[str, Mapping[str, str]] = {
    "modules": {
        r"park\b": "it is what was parked",
        r"anyio\b": "the rehearsal opened files, which loads this a little before anybody else does",
        r"jupyter_core\.migrate": "the rehearsal had a new home, which is looked through for files of an older Jupyter",
        r"rfc3986_validator": "the rehearsal read settings whose schemas hold an address",
    },
    "loggers": {r"WithOurTerminals\.jupyterlab_git": "made when that has something to say, at a moment of its own"},
    "parked home": {r"park\.becoming": "the constant itself"},
    "terminal": MOUNTS,
    "kernel": MOUNTS,
}
"""What a claimed server has and a started one has not, or the other way round, by how it begins."""

IN_ANY_ORDER = ("static_immutable_cache", ".settings", ".handlers", ".access_scopes", "page_config_data")
"""Made from sets, whose order Python draws anew in each process."""

LOOK = (
    "cd; pwd; id; umask; ulimit -a; env | grep -v '^LINES='; "
    "stat -c '%A %U %G %n' / /home ~ ~/shared/* /tmp /run/studiolo; "
    "grep -E ' (/home|/etc|/tmp|/run|/dev/shm)' /proc/self/mounts; "
    "grep -E 'Cap|NoNew|Seccomp:|Groups' /proc/self/status"
)


@pytest.fixture(scope="module")
def hub(
    tmp_path_factory: pytest.TempPathFactory,
    kubeconfig: Path,
    images: Mapping[str, str],
    on_this_machine: None,
    _remove_namespaces: None,
) -> Iterator[ClaimingHub]:
    folder = tmp_path_factory.mktemp("claimed-as-started")
    with claiming_hub(folder, kubeconfig, images, pods=0, more={"homes.quota": "1Gi"}) as hub:
        yield hub


@pytest.fixture(scope="module")
def both(hub: ClaimingHub) -> tuple[Told, Told]:
    """What two workspaces of Alice's tell of themselves: one that was started, one that was claimed and stays."""
    home = hub.home_of("alice")
    (home / ".jupyter").mkdir(parents=True)
    (home / ".jupyter" / "jupyter_server_config.py").write_text(PROBE)
    os.chown(home / ".jupyter", JOVYAN, JOVYAN)
    # Little to ask for, on a node with others; and two cores, without which a kernel takes long to come there.
    hub.change_hardware(lambda entries: entries["small"].update(cpu={"request": "10m", "limit": 2}))
    start(hub)
    assert not hub.is_claimed("alice")
    started = everything(hub)
    hub.stop_for("alice")
    hub.want_pods(1)
    hub.until_parked(1)
    start(hub)
    assert hub.is_claimed("alice"), hub.log("hub")[-4000:]
    return started, everything(hub)


def start(hub: ClaimingHub) -> None:
    """Until the server has had its first words with the hub, too: they load and open something."""

    def talks() -> int:
        return hub.log("hub").count("/users/alice/activity 200 ")

    before = talks()
    hub.start_for("alice")
    hub.until(lambda: talks() > before, what="the server has talked to the hub")


def token_of(hub: ClaimingHub) -> str:
    return hub.token("alice", hub.passwords["alice"])


def server_of(hub: ClaimingHub) -> httpx.Client:
    headers = {"Authorization": f"token {token_of(hub)}"}
    return httpx.Client(base_url=f"{hub.base_url}/user/alice/", headers=headers, trust_env=False, timeout=60)


def in_terminal(hub: ClaimingHub, command: str) -> str:
    return run_in_terminal(f"{hub.base_url}/user/alice", token_of(hub), command)


def in_kernel(hub: ClaimingHub, *cells: str) -> str:
    with Kernel(address=f"{hub.base_url}/user/alice", token=token_of(hub)) as kernel:
        return "".join("".join(kernel.run(cell)) for cell in cells)


def everything(hub: ClaimingHub) -> Told:
    pod = hub.pod_of("alice")
    assert pod is not None
    with server_of(hub) as server:
        for path in ("lab", "git/settings", "api/kernelspecs"):  # what is put off until the first answers is there then
            server.get(path)
        text = server.get("tell").raise_for_status().text
    own = dict(json.loads(text)["environment"])
    varying = {"pod": pod["metadata"]["name"], "token": own["JUPYTERHUB_API_TOKEN"], "ip": pod["status"]["podIP"]}
    found = told(re.sub(r"(jpserver-(?:file-to-run-)?)\d+", r"\1PID", text), **varying)
    found["terminal"] = lines(in_terminal(hub, LOOK), varying)
    found["kernel"] = lines(in_kernel(hub, f"import subprocess; print(subprocess.getoutput({LOOK!r}))"), varying)
    return found


def lines(text: str, varying: Mapping[str, str]) -> dict[str, str]:
    for name, value in varying.items():
        text = text.replace(value, name.upper())
    text = re.sub(r"(JPY_PARENT_PID=)\d+", r"\1PID", text)
    text = re.sub(r"\x1b\[\?2004[hl]", "", text)  # what a terminal shows beside: its prompt, and what was typed
    found = {line.strip(): "" for line in text.splitlines()}
    return {line: "" for line in found if line and "@POD:" not in line and LOOK[:20] not in line}


def are_alike(key: str, one: str | None, other: str | None) -> bool:
    if one is None or other is None or not key.partition(" ")[0].endswith(IN_ANY_ORDER):
        return one == other
    return sorted(re.findall(r"[^\s,\[\](){}]+", one)) == sorted(re.findall(r"[^\s,\[\](){}]+", other))


def test_nothing_differs_but_what_is_listed(both: tuple[Told, Told]) -> None:
    """Traits, class defaults, settings, routes, environment, folder, path, open files, threads, signals, loggers …"""
    started, claimed = both
    assert claimed.keys() == started.keys()
    for kind, one in started.items():
        other, listed = claimed[kind], BECAUSE.get(kind, {})
        differing = {key for key in one.keys() | other.keys() if not are_alike(key, one.get(key), other.get(key))}
        unlisted = {key for key in differing if not any(re.match(begins, key) for begins in listed)}
        assert {key: (one.get(key), other.get(key)) for key in unlisted} == {}, kind


def test_settings_and_layouts_of_jupyterlab_are_saved_in_the_home(hub: ClaimingHub, both: tuple[Told, Told]) -> None:
    with server_of(hub) as server:
        theme = {"raw": '{"theme": "JupyterLab Dark"}'}
        server.put("lab/api/settings/@jupyterlab/apputils-extension:themes", json=theme).raise_for_status()
        layout = {"data": {}, "metadata": {"id": "mine"}}
        server.put("lab/api/workspaces/mine", json=layout).raise_for_status()
    lab = hub.home_of("alice") / ".jupyter" / "lab"
    assert {path.relative_to(lab).parts[0] for path in lab.rglob("*") if path.is_file()} == {
        "user-settings",
        "workspaces",
    }
    assert not any(path.stat().st_uid != JOVYAN for path in lab.rglob("*"))


def test_what_is_installed_in_a_notebook_is_imported_and_lies_in_the_home(
    hub: ClaimingHub, both: tuple[Told, Told]
) -> None:
    wheel = add_wheel(
        hub.home_of("alice"), "answers", "1.0", {"answers.py": "best = 42"}, program="best = answers:best"
    )
    place = f"~/{wheel.relative_to(hub.home_of('alice'))}"
    said = in_kernel(
        hub, f"%pip install --quiet --no-index {place}", "import answers; print(answers.best, answers.__file__)"
    )
    assert "42 /home/jovyan/.local/share/studiolo/packages/minimal/" in said
    assert "packages/minimal/bin/best" in in_terminal(hub, "which best")


def test_git_ssh_and_our_own_command_work_in_a_terminal(hub: ClaimingHub, both: tuple[Told, Told]) -> None:
    shown = in_terminal(
        hub,
        "ssh -G example.org | grep '^user '; git init -q ~/work && cd ~/work && echo 1 >one && git add one"
        " && git -c user.email=a@example.org -c user.name=Alice commit -q -m 'A first'"
        " && git --no-pager log --format=%f",
    )
    assert "user jovyan" in shown
    assert "A-first" in shown
    # Signed in as her, with the rights of a workspace: those of all her workspaces are not among them.
    assert "may not see the workspaces of alice" in in_kernel(hub, "!studiolo workspace list")
