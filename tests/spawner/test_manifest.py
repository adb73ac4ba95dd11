"""The pod of a plan: KubeSpawner's traits, the variables, the Secret. Golden files are whole pods, read as diffs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes_asyncio.client import ApiClient
from kubespawner import KubeSpawner

from spawner.credentials import CredentialKind, MountedCredential
from spawner.file_owner import FileOwner
from spawner.installation import HomesVolume, Installation
from spawner.manifest import literal, pod_env, pod_traits, secret_manifest, secret_values, settled_cpu
from spawner.opened_package import OpenedPackage
from spawner.plan import LaunchPlan, make_plan
from studiolo.catalog import Catalog, CpuShare, DataFolder, Environment, Gpu, Hardware
from studiolo.catalog_model import Affinity, NodePreference, NodeRule, Toleration
from studiolo.choice import Choice

GIB = 1024**3
IMAGE = "registry.example.org/python@sha256:" + "0123456789abcdef" * 4
INSTALLATION = Installation(
    namespace="studiolo-work", release="studiolo", homes=HomesVolume(claim="homes", folder="users")
)
HUB_ENV = {
    "JUPYTERHUB_API_TOKEN": "a-token",
    "JPY_API_TOKEN": "a-token",
    "JUPYTERHUB_USER": "ada",
    "JUPYTERHUB_SERVICE_PREFIX": "/user/ada/detector/",
    "JUPYTERHUB_COOKIE_SECRET": "the hub's",
    "PATH": "/opt/hub/bin",
    "AWS_SECRET_ACCESS_KEY": "the operator's",
}
HARDWARE = {
    "small": Hardware(name="small", title="Small", cpu=CpuShare(request=0.5, limit=1), memory_bytes=2 * GIB),
    "gpu": Hardware(
        name="gpu",
        title="One GPU",
        cpu=CpuShare(request=4, limit=8),
        memory_bytes=32 * GIB,
        gpu=Gpu(resource="nvidia.com/mig-1g.18gb", count=2),
        ephemeral_storage_bytes=50 * GIB,
        node_selector=(("accelerator", "a100"),),
        tolerations=(
            Toleration(key="nvidia.com/gpu", operator="Exists"),
            Toleration(key="team", value="vision", effect="NoSchedule"),
        ),
        affinity=Affinity(
            required=(
                NodeRule(key="zone", operator="In", values=("a", "b")),
                NodeRule(key="spot", operator="DoesNotExist"),
            ),
            preferred=(NodePreference(weight=50, rule=NodeRule(key="cores", operator="Gt", values=("16",))),),
        ),
        priority_class="studiolo-batch",
        runtime_class="nvidia",
    ),
    "scratch": Hardware(
        name="scratch",
        title="With scratch",
        cpu=CpuShare(request=1, limit=2),
        memory_bytes=2 * GIB,
        scratch_bytes=50 * GIB,
    ),
}
ENVIRONMENT = Environment(name="python", title="Python", image=IMAGE, apps=("tensorboard",))


DATA = (
    DataFolder(name="iris", title="Iris", mount="/data/iris", claim="datasets.public", folder="flowers/iris"),
    DataFolder(name="all", title="All", mount="/data/all", claim="datasets.public", read_only=False),
    DataFolder(name="scans", title="Scans", mount="/data/vision/scans", claim="scans", teams=frozenset({"vision"})),
)


def plan(
    hardware: str = "small",
    *,
    env: tuple[tuple[str, str], ...] = (),
    data: tuple[str, ...] = (),
    git: str | None = None,
) -> LaunchPlan:
    catalog = Catalog(environments=(ENVIRONMENT,), hardware=tuple(HARDWARE.values()), data=DATA)
    choice = Choice(environment="python", hardware=hardware, env=env, data=data, git=git)
    return make_plan(choice, catalog=catalog, user="ada@example.org", server="detector", teams=["vision"])


async def render(launch: LaunchPlan, installation: Installation, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The pod that the real KubeSpawner makes of the traits."""
    monkeypatch.setattr("kubespawner.spawner.load_config", lambda **_: None)
    monkeypatch.setattr("kubespawner.spawner.shared_client", lambda _: SimpleNamespace())
    monkeypatch.setattr(KubeSpawner, "get_env", lambda _: pod_env(launch, HUB_ENV, secret="ws-ada"))
    spawner = KubeSpawner(_mock=True)
    spawner.pod_name = "ws-ada"
    for name, value in pod_traits(launch, installation).items():
        assert spawner.has_trait(name), name
        setattr(spawner, name, value)
    async with ApiClient() as client:
        manifest: dict[str, Any] = client.sanitize_for_serialization(await spawner.get_pod_manifest())
    for name in tuple(manifest["metadata"]["annotations"]):
        if name.endswith("-version"):
            manifest["metadata"]["annotations"][name] = "any"
    return manifest


