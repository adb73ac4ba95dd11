"""What a plan looks like as a pod: KubeSpawner's traits, the container's variables, the Secret beside it.

Starts nothing: `spawner/cluster.py` does. Jobs and served models are rendered from the same traits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from spawner.credential_mounts import credential_env, credential_mounts, credential_volumes
from spawner.data_mounts import volumes_of
from spawner.env_rules import is_reserved
from spawner.file_owner import FileOwner, account_annotations, account_env, account_mounts, account_volumes
from spawner.hub_env import from_hub
from spawner.opened_package import VARIABLE as MODEL
from spawner.package_index import package_index_env
from spawner.pod_facts import CONTAINER
from spawner.team_mounts import team_mounts
from studiolo.catalog_folder_keys import DATA

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spawner.installation import Installation
    from spawner.plan import LaunchPlan
    from studiolo.catalog_model import Hardware, NodeRule, Toleration

HOME: Final = "/home/jovyan"
"""In every pod, whoever it is for: images are made for it."""

RUN: Final = "/run/studiolo"
"""Sockets and connection files of the server, on the pod's own disk: neither a slow nor a full home hurts them."""

SCRATCH: Final = "/scratch"
"""Disk of the pod alone, gone with it."""

PORT: Final = 8888

SECRET_VARIABLES: Final = ("JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN")
"""Variables whose values reach the container by the pod's own Secret, never in the pod itself: whoever may look at
pods could act as the person."""

START_CORES: Final = 2.0
"""What every server may use until it answers. Its start is bound by the processor: half a core makes it take 5 s."""

SHARED_MEMORY_SHARE: Final = 2
"""Shared memory may hold one part in so many of the memory, and counts as memory. Kubernetes' own 64 MiB are too small
for PyTorch's workers."""


def pod_traits(plan: LaunchPlan, installation: Installation) -> dict[str, Any]:
    """What KubeSpawner is set to for a plan. Everything not named here stays as the administrator configured it."""
    hardware = plan.shape.hardware
    return {
        "namespace": installation.namespace,
        "image": plan.shape.environment.image,
        "image_pull_policy": "IfNotPresent",  # only a digest decides what runs, and it never changes
        "image_pull_secrets": list(installation.image_pull_secrets),
        "port": PORT,
        **resources(hardware, installation),
        **placement(hardware, installation),
        **security(owner_in(plan, installation), installation),
        **_volumes(plan, installation),
        "extra_labels": {
            **installation.labels,
            "studiolo.dev/environment": plan.shape.environment.name,
            "studiolo.dev/hardware": hardware.name,
        },
        "extra_annotations": account_annotations(plan.identity, home=HOME, shared_gid=installation.gid),
        "extra_pod_config": {
            "restartPolicy": "Never",  # a server that ended is told of, not started again behind its person's back
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": installation.stop_seconds,
            **({"runtimeClassName": hardware.runtime_class} if hardware.runtime_class else {}),
        },
    }


