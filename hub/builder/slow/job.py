"""A slow build as a Job: three steps in one pod, of which the one that runs a stranger's code has no credentials. Pure.

All that the Job needs is in itself: the Containerfile is an annotation of its pod, which Kubernetes shows the pod as a
file. So there is one object to make, and it is there whole or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from spawner.installation import KIND_LABEL, RELEASE_LABEL
from spawner.manifest import literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.builder.slow.derived_base import DerivedBase
    from hub.builder.slow.recipe import Recipe
    from hub.settings import Settings

REPOSITORY: Final = "models/bases"
"""Of all derived bases: their keys are their tags. No owner's is called so: theirs have one part more."""

FETCH: Final = "fetch"
BUILD: Final = "build"
PUSH: Final = "push"
STEPS: Final = (FETCH, BUILD, PUSH)

KIND: Final = "build"

CONTAINERFILE: Final = "studiolo.dev/containerfile"

KEPT_SECONDS: Final = 3600
"""For the pod of a build to be looked at once it has ended, should nobody have looked before."""

CAPABILITIES: Final = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "SETFCAP", "SETGID", "SETUID", "SYS_CHROOT")
"""What installing a package needs, in the pod's own user namespace: on the node they count for nothing. Pod Security
"baseline" allows these, and no SYS_ADMIN is among them: buildah makes a namespace inside of it for its mounts."""

WORK: Final = "/build"

RESULT: Final = "localhost/result:1"
"""In the builder's own store. With a host and a tag: a short name is looked for elsewhere, and not found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildPlace:
    """What is the same for every build of an installation."""

    namespace: str
    release: str
    image: str
    registry_secret: str
    repository: str
    """Where results go: `registry.example.org/models/bases`."""
    seconds: int
    cpu: float
    memory_bytes: int
    disk_bytes: int
    allow_http: bool = False
    ca_config_map: str = ""
    apt_sources: str = ""
    index_url: str = ""
    seccomp_profile: str = ""
    node_selector: Mapping[str, str]

    @property
    def labels(self) -> dict[str, str]:
        """What marks this installation's builds."""
        return {RELEASE_LABEL: self.release, KIND_LABEL: KIND}


def build_place(settings: Settings) -> BuildPlace:
    """As the operator set it, where slow builds are on."""
    slow, registry = settings.models.slow_build, settings.models.registry
    if settings.kubernetes is None:
        raise AssertionError  # asked first: `why_off`
    prefix = f"{registry.prefix.strip('/')}/" if registry.prefix else ""
    return BuildPlace(
        namespace=slow.namespace,
        release=settings.kubernetes.release,
        image=slow.image,
        registry_secret=slow.registry_secret,
        repository=f"{registry.host}/{prefix}{REPOSITORY}",
        seconds=round(slow.most_time.total_seconds()),
        cpu=slow.cpu,
        memory_bytes=slow.memory,
        disk_bytes=slow.disk,
        allow_http=registry.allow_http,
        ca_config_map=slow.ca_config_map,
        apt_sources=slow.apt_sources,
        index_url=settings.packages.index_url or "",
        seccomp_profile=slow.seccomp_profile,
        node_selector=slow.node_selector,
    )


def why_off(settings: Settings) -> str:
    """Why nothing can be built here, whatever the nodes can do; "" where it may be."""
    if settings.kubernetes is None:
        return "Bases are built in a cluster only, where a build runs apart from everything else; this is one machine."
    if not settings.models.slow_build.enabled:
        return "The slow build is off here. An administrator can turn it on (models.slowBuild.enabled)."
    if not settings.models.registry.host:
        return "The slow build needs a registry for its results, and none is named (models.registry.host)."
    return ""


def without_user_namespaces(nodes: list[dict[str, Any]], selector: Mapping[str, str]) -> str:
    """Why these nodes cannot build; "" where each that a build could run on has user namespaces for pods."""
    asked = [one for one in nodes if not one.get("spec", {}).get("unschedulable") and _has(one, selector)]
    if not asked:
        return "This cluster has no node that builds may run on (models.slowBuild.nodeSelector)."
    lacking = sorted(one["metadata"]["name"] for one in asked if not _has_user_namespaces(one))
    if not lacking:
        return ""
    more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
    return (
        f"This cluster's nodes cannot build images safely: {lacking[0]}{more} has no user namespaces for pods, so a "
        "build would be the node's own root. They need containerd 2.0 or CRI-O 1.25 and runc 1.2 or crun 1.9."
    )


def job_manifest(base: DerivedBase, recipe: Recipe, place: BuildPlace) -> dict[str, Any]:
    """The Job of a base that has begun."""
    metadata = {"labels": place.labels, "annotations": {CONTAINERFILE: recipe.containerfile}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": base.job, "namespace": place.namespace, "labels": place.labels},
        "spec": {
            "backoffLimit": 0,  # a build that failed fails again; whoever wants to try says so
            "activeDeadlineSeconds": place.seconds,
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": {"metadata": metadata, "spec": _pod(base, place)},
        },
    }


