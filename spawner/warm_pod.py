"""A warm pod: a workspace of nobody, made from its shape alone, which waits to be claimed. Pure.

It has what a workspace of this software on this hardware has, and a seat in memory where that has a home, and another
where that has files of credentials. Nothing of a person is in it: no name, no token, no Secret, no variable of theirs.
`claim_rules.py` says how it becomes somebody's.
"""

from __future__ import annotations

import functools
import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from spawner.credential_keys import CREDENTIALS_FOLDER
from spawner.credential_mounts import VOLUME as CREDENTIALS_VOLUME
from spawner.file_owner import account_mounts, account_volumes
from spawner.identity import PARKED, SEAT_LABEL, SEAT_VOLUME, SOCKET
from spawner.installation import KIND_LABEL, RELEASE_LABEL
from spawner.made_of import Make, made_of
from spawner.manifest import PORT, SHAPE_MOUNTS, further_groups, placement, resources, security, shape_volumes
from spawner.pod_facts import CONTAINER
from spawner.stand_in import accounts_of_nobody, stand_in

if TYPE_CHECKING:
    from spawner.file_owner import FileOwner
    from spawner.installation import Installation
    from spawner.plan import Shape
    from studiolo.catalog import Hardware

WARM: Final = "warm"
"""The kind of a pod that nobody has claimed. Policies of workspaces do not reach it, nor do looks for them: the claim's
patch makes it a `workspace`."""

TEMPLATE_LABEL: Final = "studiolo.dev/template"
"""The hash of all that it was made from. Another image, hardware or setting gives another."""

ENVIRONMENT_LABEL: Final = "studiolo.dev/environment"
HARDWARE_LABEL: Final = "studiolo.dev/hardware"
"""As workspaces have them."""

TOP: Final = "/home"
"""Where the seat is: the home appears in it."""

SEAT_BYTES: Final = 4 << 20
"""For a socket and what the agent remembers. It counts as memory, and a home that is mounted in it does not."""

CREDENTIALS_BYTES: Final = 4 << 20
"""For files of credentials, twice: those that are there and those that take their place. Whoever has more starts the
normal way. They count as memory of the agent, which writes them."""

PROGRAM: Final = ("/opt/environment/bin/python", "-P", "/opt/studiolo/start_parked.py")
"""In every image of an environment, after the image's own first process."""

KERNEL_FROM_BYTES: Final = 512 << 20
"""Of memory that a hardware has, for a kernel to wait beside the server: it takes a tenth of that."""

PARK_SECONDS: Final = 300
"""For a server to park. One that does not is ended, and another made."""

MOST_SHAPES: Final = 256
"""Of which is remembered what their pods are made from: each start and each forecast asks, and it is the same each time
as long as catalog and settings are."""


