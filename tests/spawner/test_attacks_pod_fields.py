"""Attack group 20: whatever a person types, their pod is the catalog's. Only values of variables and names differ."""

from __future__ import annotations

import copy
import re
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kubernetes_asyncio.client import ApiClient
from kubespawner import KubeSpawner

from spawner.env_rules import RESERVED_NAMES, RESERVED_PREFIXES
from spawner.errors import OptionsError
from spawner.installation import HomesVolume, Installation
from spawner.manifest import pod_env, pod_traits
from spawner.options import parse_options
from spawner.plan import make_plan
from studiolo.catalog import Catalog, CpuShare, Environment, Hardware
from studiolo.choice import Choice
from studiolo.names import home_name, pod_name

GIB = 1024**3
INSTALLATION = Installation(namespace="work", release="studiolo", homes=HomesVolume(claim="homes", folder="users"))
IMAGE = "registry.example.org/python@sha256:" + "0123456789abcdef" * 4
CATALOG = Catalog(
    environments=(Environment(name="python", title="Python", image=IMAGE),),
    hardware=(Hardware(name="small", title="Small", cpu=CpuShare(request=0.5, limit=1), memory_bytes=GIB),),
)
HUB_ENV = {"JUPYTERHUB_API_TOKEN": "a-token", "JUPYTERHUB_USER": "ada", "JUPYTERHUB_ADMIN_ACCESS": "1"}

HOSTILE_VALUES = (
    "$(JUPYTERHUB_API_TOKEN)",
    "$$(JUPYTERHUB_API_TOKEN)",
    "${HOME} `id` $(id)",
    "{username}{servername}{namespace}{unescaped_username}",
    "{{ pod.spec }}{% raw %}",
    "; rm -rf / #",
    '"}, {"name": "LD_PRELOAD", "value": "/tmp/x.so',
    "a: b\\n- c",
    "--ServerApp.token=",
    "%s%d%(name)s",
    "x" * 4096,
)
HOSTILE_NAMES = ("../../etc", "a--b", "{username}", "-rf", "a" * 64, "eve/../ada", "ada\n", "ÄDA", "$(id)", "a.b", "..")


