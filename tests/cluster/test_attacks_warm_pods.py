"""Attack group 4, with real parked servers: a pod of nobody is nobody, and a claimed one knows its person alone."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from spawner.identity import (
    HOME_ANNOTATION,
    ORDER_ANNOTATION,
    USER_LABEL,
    Delivered,
    HomeFolder,
    Identity,
    Order,
    Refusal,
    TeamFolder,
)
from tests.cluster.claiming_hub import ClaimingHub, claiming_hub
from tests.cluster.cluster_commands import eventually, kubectl

pytestmark = pytest.mark.usefixtures("on_this_machine")

Json = dict[str, Any]
PYTHON = ("python3", "-")


class FrugalHub(ClaimingHub):
    """Whose pods find room on a node that is nearly full: nothing here is about time."""

    def want_pods(self, count: int) -> None:
        super().want_pods(count)
        self.change_hardware(lambda entries: entries["small"].update(cpu={"request": "10m", "limit": "1"}))


@pytest.fixture(scope="module")
def hub(
    tmp_path_factory: pytest.TempPathFactory,
    kubeconfig: Path,
    images: Mapping[str, str],
    on_this_machine: None,
    _remove_namespaces: None,
) -> Iterator[ClaimingHub]:
    with claiming_hub(tmp_path_factory.mktemp("attacks"), kubeconfig, images, kind=FrugalHub) as made:
        yield made


ASKS = """
import json, os, urllib.error, urllib.request
hub = HUB
def status(method, path, token):
    asked = urllib.request.Request(f"{hub}/hub/api/{path}", method=method, data=b"{}" if method == "POST" else None)
    if token:
        asked.add_header("Authorization", f"token {token}")
    try:
        return urllib.request.urlopen(asked, timeout=30).status
    except urllib.error.HTTPError as error:
        return error.code
asked = [(method, path, token) for method, path in ASKED for token in TOKENS]
print(json.dumps({
    "health": urllib.request.urlopen(f"{hub}/hub/health", timeout=30).status,
    "answers": [status(*one) for one in asked],
    "env": dict(os.environ),
    "home": sorted(os.listdir("/home")),
    "seat": sorted(os.listdir("/home/.seat")),
    "account": os.path.exists("/var/run/secrets/kubernetes.io"),
}))
"""
ASKED = [
    *(("GET", path) for path in ("user", "users", "users/alice", "users/alice/tokens", "groups", "proxy", "info")),
    *(("POST", path) for path in ("users/alice/server", "users/alice/tokens", "users/alice/activity", "shutdown")),
    *(("DELETE", path) for path in ("users/alice/server", "users/alice")),
]


def test_a_pod_of_nobody_has_nothing_and_is_nobody_to_the_hub(hub: ClaimingHub) -> None:
    """It reaches the hub, as it has to in the first moment of whoever claims it."""
    (waiting,) = hub.until_parked(1)
    tokens = ["", "nobody", "rehearsal", waiting["metadata"]["uid"]]
    script = f"HUB, ASKED, TOKENS = {hub.settings.hub_connect_url!r}, {ASKED!r}, {tokens!r}\n" + ASKS
    told = json.loads(inside(hub, waiting, script))
    assert told["health"] == 200
    assert set(told["answers"]) <= {401, 403}
    assert not [name for name in told["env"] if name.startswith("JUPYTERHUB")]
    assert (told["home"], told["seat"], told["account"]) == ([".seat"], ["identity.sock"], False)


FINDS = """
import os, sys
words = WORDS
for top in ("/home", "/tmp", "/run", "/dev/shm", "/var", "/etc"):
    for folder, below, names in os.walk(top):
        if folder == "/home":
            below[:] = [one for one in below if one != "jovyan"]
        for name in names:
            path = os.path.join(folder, name)
            try:
                if os.path.isfile(path):
                    with open(path, "rb") as file:
                        text = file.read()
                    for word in words:
                        if word.encode() in text:
                            print(word, "in", path)
            except OSError:
                pass
for number in filter(str.isdigit, os.listdir("/proc")):
    for part in ("environ", "cmdline", "mountinfo"):
        try:
            with open(f"/proc/{number}/{part}", "rb") as file:
                text = file.read()
        except OSError:
            continue
        for word in words:
            if word.encode() in text:
                print(word, "in", number, part)
"""


def test_a_pod_has_nothing_of_the_identities_before_its_own(hub: ClaimingHub) -> None:
    """Looked for by its person's code in files and processes, and by root in all the memory that it has."""
    words = {name: f"word-{secrets.token_hex(6)}" for name in ("alice", "bob")}
    first = claimed_by(hub, "alice", words["alice"])
    # Or it would be found nowhere because nobody can find it.
    assert in_memory(first, [words["alice"]]) == {words["alice"]}
    assert looked_for(hub, first, ["rehearsal", "people/bob"]) == []
    hub.stop_for("alice")
    (waiting,) = hub.until_parked(1)
    assert in_memory(waiting, [words["alice"]]) == set()
    second = claimed_by(hub, "bob", words["bob"])
    assert second["metadata"]["uid"] != first["metadata"]["uid"]
    assert in_memory(second, [*words.values(), hub.agents.token]) == {words["bob"]}
    assert looked_for(hub, second, [words["alice"], "rehearsal", "people/alice", hub.agents.token]) == []


