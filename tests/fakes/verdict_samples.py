"""Every way for a start on the cluster to fail, once each: for the words, for the page of the documents, and for the
tests that provoke it."""

from __future__ import annotations

from dataclasses import dataclass

from spawner.progress import Phase
from spawner.verdicts.create_refusals import (
    Bound,
    InvalidObject,
    LimitRange,
    NoRights,
    PodSecurity,
    PolicyDenied,
    PolicySilent,
    QuotaExceeded,
    QuotaShare,
    RefusalVerdict,
    Refused,
)
from spawner.verdicts.outcomes import (
    ContainerNotMade,
    Deleted,
    Evicted,
    EvictionCause,
    ImageFault,
    ImageNotFetched,
    ImageNotFound,
    ImageUnusable,
    NeverFits,
    NodeLost,
    NodeRefused,
    NodesCordoned,
    NodesReserved,
    NoNodeComes,
    NoRoomNow,
    OutOfMemory,
    PodVerdict,
    Preempted,
    RegistryAway,
    RegistryRefuses,
    RegistryTrouble,
    ServerEnded,
    SettingKind,
    SettingMissing,
    VolumeMissing,
    VolumeNotMounted,
    VolumeNotReady,
)
from spawner.verdicts.scheduling_text import NodeCounts

GIB = 1024**3
IMAGE = "registry.example.org/team/python@sha256:0123"


@dataclass(frozen=True, slots=True)
class Sample:
    """One way to fail, and how it is brought about on a real cluster."""

    name: str
    verdict: PodVerdict | RefusalVerdict
    how: str
    is_run: bool = True
    """Whether `tests/cluster/test_verdicts.py` brings it about."""


def _away(trouble: RegistryTrouble) -> RegistryAway:
    return RegistryAway(image=IMAGE, trouble=trouble)


def _unusable(fault: ImageFault) -> ImageUnusable:
    return ImageUnusable(fault=fault, image=IMAGE)


def _evicted(cause: EvictionCause, resource: str = "") -> Evicted:
    return Evicted(phase=Phase.SERVER, cause=cause, resource=resource)


