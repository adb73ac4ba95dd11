"""What Alice keeps as credentials works in her workspace, and Bob sees nothing of it, whatever he tries.

Each attempt has a sentence. Those that find something when Alice makes them in her own place are tried by her as well.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass

import pytest
from playwright.async_api import Browser, StorageState

from tests.cluster.accounts import delete_workspace, new_api_token, signed_in
from tests.cluster.alice_and_bob import (
    ALICE,
    BOB,
    THIEF,
    Kept,
    Person,
    TwoPeople,
    forget_all,
    keep_all,
    let_git_out,
    open_notebook,
    run_cell,
    save_as,
    start,
)
from tests.cluster.attempts import REFUSALS
from tests.cluster.attempts_by_web import BY_WEB, HUB, SERVICES, every_one, page
from tests.cluster.attempts_inside import INSIDE
from tests.cluster.attempts_on_kubernetes import ON_KUBERNETES
from tests.cluster.canaries import found_in
from tests.cluster.conftest import run_apart
from tests.cluster.everywhere import answers, everywhere
from tests.cluster.git_servers import GitServer, SshGitServer, git_server, ssh_git_server
from tests.cluster.installed import Installed
from tests.cluster.people import chromium, person

ATTEMPTS = BY_WEB | INSIDE | ON_KUBERNETES
ADMIN = "carol"
WITH_PROOF = {name: attempt for name, attempt in ATTEMPTS.items() if attempt.works_for_owner}

SEES = """
import hashlib, os, pathlib, subprocess, sys
env = os.environ["{variable}"]
file = pathlib.Path("/run/credentials/{path}").read_text()
home = pathlib.Path.home()
for folder in (home, home / "shared" / "vision", pathlib.Path("/tmp"), pathlib.Path("/dev/shm")):
    (folder / "notes.txt").write_text(f"{{env}} {{file}}")
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(36000)", "{workspace}"])
print(*(hashlib.sha256(value.encode()).hexdigest() for value in (env, file)), "done")
"""
"""What she sees, as a digest: a notebook keeps what it printed, and this one is pushed. And something to be found."""

PUSHES = """
import shutil, tempfile
work = pathlib.Path(tempfile.mkdtemp(dir=pathlib.Path.home()))
shutil.copy(pathlib.Path.home() / "{workspace}.ipynb", work / "analysis.ipynb")
(work / "authority.pem").write_text('''{authority}''')
def git(*words):
    return subprocess.run(["git", "-c", "user.name=Alice", "-c", "user.email=alice@example.org", *words], cwd=work,
        check=False, capture_output=True, text=True).stderr
said = [git("init", "--quiet", "--initial-branch={workspace}"), git("add", "analysis.ipynb"),
    git("commit", "--quiet", "--message=Analysis"), git("config", "http.sslCAInfo", str(work / "authority.pem")),
    git("push", "--quiet", "{https}", "{workspace}"), git("push", "--quiet", "{ssh}", "{workspace}")]
