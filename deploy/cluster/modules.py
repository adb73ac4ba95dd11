"""What is built from Go modules, and how. One folder below `modules/` for each set of versions that go together.

In a shared go.mod etcd, CoreDNS, Helm and kwok lift the k8s.io versions, and Kubernetes no longer compiles.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.cluster.layout import KUBERNETES_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable

MODULES: Final = Path(__file__).parent / "modules"

BUILD_ENVIRONMENT: Final = {"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false -mod=readonly -trimpath"}
"""Static binaries that do not depend on where they were built; a go.sum that lacks a line is an error, not a change."""

_MAJOR, _MINOR, _PATCH = KUBERNETES_VERSION.removeprefix("v").split(".")

KUBERNETES_FLAGS: Final = (
    "-s -w"
    f" -X k8s.io/component-base/version.gitVersion={KUBERNETES_VERSION}"
    f" -X k8s.io/component-base/version.gitMajor={_MAJOR}"
    f" -X k8s.io/component-base/version.gitMinor={_MINOR}"
    f" -X k8s.io/client-go/pkg/version.gitVersion={KUBERNETES_VERSION}"
)
"""Without these the binaries call themselves v0.0.0-master, and clients refuse the version skew."""

HELM_FLAGS: Final = (
    "-s -w -X helm.sh/helm/v3/internal/version.version=v3.19.5"
    f" -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor={_MAJOR}"
    f" -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor={_MINOR}"
)
"""The second half: which Kubernetes `helm template` renders for when it cannot ask one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary:
    """One program and where it comes from."""

    name: str
    module: str
    """A folder below `modules/`."""
    package: str
    flags: str = "-s -w"
    """For the linker."""
    usual_seconds: int
    """What a build from nothing took on two cores; the first guess of the time left."""
    build_words: tuple[str, ...] = ("build",)
    """`go WORDS …`; a program of tests is made by `go test -c`."""


def _kubernetes(name: str, usual_seconds: int) -> Binary:
    package = f"k8s.io/kubernetes/cmd/{name}"
    return Binary(name=name, module="kubernetes", package=package, flags=KUBERNETES_FLAGS, usual_seconds=usual_seconds)


BINARIES: Final = (
    _kubernetes("kube-apiserver", 250),
    _kubernetes("kube-controller-manager", 65),
    _kubernetes("kube-scheduler", 6),
    _kubernetes("kubelet", 60),
    _kubernetes("kube-proxy", 10),
    _kubernetes("kubeadm", 16),
    _kubernetes("kubectl", 26),
    Binary(name="etcd", module="etcd", package="go.etcd.io/etcd/server/v3", usual_seconds=40),
    Binary(name="coredns", module="coredns", package="github.com/coredns/coredns", usual_seconds=129),
    Binary(name="helm", module="helm", package="helm.sh/helm/v3/cmd/helm", flags=HELM_FLAGS, usual_seconds=77),
    Binary(name="kwok", module="kwok", package="sigs.k8s.io/kwok/cmd/kwok", usual_seconds=86),
    Binary(
        name="metrics-server",
        module="metrics-server",
        package="sigs.k8s.io/metrics-server/cmd/metrics-server",
        usual_seconds=120,
    ),
)
"""In the order they are built: what takes longest first, so that the guess of the time left is soon a good one."""

CONFORMANCE: Final = (
    Binary(
        name="e2e.test",
        module="kubernetes",
        package="k8s.io/kubernetes/test/e2e",
        flags=KUBERNETES_FLAGS,
        usual_seconds=140,
        build_words=("test", "-c"),
    ),
    Binary(name="agnhost", module="kubernetes", package="k8s.io/kubernetes/test/images/agnhost", usual_seconds=15),
)
"""Kubernetes' own tests and the program that its pods run; built for `make cluster-conformance` only."""

OBJECT_STORE: Final = Binary(
    name="weed", module="seaweedfs", package="github.com/seaweedfs/seaweedfs/weed", usual_seconds=220
)
"""SeaweedFS, a server of S3 for tests. No part of the cluster: the first test that needs it builds it."""


def build_key(binary: Binary, *, go_version: str, platform: str, module_files: Iterable[bytes]) -> str:
    """One word that changes exactly when the binary could: its versions, its flags, the compiler, the platform."""
    digest = hashlib.sha256()
    facts = (
        binary.package,
        *binary.build_words,
        binary.flags,
        go_version,
        platform,
        *sorted(BUILD_ENVIRONMENT.values()),
    )
    for part in (*(fact.encode() for fact in facts), *module_files):
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:24]


def module_files(binary: Binary) -> tuple[bytes, ...]:
    """go.mod and go.sum of a binary's folder."""
    folder = MODULES / binary.module
    return tuple((folder / name).read_bytes() for name in ("go.mod", "go.sum"))
