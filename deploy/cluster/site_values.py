"""The chart's values on the development cluster: its images, its site, its people, and shapes that it has room for."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final

import yaml

from deploy.cluster.errors import ClusterError
from deploy.cluster.identity.record import load_identity
from deploy.cluster.layout import NODE_ADDRESS, PACKAGE_INDEX, PACKAGE_INDEX_PORT, REGISTRY
from studiolo.catalog import ENVIRONMENTS_FILE, HARDWARE_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deploy.cluster.deployment import Deployment
    from deploy.cluster.layout import Layout

WHOLE: Final = "homes-whole"
"""The same folder as a second volume, for the home service: a claim belongs to one namespace."""

OF_NODES: Final = "homes-nodes"
"""And as a third, for the agents of nodes."""

STORAGE_CLASS: Final = "studiolo-data"
"""Of the volumes that are folders here. No such class exists, and none need to: each volume names its claim."""

FOR_ONE_TEAM: Final = "deep-learning"
THAT_TEAM: Final = "vision"

MOST_CORES: Final = 2.0
MOST_MEMORY_GIB: Final = 2
"""What a workspace may have here. The hardware that ships is meant for larger machines than this one."""

WARM_HARDWARE: Final = "medium"
"""What is kept warm here: whoever starts on it again claims a pod that waits. The default is not, so that there is a
normal start to see, too."""

IDENTITY: Final = "identity-provider"
"""The Secret and the ConfigMap with what the hub needs to know of it."""

ANYBODY: Final = {"auth": {"kind": "dummy", "dummy": {"iKnowAnybodyCanBeAnyone": True}}}
"""How people sign in at a deployment that the identity provider does not know."""

REGISTRY_LOGIN: Final = "model-registry"
"""The Secret with who pushes images of models."""


def registry_password(deployment: Deployment) -> str:
    """What services would sign in with. The registry here does not ask; tests look for who else knows it."""
    return f"only-services-know-this-{deployment.namespace}"


def registry_login(deployment: Deployment) -> dict[str, Any]:
    """The Secret, as `kubectl create secret docker-registry` makes it."""
    auth = base64.b64encode(f"services:{registry_password(deployment)}".encode()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": REGISTRY_LOGIN, "namespace": deployment.namespace},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": json.dumps({"auths": {REGISTRY: {"auth": auth}}})},
    }


def values_of(layout: Layout, deployment: Deployment, images: Mapping[str, str]) -> dict[str, Any]:
    """The chart's values here."""
    catalog = layout.state / "catalog"
    least = {
        "requests": {"cpu": "50m", "memory": "128Mi"},
        "limits": {"memory": "1Gi"},
    }  # room for people, on two cores
    database = {"storageClass": STORAGE_CLASS}
    package_index = {
        "to": [{"ipBlock": {"cidr": f"{NODE_ADDRESS}/32"}}],
        "ports": [{"port": PACKAGE_INDEX_PORT}],
    }
    site = {"service": {"externalIPs": [NODE_ADDRESS]}} if deployment.has_site else {}
    sign_in = provider_values(layout) if deployment.has_site else ANYBODY
    values = {
        "publicUrl": deployment.url,
        **sign_in,
        "catalogs": {
            "environments": environments_here((catalog / ENVIRONMENTS_FILE).read_text(encoding="utf-8")),
            "hardware": hardware_here((catalog / HARDWARE_FILE).read_text(encoding="utf-8")),
        },
        "hub": {"image": _image(images["hub"]), "resources": least, "database": database},
        "proxy": {
            "image": _image(images["proxy"]),
            "resources": least,
            "https": {"enabled": True, "secret": {"name": "site-certificate"}},
            **site,
        },
        "services": {"resources": least, "database": database},
        "homes": {
            "storageClass": STORAGE_CLASS,
            "size": "1Gi",
            "quota": "1Gi",
            "teamFolders": True,
            "service": {"enabled": True, "existingClaim": f"{deployment.release}-{WHOLE}", "resources": least},
        },
        "claims": {"enabled": True, "agent": {"existingClaim": f"{deployment.release}-{OF_NODES}"}},
        # Repositories of its own in the one registry, which asks for no password: no workspace reaches it.
        "models": {
            "registry": {
                "host": REGISTRY,
                "prefix": deployment.namespace,
                "allowHttp": True,
                "existingSecret": REGISTRY_LOGIN,
            }
        },
        "capacity": {"image": images["pause"]},
        "packages": {"indexUrl": PACKAGE_INDEX},
        "workspaces": {"networkPolicy": {"egress": [package_index]}},
        "logs": {"level": "debug"},  # tests look for what no log may have, and people here want to see what happens
    }
    return _on_top(values, deployment.values)


def provider_values(layout: Layout) -> dict[str, Any]:
    """How people sign in at the cluster's own identity provider, each in a domain of their own.

    Raises ClusterError where there is no provider.
    """
    if not layout.identity_record.is_file():
        raise ClusterError("The cluster has no identity provider yet.", hint="This adds what is new: make cluster")
    identity = load_identity(layout.identity_record)
    return {
        "domainPerPerson": True,
        "auth": {
            "kind": "oidc",
            "oidc": {
                "issuer": identity.issuer,
                "clientId": identity.client_id,
                "existingSecret": IDENTITY,
                "caConfigMap": IDENTITY,
                "name": "Example Lab",
                "allowedTeams": ["vision", "research"],
                "adminTeam": "admins",
                "refreshEvery": "10s",  # tests wait for a right to end
            },
        },
    }


def environments_here(text: str) -> str:
    """The catalog of environments, one of them for one team alone: so one sees here what a team is."""
    catalog = yaml.safe_load(text)
    for name, environment in catalog["environments"].items():
        if name == FOR_ONE_TEAM:
            environment["teams"] = [THAT_TEAM]
    return yaml.safe_dump(catalog, sort_keys=False, allow_unicode=True)


def hardware_here(text: str) -> str:
    """The hardware catalog with shapes that this machine has room for, one kept warm. Names, titles and GPUs stay."""
    catalog = yaml.safe_load(text)
    for name, shape in catalog["hardware"].items():
        if name == WARM_HARDWARE:
            shape["warm"] = {"slots": 1}
        cores = shape["cpu"]["limit"] if isinstance(shape["cpu"], dict) else shape["cpu"]
        shape["cpu"] = {"request": 0.2, "limit": min(cores, MOST_CORES)}
        shape["memory"] = f"{min(int(str(shape['memory']).removesuffix('Gi')), MOST_MEMORY_GIB)}Gi"
    return yaml.safe_dump(catalog, sort_keys=False, allow_unicode=True)


def _image(reference: str) -> dict[str, str]:
    name, _, digest = reference.partition("@")
    return {"name": name, "digest": digest}


def _on_top(values: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Both, section by section; what is in `more` wins."""
    merged = dict(values)
    for name, value in more.items():
        before = merged.get(name)
        both = isinstance(before, dict) and isinstance(value, dict)
        merged[name] = _on_top(before, value) if both else value  # type: ignore[arg-type]  # dicts, as just seen
    return merged