def pod_env(
    plan: LaunchPlan, hub_env: Mapping[str, str], *, secret: str, package_index: str | None = None
) -> dict[str, str | dict[str, Any]]:
    """The container's variables. `hub_env` is what JupyterHub gives a spawner, `secret` the pod's Secret by name."""
    hardware = plan.shape.hardware
    credentials = credential_env(plan.identity.credentials)
    return {
        **{name: literal(value) for name, value in package_index_env(package_index, beside=credentials).items()},
        # What a person typed for this workspace counts more than where our files are, and less than a credential.
        **{name: literal(value) for name, value in credentials.items() if isinstance(value, str)},
        **{name: literal(value) for name, value in plan.env if not is_reserved(name)},
        **{name: value for name, value in credentials.items() if not isinstance(value, str)},
        **{name: literal(value) for name, value in from_hub(hub_env).items()},
        **{name: {"valueFrom": {"secretKeyRef": {"name": secret, "key": name}}} for name in secret_values(hub_env)},
        "HOME": HOME,
        **account_env(plan.identity),
        "JUPYTER_RUNTIME_DIR": RUN,
        "MEM_LIMIT": str(hardware.memory_bytes),
        "CPU_LIMIT": str(hardware.cpu.limit),
        "STUDIOLO_ENVIRONMENT": plan.shape.environment.name,
        "STUDIOLO_HARDWARE": hardware.name,
        "STUDIOLO_APPS": ",".join(plan.shape.environment.apps),
        **({"SCRATCH": SCRATCH} if hardware.scratch_bytes else {}),
        **({"STUDIOLO_DATA": DATA} if plan.data else {}),
        **({"STUDIOLO_GIT": literal(plan.git)} if plan.git else {}),
        **({MODEL: literal(plan.opened.as_variable())} if plan.opened else {}),
        **({"STUDIOLO_HOME_QUOTA": str(plan.home_quota_bytes)} if plan.home_quota_bytes else {}),
        # The device plugin names the devices of those who asked for some. An image made for GPUs would see all others.
        **({} if hardware.gpu else {"NVIDIA_VISIBLE_DEVICES": "void"}),
    }


def settled_cpu(plan: LaunchPlan) -> dict[str, Any] | None:
    """The change to a pod once its server answers: the hardware's own limit of cores. None where it has that."""
    cpu = plan.shape.hardware.cpu
    if cpu.limit >= START_CORES:
        return None
    # A thousandth more than it requests: equal, the pod would be of another QoS class, which Kubernetes does not allow.
    millicores = round(max(cpu.limit, cpu.request + 0.001) * 1000)
    return {"spec": {"containers": [{"name": CONTAINER, "resources": {"limits": {"cpu": f"{millicores}m"}}}]}}


def secret_values(hub_env: Mapping[str, str]) -> dict[str, str]:
    """The values of the variables that the Secret holds."""
    return {name: hub_env[name] for name in SECRET_VARIABLES if name in hub_env}


def secret_manifest(
    name: str, values: Mapping[str, str], *, pod_uid: str, installation: Installation
) -> dict[str, Any]:
    """The Secret of one pod. It belongs to the pod, and Kubernetes removes it with it."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": installation.namespace,
            "labels": installation.labels,
            "ownerReferences": [
                {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": pod_uid, "blockOwnerDeletion": False}
            ],
        },
        "immutable": True,
        "stringData": dict(values),
    }


def literal(value: str) -> str:
    """A value as it is: Kubernetes would put another variable in the place of `$(NAME)`, and reads `$$` as `$`."""
    return value.replace("$", "$$")


def resources(hardware: Hardware, installation: Installation) -> dict[str, Any]:
    # What lies in /scratch counts as the pod's own, and comes on top of what it may use for everything else.
    own_bytes = hardware.ephemeral_storage_bytes or installation.ephemeral_storage_bytes
    disk = str(own_bytes + (hardware.scratch_bytes or 0))
    devices = {hardware.gpu.resource: str(hardware.gpu.count)} if hardware.gpu else {}
    return {
        "cpu_guarantee": hardware.cpu.request,
        "cpu_limit": max(hardware.cpu.limit, START_CORES),
        # Equal: a node that promised more memory than it has would end somebody's work to keep another's.
        "mem_guarantee": hardware.memory_bytes,
        "mem_limit": hardware.memory_bytes,
        "extra_resource_guarantees": {"ephemeral-storage": disk},
        "extra_resource_limits": {"ephemeral-storage": disk, **devices},
    }


def placement(hardware: Hardware, installation: Installation) -> dict[str, Any]:
    required, preferred = hardware.affinity.required, hardware.affinity.preferred
    return {
        "node_selector": dict(hardware.node_selector),
        "tolerations": [_toleration(one) for one in hardware.tolerations],
        # Terms of a list are alternatives in Kubernetes; all of our rules must hold, so they are one term.
        "node_affinity_required": [{"matchExpressions": [_expression(rule) for rule in required]}] if required else [],
        "node_affinity_preferred": [
            {"weight": one.weight, "preference": {"matchExpressions": [_expression(one.rule)]}} for one in preferred
        ],
        "priority_class_name": hardware.priority_class or installation.priority_class or "",
    }


def owner_in(plan: LaunchPlan, installation: Installation) -> FileOwner:
    """As whom its processes run."""
    return plan.identity.owner or FileOwner(uid=installation.uid, gid=installation.gid)


def security(owner: FileOwner, installation: Installation) -> dict[str, Any]:
    """What Pod Security restricted asks for, and a little more."""
    return {
        "uid": owner.uid,
        "gid": owner.gid,
        "supplemental_gids": further_groups(owner, installation),
        # No fsGroup: it is for a whole volume, and this one holds everybody's homes.
        "allow_privilege_escalation": False,
        "automount_service_account_token": False,
        "pod_security_context": {
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "container_security_context": {
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": installation.has_read_only_root,
        },
    }


def further_groups(owner: FileOwner, installation: Installation) -> list[int]:
    """The group of team folders, where the person's own is another."""
    return [] if owner.gid == installation.gid else [installation.gid]


