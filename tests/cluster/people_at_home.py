"""A real hub whose workspaces have their homes on one volume, with the home service as a process of this machine."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from deploy.cluster.addons import objects
from deploy.local.ports import free_port
from hub.passwords import ADMIN
from hub.settings import SETTINGS_VARIABLE
from studiolo.names import pod_name
from tests.cluster.cluster_commands import LAYOUT, kubectl
from tests.cluster.kube import Manifest
from tests.cluster.real_hub import RealHub

CLAIM = "homes"
PEOPLE = ("alice", "bob", "carol", "dave", "erin")
NODE = {"kubernetes.io/hostname": "studiolo-node1"}
"""Everybody's pods are on one node, also where there are two."""


MOUNTS = LAYOUT.node(1).mount_namespace
"""Where its kubelet and its pods see mounts."""


class PeopleAtHome(RealHub):
    """Alice is in the team vision; scans are its data, beside the homes on their volume."""

    def __init__(
        self,
        root: Path,
        *,
        kubeconfig: Path,
        namespace: str,
        images: Mapping[str, str],
        more: Mapping[str, Any] | None = None,
        services: bool = False,
    ) -> None:
        """`more` are settings by their dotted names."""
        self.volume_name = f"test-homes-{secrets.token_hex(3)}"
        self.volume = LAYOUT.homes.resolve() / self.volume_name
        self.volume.mkdir(mode=0o711)
        self.volume.chmod(0o711)
        overrides = {
            "kubernetes.homes.claim": CLAIM,
            "kubernetes.homes.folder": "people",
            "homes.service.url": f"http://127.0.0.1:{free_port()}",
            "homes.service.root": self.volume,
            "homes.archiveAfter": "2s",
            "secretsDirectory": root / "secrets",
            **(more or {}),
        }
        super().__init__(
            root, kubeconfig=kubeconfig, namespace=namespace, images=images, overrides=overrides, services=services
        )
        (self.data.secrets / "homes_token").write_text(secrets.token_hex(16))
        self._offer(root / "catalog", images)
        self.passwords: dict[str, str] = {}
        self.service_pid = 0

    def _offer(self, catalog: Path, images: Mapping[str, str]) -> None:
        environments = {
            "minimal": {"title": "Minimal", "image": images["minimal"], "default": True},
            "python": {"title": "Python", "image": images["python"]},
        }
        small = {"cpu": {"request": "50m", "limit": "200m"}, "memory": "1Gi", "node_selector": NODE}
        hardware = {
            "small": {"title": "Small", "default": True, **small},
            "roomy": {"title": "Roomy", "scratch": "64Mi", **small},
        }
        scans = {"title": "Scans of vision", "claim": CLAIM, "folder": "data/scans", "teams": ["vision"]}
        attic = {"title": "Attic", "claim": CLAIM, "folder": "data/attic", "read_only": False, "max_age": "30d"}
        data = {"scans": scans, "attic": attic}
        for name, entries in {"environments": environments, "hardware": hardware, "data": data}.items():
            (catalog / f"{name}.yaml").write_text(yaml.safe_dump({name: entries}))
        self.attic = self.volume / "data" / "attic"
        self.attic.mkdir(parents=True)
        self.attic.chmod(0o777)
        folder = self.volume / "data" / "scans"
        folder.mkdir(parents=True)
        scan = folder / "scan.txt"
        scan.write_text("of vision")
        folder.chmod(0o777)  # whoever cannot write there is kept from it by the mount alone
        scan.chmod(0o666)

    def storage(self) -> tuple[Manifest, Manifest]:
        """The volume, like the cluster's own for homes, and the claim on it."""
        volume = next(one for one in objects(LAYOUT, authority=b"") if one["kind"] == "PersistentVolume")
        spec: Any = volume["spec"]
        spec |= {
            "hostPath": {"path": str(self.volume), "type": "Directory"},
            "claimRef": {"namespace": self.namespace, "name": CLAIM},
        }
        wanted = {
            "accessModes": ["ReadWriteMany"],
            "storageClassName": spec["storageClassName"],
            "volumeName": self.volume_name,
            "resources": {"requests": {"storage": "1Gi"}},
        }
        claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": wanted}
        return (
            volume | {"metadata": {"name": self.volume_name}},
            claim | {"metadata": {"name": CLAIM, "namespace": self.namespace}},
        )

    @contextmanager
    def home_service(self, **more: str) -> Iterator[subprocess.Popen[bytes]]:
        """`python -P -m hub.homes` with the hub's own settings; it answers. `more` is added to its environment."""
        # Where the node's own programs are: it sees what is mounted there, as a pod would.
        argv = ("nsenter", f"--mount={MOUNTS}", sys.executable, "-P", "-m", "hub.homes")
        with (self.data.logs / "homes.log").open("wb") as log:
            env = {**os.environ, SETTINGS_VARIABLE: str(self.data.effective_settings), **more}
            process = subprocess.Popen(argv, env=env, stdout=log, stderr=log)
        self.service_pid = process.pid
        try:
            self.until(lambda: self._is_up(process), what="the home service answers", seconds=120)
            yield process
        finally:
            process.kill()
            process.wait()

    def _is_up(self, process: subprocess.Popen[bytes]) -> bool:
        assert process.poll() is None, (self.data.logs / "homes.log").read_text()
        try:
            return httpx.get(f"{self.settings.homes.service.url}/health", trust_env=False, timeout=5).is_success
        except httpx.HTTPError:
            return False

    def invite(self) -> None:
        """Makes the accounts, and the team."""
        self.passwords = {name: self.add_user(name) for name in PEOPLE}
        with self.api(self.token(ADMIN, self.admin_password)) as api:
            api.post("groups/vision").raise_for_status()
            api.post("groups/vision/users", json={"users": ["alice"]}).raise_for_status()

    def invite_again(self, person: str) -> None:
        """Makes an account that was deleted; what it had to sign in with is worth nothing any more."""
        del self._tokens[person]
        self.passwords[person] = self.add_user(person)

    def api_of(self, person: str) -> httpx.Client:
        return self.api(self.token(person, self.passwords[person]))

    def browser_of(self, person: str) -> httpx.Client:
        return self.browser(person, self.passwords[person])

    def start_for(self, person: str, *, environment: str = "minimal", hardware: str = "small", **more: object) -> None:
        """Until the workspace is ready. Raises AssertionError, and HTTPStatusError where the hub refuses at once."""
        with self.api_of(person) as api:
            choice = {"environment": environment, "hardware": hardware, **more}
            api.post(f"users/{person}/server", json={"user_options": choice}).raise_for_status()
            self.until(lambda: not self._server(api, person, "")["pending"], what=f"{person} starts", seconds=300)
            assert self._server(api, person, "")["ready"], f"{person} did not start:\n{self.log('hub')[-3000:]}"

    def stop_for(self, person: str) -> None:
        self.stop_workspace(self.token(person, self.passwords[person]), person)

    def inside(self, person: str, script: str, *, program: tuple[str, ...] = ("sh", "-eu")) -> str:
        """What a program printed in the person's pod. Raises ProgramFailedError when it ends with an error."""
        return kubectl("-n", self.namespace, "exec", "-i", pod_name(person, ""), "--", *program, text=script).strip()

    def home_in_pods(self, person: str) -> Path:
        """As the node sees it, with what is mounted there; for as long as the home service runs."""
        return Path(f"/proc/{self.service_pid}/root") / self.home_of(person).relative_to("/")

    def home_of(self, person: str) -> Path:
        """As the machine sees it."""
        return self.volume / "people" / person


@contextmanager
def silenced(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """For so long it takes connections and answers none, as with a disk that hangs."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)