print(said, "done")
"""


def digest(value: str) -> str:
    """As the notebook prints it."""
    return hashlib.sha256(value.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What Alice's notebook printed, and the page of her key."""

    sees: str
    pushes: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What was there before anybody tried anything."""

    people: TwoPeople
    said: Said


async def set_up(installed: Installed, kept: Kept, https: GitServer, ssh: SshGitServer) -> Setting:
    """Alice keeps credentials and works with them; Bob has a workspace on the same node."""
    async with chromium() as browser:
        (alices, said), bobs = await asyncio.gather(alice_works(browser, kept, https, ssh), bob_comes(browser))
    names = {ALICE: kept.workspace, BOB: THIEF}
    alice, bob = [
        Person(name=name, workspace=names[name], cookies=cookies, token=await token_of(name), installed=installed)
        for name, cookies in ((ALICE, alices), (BOB, bobs))
    ]
    people = TwoPeople(installed=installed, kept=kept, https=https, ssh=ssh, alice=alice, bob=bob)
    return Setting(people=people, said=said)


async def alice_works(browser: Browser, kept: Kept, https: GitServer, ssh: SshGitServer) -> tuple[StorageState, Said]:
    """From the page Credentials to two pushes."""
    async with person(browser, ALICE) as page:
        await forget_all(page)
        public_key, fingerprint = await keep_all(page, kept, git_host=https.host)
        ssh.let_in(public_key)
        await start(page, kept.workspace, "Python")
        await open_notebook(page)
        sees = SEES.format(variable=kept.variable, path=kept.path, workspace=kept.workspace)
        seen = await run_cell(page, 0, sees)
        await save_as(page, f"{kept.workspace}.ipynb")
        pushes = PUSHES.format(authority=https.authority, workspace=kept.workspace, https=https.url, ssh=ssh.url)
        pushed = await run_cell(page, 1, pushes)
        return await page.context.storage_state(), Said(sees=seen, pushes=pushed, fingerprint=fingerprint)


async def bob_comes(browser: Browser) -> StorageState:
    """With a workspace of his own."""
    async with person(browser, BOB) as page:
        await start(page, THIEF, "Minimal")
        return await page.context.storage_state()


async def token_of(name: str) -> str:
    """A new one, with all rights of the person."""
    async with signed_in(name) as client:
        return await new_api_token(client, name)


async def clear_away(kept: Kept) -> None:
    """Both workspaces, and what Alice keeps."""
    async with chromium() as browser, person(browser, ALICE) as page:
        await forget_all(page)
    for name, *titles in ((ALICE, kept.workspace), (BOB, THIEF, "bag")):
        async with signed_in(name) as client:
            for title in titles:
                await delete_workspace(client, name, title)


@pytest.fixture(scope="module")
def setting(deployed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    kept, folder = Kept.new(), tmp_path_factory.mktemp("git")
    with ExitStack() as stack:
        https = stack.enter_context(git_server(folder / "https", user=ALICE, token=kept.token))
        ssh = stack.enter_context(ssh_git_server(folder / "ssh"))
        policy = let_git_out(deployed, https.server_address[1], ssh.port)
        stack.callback(deployed.theirs, "delete", "networkpolicy", policy)
        stack.callback(run_apart, clear_away(kept))
        yield run_apart(set_up(deployed, kept, https, ssh))


def test_in_a_notebook_alice_sees_her_variable_and_her_file(setting: Setting) -> None:
    kept = setting.people.kept
    assert setting.said.sees.split()[:2] == [digest(kept.env), digest(kept.file)]


def test_she_pushes_the_notebook_over_https_with_her_token_and_over_ssh_with_her_key(setting: Setting) -> None:
    at = setting.people
    server: GitServer | SshGitServer
    for server in (at.https, at.ssh):
        assert server.repository.has(at.kept.workspace), setting.said.pushes
        assert server.subjects(at.kept.workspace) == ["Analysis"]
        assert server.repository.files(at.kept.workspace) == ["analysis.ipynb"]
        pushed = server.repository.git(
            "--git-dir", server.repository.path, "show", f"{at.kept.workspace}:analysis.ipynb"
        )
        assert digest(at.kept.env) in pushed
        assert not at.kept.values_in(pushed)
    assert at.ssh.has_let_in(setting.said.fingerprint)


@pytest.mark.parametrize("name", WITH_PROOF)
async def test_alice_finds_her_own_by(name: str, setting: Setting) -> None:
    at = setting.people
    attempt = ATTEMPTS[name]
    seen = await attempt.act(at, at.alice)
    assert at.kept.told_by(seen.text), seen


@pytest.mark.parametrize("name", ATTEMPTS)
async def test_bob_sees_nothing_of_alice_s_by(name: str, setting: Setting) -> None:
    at = setting.people
    attempt = ATTEMPTS[name]
    seen = await attempt.act(at, at.bob)
    assert not attempt.told(at, seen), seen
    assert not attempt.is_refused or seen.status in REFUSALS, seen


def test_bob_made_forty_attempts_and_more() -> None:
    assert len(ATTEMPTS) == len(BY_WEB) + len(INSIDE) + len(ON_KUBERNETES) >= 40


async def test_after_all_that_nothing_of_alice_s_has_changed(setting: Setting) -> None:
    at = setting.people
    assert at.alice.inside("cat", f"/run/credentials/{at.kept.path}") == at.kept.file
    assert at.alice.inside("printenv", at.kept.variable).strip() == at.kept.env
    async with signed_in(ALICE) as client:
        answer = await client.get(
            "/services/studiolo/api/credentials", headers={"Authorization": f"token {at.alice.token}"}
        )
        found = answer.raise_for_status().json()["credentials"]
    assert {one["name"] for one in found} == set(every_one(at))
    assert all(one["changed"] == one["created"] for one in found)
    assert {one["mounted_by"] for one in found} == {at.kept.workspace}


SOURCES = (
    f"{SERVICES}/credentials",
    f"{HUB}/home",
    f"{HUB}/spawn",
    f"{HUB}/spawn?opt-credentials=@wandb@",
    f"{HUB}/spawn-pending/alice/@workspace@",
    f"{HUB}/token",
)
ANSWERS = (
    "/hub/api/users/alice?include_stopped_servers",
    "/hub/api/groups/vision",
    "/services/studiolo/api/credentials",
    "/services/studiolo/api/starts",
    "/services/studiolo/metrics",
)


async def test_no_value_is_kept_or_shown_anywhere_but_in_alice_s_own_workspace(setting: Setting) -> None:
    """One search through all that can be reached, for what was planted; of the private key, for a line of it."""
    at = setting.people
    key = at.alice.inside("sed", "-n", "2p", f"/run/credentials/ssh/{at.kept.name('key')}").strip()
    values = (*at.kept.values, key)
    assert len(key) >= 64
    # So that a search that finds nothing says something.
    secrets = at.installed.theirs("get", "secrets", "-o", "json")
    assert set(found_in(secrets, values)) >= {at.kept.env, at.kept.file}
    own = at.alice.inside("sh", "-c", "printenv; find -L /run/credentials -type f -exec cat {} +")
    assert set(found_in(own, values)) == set(values)

    await provoke(at)
    uid = at.installed.theirs("get", "pod", at.alice.pod, "-o", "jsonpath={.metadata.uid}")
    sources = [(f"page {address}", (await page(address)(at, at.alice)).text) for address in SOURCES]
    told = answers(at.installed, await token_of(ADMIN), *ANSWERS)
    searched = set()
    for place, text in (*everywhere(at.installed, without_pod=uid), *sources, *told):
        searched.add(place.split()[0])
        assert not found_in(text, values), place
    assert searched == {"objects", "log", "hub:", "services:", "backup", "arguments", "environment", "page", "GET"}


async def provoke(at: TwoPeople) -> None:
    """All that may go wrong with a credential that is sent, so that logs have it."""
    kept, address = at.kept, "/services/studiolo/api/credentials"
    env = {"name": "wrong", "kind": "env", "variable": "PATH", "value": kept.env}
    sent = (
        (address, json.dumps(env)),
        (address, json.dumps(env | {"variable": "X", "value": kept.env * 2000})),
        (address, json.dumps(env | {"value": {kept.env: kept.env}})),
        (address, json.dumps({"name": "wrong", "kind": "ssh-key", "value": kept.file})),
        (address, json.dumps({"name": "wrong", "kind": "cloud", "tool": "gcp", "value": kept.file})),
        (address, f'{{"value": "{kept.token}'),
        (f"{address}/nothing/rotate", json.dumps({"value": kept.token})),
        (f"{address}/{kept.name('kaggle')}/rotate", json.dumps([kept.file])),
    )
    with closing(at.installed.client(at.alice.token)) as client:
        for path, content in sent:
            answer = client.post(path, content=content)
            assert answer.is_client_error, answer.text
            assert not kept.values_in(answer.text)
        right = client.post(f"{address}/{kept.name('kaggle')}/rotate", json={"value": kept.file})
        assert right.is_success, right.text