async def render(user: str, server: str, env: tuple[tuple[str, str], ...], patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The pod that the real KubeSpawner makes."""
    choice = Choice(environment="python", hardware="small", env=env)
    plan = make_plan(choice, catalog=CATALOG, user=user, server=server, teams=["vision"])
    name = pod_name(user, server)
    patch.setattr("kubespawner.spawner.load_config", lambda **_: None)
    patch.setattr("kubespawner.spawner.shared_client", lambda _: SimpleNamespace())
    patch.setattr(KubeSpawner, "get_env", lambda _: pod_env(plan, HUB_ENV, secret="s"))
    spawner = KubeSpawner(_mock=True)
    spawner.pod_name = name
    for trait, value in pod_traits(plan, INSTALLATION).items():
        setattr(spawner, trait, value)
    async with ApiClient() as client:
        manifest: dict[str, Any] = client.sanitize_for_serialization(await spawner.get_pod_manifest())
    return manifest


def frame(pod: dict[str, Any]) -> dict[str, Any]:
    """The pod without what may differ: its name, the home's folder and the values of the person's variables."""
    found = copy.deepcopy(pod)
    del found["metadata"]["name"]
    (container,) = found["spec"]["containers"]
    container["env"] = [one for one in container["env"] if not one["name"].startswith("TYPED_")]
    (home,) = (mount for mount in container["volumeMounts"] if mount["name"] == "home")
    del home["subPath"]
    return found


@pytest.mark.parametrize("value", HOSTILE_VALUES)
async def test_a_value_changes_nothing_but_itself(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = await render("ada", "", (("TYPED_A", "plain"),), monkeypatch)
    pod = await render("ada", "", (("TYPED_A", value),), monkeypatch)
    assert frame(pod) == frame(plain)
    (typed,) = (one for one in pod["spec"]["containers"][0]["env"] if one["name"].startswith("TYPED_"))
    assert expanded(typed["value"]) == value


def expanded(written: str) -> str:
    """What Kubernetes makes of a value: `$$` is `$`, `$(NAME)` is another variable's value."""

    def one(found: re.Match[str]) -> str:
        return "$" if found[0] == "$$" else "EXPANDED"

    return re.sub(r"\$\$|\$\([^)]*\)", one, written)


@pytest.mark.parametrize("name", HOSTILE_NAMES)
async def test_a_person_s_or_a_workspace_s_name_reaches_the_pod_s_names_and_its_folder_alone(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = await render("ada", "", (), monkeypatch)
    for user, server in ((name, ""), ("ada", name)):
        pod = await render(user, server, (), monkeypatch)
        assert frame(pod) == frame(plain)
        assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", pod["metadata"]["name"])
        (home,) = (one for one in pod["spec"]["containers"][0]["volumeMounts"] if one["name"] == "home")
        assert re.fullmatch(r"users/[a-z0-9-]+", home["subPath"])


def test_no_two_names_share_a_pod_or_a_home() -> None:
    """KubeSpawner's CVE-2020-15110: a crafted server name that reached the pod of somebody else."""
    names = [
        *HOSTILE_NAMES,
        "ada",
        "Ada",
        "a-b",
        "a",
        "b",
        "ada-b",
        "ada--b",
        "ada---b",
        "a\N{ZERO WIDTH SPACE}da",
        "default",
    ]
    pods = {(user, server): pod_name(user, server) for user in names for server in ("", *names)}
    assert len(set(pods.values())) == len(pods)
    assert len({home_name(user) for user in names}) == len(names)


@pytest.mark.parametrize(
    "name",
    sorted(RESERVED_NAMES)
    + [f"{prefix}X" for prefix in RESERVED_PREFIXES]
    + ["LD_PRELOAD", "PYTHONPATH", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES", "JUPYTERHUB_API_URL"],
)
def test_a_variable_that_reaches_past_a_workspace_is_refused_and_never_rendered(name: str) -> None:
    with pytest.raises(OptionsError):
        parse_options({"env": {name: "all"}}, catalog=CATALOG, teams=())
    choice = Choice(environment="python", hardware="small")
    plan = make_plan(choice, catalog=CATALOG, user="ada", server="", teams=())
    object.__setattr__(plan, "env", ((name, "from the person"),))  # as if a check had failed
    assert "from the person" not in str(pod_env(plan, HUB_ENV, secret="s"))


@pytest.mark.parametrize(
    "key",
    [
        *("image", "args", "cmd", "command", "volumes", "volume_mounts", "node_selector", "tolerations", "labels"),
        *("annotations", "extra_pod_config", "extra_container_config", "priority_class_name", "service_account"),
        *(
            "privileged",
            "uid",
            "supplemental_gids",
            "namespace",
            "pod_name",
            "profile",
            "runtime_class",
            "init_containers",
        ),
        *("environment.image", "hardware[gpu]", "__class__", "HARDWARE", "hardware "),
    ],
)
def test_an_option_that_is_none_of_ours_is_refused(key: str) -> None:
    with pytest.raises(OptionsError, match="is not an option"):
        parse_options({"environment": "python", "hardware": "small", key: "x"}, catalog=CATALOG, teams=())


TYPED = st.dictionaries(
    st.text(alphabet="ABCXYZ_abc019", min_size=1, max_size=12).map(lambda name: f"TYPED_{name}"),
    st.text(min_size=0, max_size=60),
    max_size=4,
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(env=TYPED)
def test_any_variables_arrive_as_they_were_typed_or_are_refused(env: dict[str, str]) -> None:
    try:
        choice = parse_options({"env": env}, catalog=CATALOG, teams=())
    except OptionsError:
        return
    plan = make_plan(choice, catalog=CATALOG, user="ada", server="", teams=())
    written = pod_env(plan, HUB_ENV, secret="s")
    assert {name: expanded(str(written[name])) for name in env} == env
    assert {name for name in written if name.startswith("TYPED_")} == set(env)