SAMPLES = (
    Sample(
        "too large",
        NeverFits(counts=NodeCounts(nodes=1, short=(("memory", 1),), hopeless=1)),
        "900 GiB of memory asked for",
    ),
    Sample(
        "no such node", NeverFits(counts=NodeCounts(nodes=1, of_another_kind=1, hopeless=1)), "a label that no node has"
    ),
    Sample(
        "full",
        NoRoomNow(counts=NodeCounts(nodes=2, short=(("cpu", 1),), full=1), waited_seconds=60),
        "a node that another pod fills; room: 3 s",
    ),
    Sample("cordoned", NodesCordoned(counts=NodeCounts(nodes=2, cordoned=1)), "a cordoned node"),
    Sample(
        "only tainted",
        NodesReserved(counts=NodeCounts(nodes=1, tainted=1)),
        "a taint on the only node; settle: 0 s",
    ),
    Sample(
        "no scale-up",
        NoNodeComes(was_ordered=False, waited_seconds=8),
        "the event that an autoscaler would write, written by the test",
    ),
    Sample(
        "node ordered, never there",
        NoNodeComes(was_ordered=True, waited_seconds=900),
        "the same; node: 3 s",
    ),
    Sample("no room on the node", NodeRefused(is_short=True), "a pod given to a node past the scheduler"),
    Sample("no claim", VolumeMissing(claim="home-alice"), "a claim that does not exist"),
    Sample("claim without a volume", VolumeNotReady(waited_seconds=90), "a claim that nobody serves; volume: 3 s"),
    Sample("no image", ImageNotFound(image=IMAGE), "a name that the registry does not have"),
    Sample("image only if there", ImageNotFound(image=IMAGE), "pull policy Never and an image that is not there"),
    Sample("registry wants a password", RegistryRefuses(image=IMAGE), "a registry that answers 401"),
    Sample("registry forbids", RegistryRefuses(image=IMAGE), "a registry that answers 403"),
    Sample("registry down", _away(RegistryTrouble.NO_ANSWER), "a port where nobody listens, default patience"),
    Sample("registry out of reach", _away(RegistryTrouble.NO_ANSWER), "an address that nobody has; registry: 3 s"),
    Sample("registry unknown", _away(RegistryTrouble.UNKNOWN_NAME), "a name that does not exist; registry: 3 s"),
    Sample("registry not trusted", _away(RegistryTrouble.CERTIFICATE), "a registry without TLS; registry: 3 s"),
    Sample("registry busy", _away(RegistryTrouble.BUSY), "a registry that answers 429; registry: 3 s"),
    Sample("registry broken", _away(RegistryTrouble.BROKEN), "a registry that answers 500; registry: 3 s"),
    Sample("other platform", _unusable(ImageFault.PLATFORM), "an image for another processor"),
    Sample("not a program", _unusable(ImageFault.NOT_EXECUTABLE), "an image whose program is text"),
    Sample("no such program", _unusable(ImageFault.NO_PROGRAM), "a command that the image does not have"),
    Sample("root", _unusable(ImageFault.RUNS_AS_ROOT), "an image of root under `runAsNonRoot`"),
    Sample("bad name", _unusable(ImageFault.BAD_NAME), "an image in upper case"),
    Sample("corrupt layer", ImageNotFetched(image=IMAGE), "a layer that is not what its digest says; registry: 3 s"),
    Sample("no secret", SettingMissing(of=SettingKind.SECRET, name="token"), "variables from a Secret that is missing"),
    Sample(
        "no config map",
        SettingMissing(of=SettingKind.CONFIG_MAP, name="settings"),
        "variables from a missing ConfigMap",
    ),
    Sample(
        "no key",
        SettingMissing(of=SettingKind.SECRET, name="token", key="value"),
        "a key that the Secret does not have",
    ),
    Sample(
        "no secret to mount",
        SettingMissing(of=SettingKind.SECRET, name="token"),
        "a volume of a Secret that is missing",
    ),
    Sample(
        "volume not there",
        VolumeNotMounted(is_held_elsewhere=False, waited_seconds=90),
        "a folder of the node that does not exist; volume: 3 s",
    ),
    Sample(
        "volume on another node",
        VolumeNotMounted(is_held_elsewhere=True, waited_seconds=90),
        "not run: needs volumes that one node attaches at a time",
        is_run=False,
    ),
    Sample(
        "no runtime",
        ContainerNotMade(waited_seconds=60),
        "a container runtime that the node does not have; container: 3 s",
    ),
    Sample("exits", ServerEnded(exit_code=1), "a program that ends with code 3"),
    Sample("out of memory", OutOfMemory(limit_bytes=4 * GIB), "a program that takes all it gets, cgroup v1"),
    Sample(
        "out of memory, again and again",
        OutOfMemory(limit_bytes=4 * GIB),
        "the same, started again by the kubelet",
    ),
    Sample("disk", _evicted(EvictionCause.OWN_STORAGE), "20 MiB on the node's disk where 1 MiB is allowed"),
    Sample("drained", _evicted(EvictionCause.DRAIN), "the request that `kubectl drain` makes"),
    Sample("tainted away", _evicted(EvictionCause.TAINT), "a NoExecute taint on a node that is only made up"),
    Sample(
        "node short of memory",
        _evicted(EvictionCause.NODE_SHORT, "memory"),
        "not run: it would end other people's pods",
        is_run=False,
    ),
    Sample(
        "node switched off",
        _evicted(EvictionCause.SHUTDOWN),
        "not run: needs a machine with systemd",
        is_run=False,
    ),
    Sample(
        "evicted otherwise",
        _evicted(EvictionCause.OTHER),
        "not run: reasons that we do not know yet",
        is_run=False,
    ),
    Sample("preempted", Preempted(phase=Phase.SERVER), "a pod of higher priority that needs its room"),
    Sample("node lost", NodeLost(phase=Phase.SERVER), "the taint of a silent node, on a node that is only made up"),
    Sample("deleted", Deleted(phase=Phase.SOFTWARE), "a pod deleted while its image is fetched"),
    Sample(
        "quota",
        QuotaExceeded(
            quota="team",
            shares=(QuotaShare(resource="requests.nvidia.com/gpu", asked="1", used="2", limit="2"),),
        ),
        "a ResourceQuota with too little left",
    ),
    Sample("pod security", PodSecurity(level="restricted"), "a plain pod where only restricted ones may run"),
    Sample(
        "limit range",
        LimitRange(bounds=(Bound(is_most=True, resource="memory", bound="1Gi", asked="4Gi"),)),
        "a LimitRange",
    ),
    Sample(
        "policy",
        PolicyDenied(policy="teams", text="Every workspace names its team."),
        "a ValidatingAdmissionPolicy",
    ),
    Sample("silent webhook", PolicySilent(policy="images.example.org"), "an admission webhook where nobody listens"),
    Sample("no rights", NoRights(), "the request of a user without rights"),
    Sample("invalid", InvalidObject(), "a pod with a name in upper case"),
    Sample("namespace ends", Refused(), "a namespace that is being deleted"),
)

BY_NAME = {sample.name: sample for sample in SAMPLES}
