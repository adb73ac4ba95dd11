"""Alice with credentials of every kind, in a pod that has them and in one that has none, and places that want them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from deploy.cluster.layout import NODE_ADDRESS, PACKAGE_INDEX_PORT
from studiolo.names import pod_name
from tests.cluster.cluster_commands import kubectl
from tests.cluster.git_servers import SshGitServer, new_certificate, ssh_git_server
from tests.cluster.object_store import ObjectStore, object_store
from tests.cluster.real_hub import RealHub
from tests.fakes.cloud_sign_in import CloudSignIn
from tests.fakes.package_registry import PackageRegistry
from tests.fakes.webhdfs import WebHdfs
from tests.git_work import write_script

ALICE = "alice"
WITH, WITHOUT = "", "bare"
"""Her workspaces: one has all of her credentials, one has none."""

LOCK = Path(__file__).parent / "data" / "clients.lock"
LIBRARIES = "/tmp/libraries"
AUTHORITY = "/tmp/authority.pem"
INDEX = f"http://{NODE_ADDRESS}:{PACKAGE_INDEX_PORT}"

PIP = 'eval "$(python -I -m studiolo_packages)" && pip'
"""As a terminal finds it: no login, no terminal."""

INSTALL = f"""
cat >/tmp/clients.lock
{PIP} install --quiet --no-input --no-compile --no-deps --require-hashes \
    --target {LIBRARIES} --index-url {INDEX}/simple/ --trusted-host {NODE_ADDRESS} --requirement /tmp/clients.lock
"""


@dataclass(kw_only=True)
class ClientsAtWork:
    """What a test looks at."""

    hub: RealHub
    ssh: SshGitServer
    packages: PackageRegistry
    clouds: CloudSignIn
    hdfs: WebHdfs
    store: ObjectStore
    values: Mapping[str, str]
    token: str = ""
    _known: dict[str, str] = field(default_factory=dict)

    def in_pod(self, server: str, *argv: str, text: str = "", env: Mapping[str, str] | None = None) -> str:
        """What a program printed. Raises ProgramFailedError where it ended with an error."""
        given = ("env", *(f"{name}={value}" for name, value in (env or {}).items()))
        pod = pod_name(ALICE, server)
        return kubectl("-n", self.hub.namespace, "exec", "-i", pod, "--", *given, *argv, text=text)

    def address(self, server: str) -> str:
        """Of a workspace, through the proxy."""
        return f"{self.hub.base_url}/user/{ALICE}{f'/{server}' if server else ''}"

    @cached_property
    def trust(self) -> Mapping[str, str]:
        """What a client needs to believe the places that have a certificate."""
        return {"PIP_CERT": AUTHORITY, "REQUESTS_CA_BUNDLE": AUTHORITY, "PYTHONPATH": LIBRARIES}

    def keep(self) -> None:
        """All of Alice's, over REST."""
        host, port = self.hdfs.host.split(":")
        profile = (
            f"[default]\naws_access_key_id = {self.values['key']}\naws_secret_access_key = {self.values['secret']}\n"
            f"region = us-east-1\nendpoint_url = {self.store.url}\n"
        )
        index = {"kind": "package-index", "value": self.values["packages"]}
        sent: tuple[dict[str, Any], ...] = (
            {"name": "first-key", "kind": "ssh-key"},
            {"name": "second-key", "kind": "ssh-key"},
            {"name": "pip", "tool": "pip", "url": f"{self.packages.url}/simple/", **index},
            {"name": "npm", "tool": "npm", "url": f"{self.packages.url}/npm/", **index},
            {"name": "conda", "tool": "conda", "url": f"{self.packages.url}/conda", **index},
            {"name": "aws", "kind": "cloud", "tool": "aws", "value": profile},
            {"name": "gcp", "kind": "cloud", "tool": "gcp", "value": self.clouds.google_account()},
            {"name": "azure", "kind": "cloud", "tool": "azure", "value": self.clouds.azure_account()},
            {"name": "hdfs", "kind": "env", "variable": "FSSPEC_WEBHDFS_TOKEN", "value": self.values["hdfs"]},
        )
        with self.hub.services_api(self.token) as api:
            for one in sent:
                kept = api.post("credentials", json=one)
                assert kept.is_success, kept.text
                self._known[one["name"]] = str(kept.json().get("public_key"))
        self.ssh.let_in(self._known["second-key"])
        self._host, self._port = host, port

    def start(self, server: str, credentials: list[str]) -> None:
        """A workspace with these, ready for its clients."""
        variables = {"FSSPEC_WEBHDFS_HOST": self._host, "FSSPEC_WEBHDFS_PORT": self._port}
        choice = {"environment": "minimal", "hardware": "small", "env": variables, "credentials": credentials}
        place = f"users/{ALICE}/servers/{server}"
        with self.hub.api(self.token) as api:
            api.post(place, json={"user_options": choice}).raise_for_status()
            self.hub.until(lambda: self.hub._server(api, ALICE, server)["ready"], what=f"{place} is ready", seconds=300)
        write_script(self.address(server), self.token)
        self.in_pod(server, "sh", "-c", f"cat >{AUTHORITY}", text=(self.ssh.log.parents[1] / "server.pem").read_text())


def write_catalog(folder: Path, images: Mapping[str, str]) -> None:
    """One kind of hardware with as many cores as the machine has: installing is work."""
    small = {"title": "Small", "cpu": {"request": "50m", "limit": 2}, "memory": "1Gi", "default": True}
    minimal = {"title": "Minimal", "image": images["minimal"], "default": True}
    for name, entries in {"hardware": {"small": small}, "environments": {"minimal": minimal}}.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump({name: entries}))


@contextmanager
def clients_at_work(
    folder: Path, *, kubeconfig: Path, namespace: str, images: Mapping[str, str]
) -> Iterator[ClientsAtWork]:
    """Both workspaces run, with clients installed in each."""
    names = ("packages", "azure", "hdfs", "key", "secret")
    values = {name: f"canary-{name}-{secrets.token_hex(12)}" for name in names}
    new_certificate(folder)
    hub = RealHub(folder / "hub", kubeconfig=kubeconfig, namespace=namespace, images=images, services=True)
    write_catalog(folder / "hub" / "catalog", images)
    with ExitStack() as open_places:
        enter = open_places.enter_context
        packages = PackageRegistry(NODE_ADDRESS, user="__token__", token=values["packages"], certificate=folder)
        work = ClientsAtWork(
            ssh=enter(ssh_git_server(folder / "ssh")),
            packages=enter(packages.serving()),
            clouds=enter(CloudSignIn(NODE_ADDRESS, secret=values["azure"], certificate=folder).serving()),
            hdfs=enter(WebHdfs(NODE_ADDRESS, token=values["hdfs"]).serving()),
            store=enter(object_store(folder / "store", key=values["key"], secret=values["secret"])),
            hub=enter(hub),
            values=values,
        )
        work.token = hub.token(ALICE, hub.add_user(ALICE))
        work.keep()
        work.start(WITH, list(work._known))
        work.start(WITHOUT, [])
        yield work