@functools.lru_cache(MOST_SHAPES)
def template(shape: Shape, installation: Installation) -> str:
    """What a warm pod for this shape is made from, in one word."""
    text = json.dumps([_spec(shape, installation), installation.release], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@functools.lru_cache(MOST_SHAPES)
def make(shape: Shape, installation: Installation) -> Make:
    """How a pod for this shape has to be made."""
    return Make(template=template(shape, installation), of=made_of(_spec(shape, installation)))


def warm_pod(name: str, shape: Shape, installation: Installation) -> dict[str, Any]:
    """The whole pod."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": installation.namespace,
            "labels": {
                RELEASE_LABEL: installation.release,
                KIND_LABEL: WARM,
                SEAT_LABEL: PARKED,
                TEMPLATE_LABEL: template(shape, installation),
                ENVIRONMENT_LABEL: shape.environment.name,
                HARDWARE_LABEL: shape.hardware.name,
            },
            **({"annotations": accounts} if (accounts := accounts_of_nobody(installation)) else {}),
        },
        "spec": _spec(shape, installation),
    }


def _spec(shape: Shape, installation: Installation) -> dict[str, Any]:
    hardware = shape.hardware
    owner = stand_in(installation)
    groups = further_groups(owner, installation)
    return {
        "restartPolicy": "Never",  # one that starts again would be nobody's, with a home that is somebody's
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": installation.stop_seconds,  # of the workspace that it becomes
        **({"runtimeClassName": hardware.runtime_class} if hardware.runtime_class else {}),
        **_place(hardware, installation),
        "imagePullSecrets": [{"name": name} for name in installation.image_pull_secrets],
        "securityContext": {
            **security(owner, installation)["pod_security_context"],
            **({"supplementalGroups": groups} if groups else {}),
        },
        "containers": [_container(shape, owner, installation)],
        "volumes": [
            {"name": SEAT_VOLUME, "emptyDir": {"medium": "Memory", "sizeLimit": str(SEAT_BYTES)}},
            {"name": CREDENTIALS_VOLUME, "emptyDir": {"medium": "Memory", "sizeLimit": str(CREDENTIALS_BYTES)}},
            *shape_volumes(hardware),
            *account_volumes(has_own_numbers=installation.has_own_numbers),
        ],
    }


def _place(hardware: Hardware, installation: Installation) -> dict[str, Any]:
    where = placement(hardware, installation)
    terms, preferred = where["node_affinity_required"], where["node_affinity_preferred"]
    rules = {
        **({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}} if terms else {}),
        **({"preferredDuringSchedulingIgnoredDuringExecution": preferred} if preferred else {}),
    }
    priority = where["priority_class_name"]
    return {
        **({"nodeSelector": where["node_selector"]} if where["node_selector"] else {}),
        **({"tolerations": where["tolerations"]} if where["tolerations"] else {}),
        **({"affinity": {"nodeAffinity": rules}} if rules else {}),
        # A workspace's, not less: nobody can change it once the pod is there, and it becomes somebody's work.
        **({"priorityClassName": priority} if priority else {}),
    }


def may_park_kernel(hardware: Hardware, installation: Installation) -> bool:
    """Whether a kernel waits beside the server."""
    return installation.parks_kernels and hardware.memory_bytes >= KERNEL_FROM_BYTES


def _container(shape: Shape, owner: FileOwner, installation: Installation) -> dict[str, Any]:
    hardware, secured = shape.hardware, security(owner, installation)
    asks = resources(hardware, installation)
    variables = {
        "STUDIOLO_PARK_SOCKET": f"{TOP}/{SOCKET}",
        "STUDIOLO_PARK_PORT": str(PORT),
        "STUDIOLO_PARK_KEEP": "1",
        **({"STUDIOLO_PARK_KERNEL": "1"} if may_park_kernel(hardware, installation) else {}),
        **({} if hardware.gpu else {"NVIDIA_VISIBLE_DEVICES": "void"}),
    }
    return {
        "name": CONTAINER,
        "image": shape.environment.image,
        "imagePullPolicy": "IfNotPresent",
        "args": list(PROGRAM),
        "workingDir": "/",  # the image's is the home, and there is none
        "env": [{"name": name, "value": value} for name, value in variables.items()],
        "ports": [{"name": "notebook-port", "containerPort": PORT}],
        "resources": {
            "requests": {
                "cpu": asks["cpu_guarantee"],
                "memory": asks["mem_guarantee"],
                **asks["extra_resource_guarantees"],
            },
            "limits": {"cpu": asks["cpu_limit"], "memory": asks["mem_limit"], **asks["extra_resource_limits"]},
        },
        "securityContext": {
            "runAsUser": owner.uid,
            "runAsGroup": owner.gid,
            "allowPrivilegeEscalation": False,
            **secured["container_security_context"],
        },
        # The server opens its port last of all. Nobody accepts what waits there, and after a hundred and some
        # connections it would be deaf; but once it was well, it is never asked again. A program run in each container
        # each second instead costs a quarter of a processor while ten park.
        "startupProbe": {
            "tcpSocket": {"port": PORT},
            "periodSeconds": 1,
            "timeoutSeconds": 5,
            "failureThreshold": PARK_SECONDS,
        },
        "volumeMounts": [
            # The agent mounts on the node what has to appear here.
            {"name": SEAT_VOLUME, "mountPath": TOP, "mountPropagation": "HostToContainer"},
            # And writes what is to lie here; nobody in the pod does.
            {"name": CREDENTIALS_VOLUME, "mountPath": CREDENTIALS_FOLDER, "readOnly": True},
            *SHAPE_MOUNTS,
            *account_mounts(has_own_numbers=installation.has_own_numbers),
        ],
    }