@pytest.mark.parametrize("hardware", HARDWARE)
async def test_a_plan_s_pod_is_what_the_golden_file_says(
    hardware: str, golden: Callable[[str, Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    golden(f"pod_{hardware}", await render(plan(hardware), INSTALLATION, monkeypatch))


CREDENTIALS = (
    MountedCredential(name="hub", kind=CredentialKind.ENV, secret="credential-ada--hub", env=("HF_TOKEN",)),
    MountedCredential(
        name="aws", kind=CredentialKind.CLOUD, secret="credential-ada--aws", files=("~/.aws/credentials",)
    ),
    MountedCredential(name="forge", kind=CredentialKind.GIT, secret="credential-ada--forge", files=("git/forge",)),
    MountedCredential(
        name="ssh", kind=CredentialKind.SSH_KEY, secret="credential-ada--ssh", files=("ssh/ssh", "ssh/ssh.pub")
    ),
    MountedCredential(
        name="kaggle", kind=CredentialKind.FILE, secret="credential-ada--kaggle", files=("~/.kaggle/kaggle.json",)
    ),
)


async def test_a_pod_with_credentials_is_what_the_golden_file_says(
    golden: Callable[[str, Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    golden("pod_credentials", await render(plan().with_credentials(CREDENTIALS), INSTALLATION, monkeypatch))


def test_a_removed_credential_keeps_no_pod_from_starting() -> None:
    launch = plan().with_credentials(CREDENTIALS)
    volume = next(one for one in pod_traits(launch, INSTALLATION)["volumes"] if one["name"] == "credentials")
    sources = volume["projected"]["sources"]
    assert len(sources) == 4
    assert all(source["secret"]["optional"] for source in sources)
    reference = pod_env(launch, HUB_ENV, secret="s")["HF_TOKEN"]
    assert isinstance(reference, dict)
    assert reference["valueFrom"]["secretKeyRef"] == {
        "name": "credential-ada--hub",
        "key": "HF_TOKEN",
        "optional": True,
    }


def test_a_credential_counts_more_than_a_variable_of_the_choice_and_less_than_ours() -> None:
    wicked = MountedCredential(name="x", kind=CredentialKind.ENV, secret="s-x", env=("MODE", "HOME", "LD_PRELOAD"))
    index = MountedCredential(name="i", kind=CredentialKind.PACKAGE_INDEX, secret="s-i", files=("~/.npmrc",))
    typed = (("MODE", "typed"), ("NPM_CONFIG_USERCONFIG", "/home/jovyan/mine"))
    launch = plan(env=typed).with_credentials((wicked, index))
    env = pod_env(launch, HUB_ENV, secret="s")
    assert isinstance(env["MODE"], dict)
    assert env["HOME"] == "/home/jovyan"
    assert "LD_PRELOAD" not in env
    assert env["NPM_CONFIG_USERCONFIG"] == "/home/jovyan/mine"


def test_without_credentials_a_pod_is_as_it_was() -> None:
    for credentials in ((), (MountedCredential(name="x", kind=CredentialKind.ENV, env=("X",), files=("x",)),)):
        launch = plan().with_credentials(credentials)
        assert pod_traits(launch, INSTALLATION) == pod_traits(plan(), INSTALLATION)
        assert pod_env(launch, HUB_ENV, secret="s") == pod_env(plan(), HUB_ENV, secret="s")


async def test_data_of_one_claim_is_one_volume_and_to_be_read_unless_it_says_otherwise(
    golden: Callable[[str, Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    golden("pod_with_data", await render(plan(data=("iris", "all", "scans")), INSTALLATION, monkeypatch))


async def test_the_folders_of_teams_are_below_the_home_where_the_installation_has_them(
    golden: Callable[[str, Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    homes = HomesVolume(claim="homes", folder="users", has_team_folders=True)
    golden("pod_with_team_folder", await render(plan(), replace(INSTALLATION, homes=homes), monkeypatch))


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("pod_with_user_number", FileOwner(uid=5001, gid=6001)),
        ("pod_with_user_number_alone", FileOwner(uid=5001, gid=1000)),
    ],
)
async def test_who_has_a_user_number_has_a_pod_that_runs_as_it_and_knows_it(
    name: str, owner: FileOwner, golden: Callable[[str, Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    golden(name, await render(plan().owned_by(owner), INSTALLATION, monkeypatch))


async def test_no_token_stands_in_the_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    text = str(await render(plan(), INSTALLATION, monkeypatch))
    assert "a-token" not in text
    assert "operator's" not in text
    assert "the hub's" not in text
    assert secret_values(HUB_ENV) == {"JUPYTERHUB_API_TOKEN": "a-token", "JPY_API_TOKEN": "a-token"}


def test_a_secret_belongs_to_its_pod_and_cannot_be_changed() -> None:
    secret = secret_manifest("ws-ada", {"JUPYTERHUB_API_TOKEN": "x"}, pod_uid="1-2-3", installation=INSTALLATION)
    (owner,) = secret["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"]) == ("Pod", "1-2-3")
    assert secret["immutable"] is True
    assert secret["stringData"] == {"JUPYTERHUB_API_TOKEN": "x"}
    assert secret["metadata"]["labels"] == INSTALLATION.labels


@pytest.mark.parametrize(
    ("value", "written"),
    [("plain", "plain"), ("$HOME", "$$HOME"), ("$(PATH)", "$$(PATH)"), ("$$(PATH)", "$$$$(PATH)")],
)
def test_a_value_reaches_the_container_as_it_was_typed(value: str, written: str) -> None:
    assert literal(value) == written


def test_a_person_s_variables_stand_behind_ours() -> None:
    evil = replace(plan(), env=(("MODEL", "$(PATH)"), ("HOME", "/etc"), ("JUPYTERHUB_USER", "eve")))
    env = pod_env(evil, HUB_ENV, secret="s")
    assert env["MODEL"] == "$$(PATH)"
    assert env["HOME"] == "/home/jovyan"
    assert env["JUPYTERHUB_USER"] == "ada"


def test_hardware_without_a_gpu_sees_none_and_with_one_what_the_device_plugin_gives() -> None:
    assert pod_env(plan("small"), HUB_ENV, secret="s")["NVIDIA_VISIBLE_DEVICES"] == "void"
    assert "NVIDIA_VISIBLE_DEVICES" not in pod_env(plan("gpu"), HUB_ENV, secret="s")


def test_every_server_may_use_two_cores_until_it_answers() -> None:
    assert pod_traits(plan("small"), INSTALLATION)["cpu_limit"] == 2
    assert pod_env(plan("small"), HUB_ENV, secret="s")["CPU_LIMIT"] == "1.0"
    assert pod_traits(plan("gpu"), INSTALLATION)["cpu_limit"] == 8
    limits = {"name": "notebook", "resources": {"limits": {"cpu": "1000m"}}}
    assert settled_cpu(plan("small")) == {"spec": {"containers": [limits]}}
    assert settled_cpu(plan("gpu")) is None


def test_a_pod_keeps_its_qos_class_when_it_gets_its_own_cores() -> None:
    """Requests and limits that are equal everywhere would make it another, and Kubernetes refuses that."""
    launch = plan("small")
    equal = launch.shape.hardware.model_copy(update={"cpu": CpuShare(request=0.5, limit=0.5)})
    change = settled_cpu(replace(launch, shape=replace(launch.shape, hardware=equal)))
    assert change["spec"]["containers"][0]["resources"]["limits"]["cpu"] == "501m"


def test_without_a_volume_a_home_lives_as_long_as_its_pod() -> None:
    traits = pod_traits(plan(), replace(INSTALLATION, homes=None))
    assert traits["volumes"][0] == {"name": "home", "emptyDir": {}}
    assert "subPath" not in traits["volume_mounts"][0]


def test_an_empty_home_is_the_pod_s_own_and_nothing_of_the_volume_is_mounted() -> None:
    homes = HomesVolume(claim="homes", has_team_folders=True)
    launch = replace(plan(data=("iris", "all", "scans")), has_empty_home=True)
    traits = pod_traits(launch, replace(INSTALLATION, homes=homes))
    home = next(one for one in traits["volumes"] if one["name"] == "home")
    limit = INSTALLATION.ephemeral_storage_bytes
    assert home == {"name": "home", "emptyDir": {"sizeLimit": str(limit)}}
    assert [one for one in traits["volume_mounts"] if one["name"] == "home"] == [
        {"name": "home", "mountPath": "/home/jovyan"}
    ]
    assert launch.choice.has_empty_home


def test_a_home_is_one_folder_of_the_volume_and_nobody_else_s() -> None:
    (home, *_) = pod_traits(plan(), INSTALLATION)["volume_mounts"]
    assert home["subPath"] == f"users/{plan().identity.home}"
    (home, *_) = pod_traits(plan(), replace(INSTALLATION, homes=HomesVolume(claim="homes")))["volume_mounts"]
    assert home["subPath"] == plan().identity.home


def test_what_lies_in_scratch_takes_nothing_from_the_rest_of_the_disk() -> None:
    installation = replace(INSTALLATION, ephemeral_storage_bytes=10 * GIB)
    traits = pod_traits(plan("scratch"), installation)
    assert traits["extra_resource_limits"] == traits["extra_resource_guarantees"]
    assert traits["extra_resource_limits"] == {"ephemeral-storage": str(60 * GIB)}
    assert pod_env(plan("scratch"), HUB_ENV, secret="ws-ada")["SCRATCH"] == "/scratch"


def test_hardware_says_more_than_the_installation() -> None:
    installation = replace(INSTALLATION, priority_class="studiolo-workspace", ephemeral_storage_bytes=GIB)
    small, gpu = pod_traits(plan("small"), installation), pod_traits(plan("gpu"), installation)
    assert (small["priority_class_name"], gpu["priority_class_name"]) == ("studiolo-workspace", "studiolo-batch")
    assert small["extra_resource_limits"] == {"ephemeral-storage": str(GIB)}
    assert gpu["extra_resource_limits"] == {"ephemeral-storage": str(50 * GIB), "nvidia.com/mig-1g.18gb": "2"}


def test_the_server_is_told_which_repository_to_clone() -> None:
    address = "https://git.example.org/vision/iris.git#main"
    assert "STUDIOLO_GIT" not in pod_env(plan(), HUB_ENV, secret="ws-ada")
    assert pod_env(plan(git=address), HUB_ENV, secret="ws-ada")["STUDIOLO_GIT"] == address


def test_the_server_is_told_which_package_to_open_and_has_its_image() -> None:
    opened = OpenedPackage(name="iris", version="1.0", team="A $(TEAM)", digest="sha256:ab", source="iris.ipynb")
    image = "registry.example.org/python@sha256:" + "0" * 64
    of_then = plan().opening(opened, ENVIRONMENT.model_copy(update={"image": image}))
    assert pod_traits(of_then, INSTALLATION)["image"] == image
    assert '"team": "A $$(TEAM)"' in pod_env(of_then, HUB_ENV, secret="ws-ada")["STUDIOLO_MODEL"]
    assert "STUDIOLO_MODEL" not in pod_env(plan(), HUB_ENV, secret="ws-ada")


def test_the_server_is_told_how_much_the_home_may_hold() -> None:
    assert "STUDIOLO_HOME_QUOTA" not in pod_env(plan(), HUB_ENV, secret="ws-ada")
    limited = replace(plan(), home_quota_bytes=50 * GIB)
    assert pod_env(limited, HUB_ENV, secret="ws-ada")["STUDIOLO_HOME_QUOTA"] == str(50 * GIB)