SHAPE_MOUNTS: Final = (
    {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - of the pod alone
    {"name": "run", "mountPath": RUN},
    {"name": "shared-memory", "mountPath": "/dev/shm"},  # noqa: S108 - as above
)
"""Where every workspace has what `shape_volumes` gives."""


def shape_volumes(hardware: Hardware) -> tuple[dict[str, Any], ...]:
    """What every workspace of this hardware has, whoever it is for."""
    shared_bytes = hardware.memory_bytes // SHARED_MEMORY_SHARE
    return (
        {"name": "tmp", "emptyDir": {}},
        {"name": "run", "emptyDir": {}},
        {"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": str(shared_bytes)}},
    )


def _volumes(plan: LaunchPlan, installation: Installation) -> dict[str, Any]:
    home: dict[str, Any] = {"name": "home", "emptyDir": {}}
    home_mount: dict[str, Any] = {"name": "home", "mountPath": HOME}
    hardware = plan.shape.hardware
    has_own_home = installation.homes is not None and not plan.has_empty_home
    if plan.has_empty_home:
        # No more than the pod may write anywhere: its node is everybody's.
        own_bytes = hardware.ephemeral_storage_bytes or installation.ephemeral_storage_bytes
        home["emptyDir"] = {"sizeLimit": str(own_bytes)}
    elif installation.homes is not None:
        home = {"name": "home", "persistentVolumeClaim": {"claimName": installation.homes.claim}}
        home_mount["subPath"] = installation.homes.sub_path(plan.identity.home)
    scratch = {"name": "scratch", "emptyDir": {"sizeLimit": str(hardware.scratch_bytes)}}
    data_volumes, data_mounts = volumes_of(
        plan.data, {installation.homes.claim: "home"} if installation.homes is not None and has_own_home else {}
    )
    return {
        "volumes": [
            home,
            *shape_volumes(hardware),
            *((scratch,) if hardware.scratch_bytes else ()),
            *credential_volumes(plan.identity.credentials),
            *account_volumes(has_own_numbers=plan.identity.owner is not None),
            *data_volumes,
        ],
        "volume_mounts": [
            home_mount,
            *team_mounts(plan, installation, volume="home", home=HOME),
            *SHAPE_MOUNTS,
            *(({"name": "scratch", "mountPath": SCRATCH},) if hardware.scratch_bytes else ()),
            *credential_mounts(plan.identity.credentials),
            *account_mounts(has_own_numbers=plan.identity.owner is not None),
            *data_mounts,
        ],
    }


def _toleration(toleration: Toleration) -> dict[str, str]:
    given = {"key": toleration.key, "value": toleration.value, "effect": toleration.effect}
    return {"operator": toleration.operator, **{name: text for name, text in given.items() if text}}


def _expression(rule: NodeRule) -> dict[str, Any]:
    return {"key": rule.key, "operator": rule.operator, **({"values": list(rule.values)} if rule.values else {})}