LISTENS = """
import os, socket
door = socket.socket(socket.AF_UNIX)
door.bind("/home/.seat/identity.sock")
door.listen(8)
sent, _ = door.accept()
open("/tmp/got", "wb").write(sent.recv(1 << 20))
"""


def test_a_person_s_code_is_told_no_second_identity_whatever_order_comes(hub: ClaimingHub) -> None:
    """It listens where the first one came, and the orders are of the hub's own account: replayed, altered, forged."""
    pod = pod_of(hub, "bob")
    change = "touch /home/x; ln -s /etc /home/y; mv /home/jovyan /home/z; rm -f /home/.order; cat /home/.order; :"
    assert inside(hub, pod, f"({change}) 2>/dev/null", program=("sh",)) == ""
    assert inside(hub, pod, "ls -A /home", program=("sh",)).split() == [".order", ".seat", "jovyan"]
    with suppress(OSError):
        inside(hub, pod, f"cat >/tmp/l.py <<'E'\n{LISTENS}\nE\npython3 /tmp/l.py >/dev/null 2>&1 &\n", program=("sh",))
    listens = "test -S /home/.seat/identity.sock && echo yes || :"
    eventually("it listens", lambda: inside(hub, pod, listens, program=("sh",)) == "yes", seconds=30)

    replayed = order_of(pod)
    evil = Identity(env={"HOME": "/home/jovyan", "WORD": "evil"}, cwd="/home/jovyan")
    altered = replayed.model_copy(update={"identity": evil})
    for order in (replayed, altered):
        answer = hub.agents.give(order)
        assert Delivered.model_validate_json(answer.content) == Delivered(order=replayed.id), answer.text
    forged = (
        {"id": "0" * 32},
        {"id": "0" * 32, "user": "alice"},
        {"id": "0" * 32, "home": HomeFolder(name="alice", uid=1000, gid=1000)},
        {"id": "0" * 32, "teams": (TeamFolder(name="vision"),)},
        {"id": "0" * 32, "at": datetime(2026, 1, 1, tzinfo=UTC)},
        {"id": "0" * 32, "pod": "another"},
    )
    for update in forged:
        answer = hub.agents.give(replayed.model_copy(update=update))
        assert answer.status_code == 409, answer.text
        assert Refusal.model_validate_json(answer.content).why in {"not_claimed", "too_old"}
    assert inside(hub, pod, "ls /tmp/got 2>/dev/null || :", program=("sh",)) == ""


def order_of(pod: Json) -> Order:
    """The order that this pod was claimed by, as everybody can read it who may read pods, with an identity made up."""
    marks = pod["metadata"]["annotations"]
    name, uid, gid = marks[HOME_ANNOTATION].split()
    return Order(
        id=marks[ORDER_ANNOTATION],
        at=datetime.now(UTC),
        namespace=pod["metadata"]["namespace"],
        pod=pod["metadata"]["name"],
        pod_uid=pod["metadata"]["uid"],
        user=pod["metadata"]["labels"][USER_LABEL],
        home=HomeFolder(name=name, uid=int(uid), gid=int(gid)),
        identity=Identity(env={"HOME": "/home/jovyan"}, cwd="/home/jovyan"),
    )


def claimed_by(hub: ClaimingHub, person: str, word: str) -> Json:
    """On a busy machine a start may have gone the normal way."""
    for _ in range(3):
        hub.until_parked(1)
        hub.start_for(person, env={"WORD": word})
        if hub.is_claimed(person):
            return pod_of(hub, person)
        hub.stop_for(person)
    raise AssertionError(f"{person} claimed no pod:\n{hub.log('hub')[-5000:]}")


def pod_of(hub: ClaimingHub, person: str) -> Json:
    found = hub.pod_of(person)
    assert found is not None
    return found


def inside(hub: ClaimingHub, pod: Json, script: str, *, program: tuple[str, ...] = PYTHON) -> str:
    """By the code of whoever the pod's is."""
    return kubectl("-n", hub.namespace, "exec", "-i", pod["metadata"]["name"], "--", *program, text=script).strip()


def looked_for(hub: ClaimingHub, pod: Json, words: list[str]) -> list[str]:
    return inside(hub, pod, f"WORDS = {words!r}\n{FINDS}").splitlines()


def in_memory(pod: Json, words: list[str]) -> set[str]:
    """Which of these are in the memory of its processes, as root of the node reads it."""
    uid = pod["metadata"]["uid"]
    pids = [path.parent for path in Path("/proc").glob("[0-9]*/cgroup") if is_of(path, uid)]
    assert pids
    found: set[str] = set()
    for process in pids:
        with suppress(OSError), (process / "mem").open("rb", buffering=0) as memory:
            for line in (process / "maps").read_text().splitlines():
                first, last = (int(word, 16) for word in line.split()[0].split("-"))
                with suppress(OSError, OverflowError, ValueError):
                    memory.seek(first)
                    part = memory.read(last - first)
                    found |= {word for word in words if word.encode() in part}
    return found


def is_of(path: Path, uid: str) -> bool:
    with suppress(OSError):
        text = path.read_text()
        return uid in text or uid.replace("-", "_") in text
    return False