def _pod(base: DerivedBase, place: BuildPlace) -> dict[str, Any]:
    tls = ["--tls-verify=false"] if place.allow_http else []
    trust = ["--cert-dir=/authority"] if place.ca_config_map else []
    signed_in = [*tls, *trust, "--authfile=/credentials/config.json"]
    arguments = {
        "APT_SOURCES": place.apt_sources,
        "PIP_INDEX_URL": place.index_url,
        "UV_DEFAULT_INDEX": place.index_url,
    }
    given = [f"--build-arg={name}={literal(value)}" for name, value in arguments.items() if value]
    build = ["--isolation=chroot", "--layers=false", "--format=oci", "--pull-never", *given, f"--tag={RESULT}"]
    pushed = f"docker://{place.repository}:{base.key}"
    return {
        "restartPolicy": "Never",
        "hostUsers": False,  # root of this pod is nobody on its node
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 5,
        **({"nodeSelector": dict(place.node_selector)} if place.node_selector else {}),
        "securityContext": {"runAsUser": 0, "runAsGroup": 0, "seccompProfile": _seccomp(place)},
        "initContainers": [
            _step(FETCH, ["pull", *signed_in, base.base], place, is_signed_in=True),
            _step(BUILD, ["build", *build, "--file=/recipe/Containerfile", "/recipe"], place),
        ],
        "containers": [
            _step(
                PUSH,
                ["push", *signed_in, "--digestfile=/dev/termination-log", RESULT, pushed],
                place,
                is_signed_in=True,
            )
        ],
        "volumes": [
            {"name": "work", "emptyDir": {"sizeLimit": str(place.disk_bytes)}},
            {
                "name": "recipe",
                "downwardAPI": {
                    "items": [
                        {
                            "path": "Containerfile",
                            "fieldRef": {"fieldPath": f"metadata.annotations['{CONTAINERFILE}']"},
                        }
                    ]
                },
            },
            {
                "name": "credentials",
                "secret": {
                    "secretName": place.registry_secret,
                    "items": [{"key": ".dockerconfigjson", "path": "config.json"}],
                },
            },
            *(
                [
                    {
                        "name": "authority",
                        "configMap": {"name": place.ca_config_map, "items": [{"key": "ca.crt", "path": "ca.crt"}]},
                    }
                ]
                if place.ca_config_map
                else []
            ),
        ],
    }


def _step(name: str, words: list[str], place: BuildPlace, *, is_signed_in: bool = False) -> dict[str, Any]:
    resources = {"cpu": f"{round(place.cpu * 1000)}m", "memory": str(place.memory_bytes)}
    mounts = [
        {"name": "work", "mountPath": WORK},
        # What buildah remembers of layers, so that the base's are named as they were and not sent again.
        {"name": "work", "mountPath": "/var/lib/containers", "subPath": "known"},
        {"name": "work", "mountPath": "/var/tmp", "subPath": "tmp"},  # noqa: S108 - of the pod alone
        {"name": "work", "mountPath": "/tmp", "subPath": "tmp"},  # noqa: S108 - as above
        {"name": "work", "mountPath": "/run", "subPath": "run"},
    ]
    if name == BUILD:
        mounts.append({"name": "recipe", "mountPath": "/recipe"})
    if is_signed_in:
        mounts.append({"name": "credentials", "mountPath": "/credentials"})
        if place.ca_config_map:
            mounts.append({"name": "authority", "mountPath": "/authority"})
    return {
        "name": name,
        "image": place.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["buildah", "--root", f"{WORK}/store", "--runroot", f"{WORK}/run", "--storage-driver", "overlay"],
        "args": words,
        "env": [{"name": "HOME", "value": WORK}],
        "resources": {
            "requests": {**resources, "ephemeral-storage": str(place.disk_bytes)},
            "limits": {**resources, "ephemeral-storage": str(place.disk_bytes)},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"], "add": list(CAPABILITIES)},
        },
        "terminationMessagePolicy": "File",
        "volumeMounts": mounts,
    }


def _seccomp(place: BuildPlace) -> dict[str, str]:
    if place.seccomp_profile:
        return {"type": "Localhost", "localhostProfile": place.seccomp_profile}
    return {"type": "RuntimeDefault"}


def _has(node: Mapping[str, Any], selector: Mapping[str, str]) -> bool:
    labels = node["metadata"].get("labels") or {}
    return all(labels.get(name) == value for name, value in selector.items())


def _has_user_namespaces(node: Mapping[str, Any]) -> bool:
    """As its kubelet says of the runtime that pods get which name none."""
    handlers = node.get("status", {}).get("runtimeHandlers") or []
    return any(not one.get("name") and (one.get("features") or {}).get("userNamespaces") is True for one in handlers)
