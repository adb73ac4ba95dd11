"""The chart's values beside the settings; where Zero to JupyterHub has one of the same meaning, it has that name."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from annotated_types import Interval
from pydantic import Field

from deploy.charting.values_claims import ClaimsValues, FreeForm
from hub.settings_types import Port, Section

CHART_DECIDES: Final = (
    "auth.oidc.caFile",
    "capacity.images.priorityClass",
    "capacity.namespace",
    "capacity.priorityClass",
    "claims.agentDirectory",
    "claims.agentsNamespace",
    "dataDirectory",
    "catalogDirectory",
    "secretsDirectory",
    "gpus",
    "homes.service.host",
    "homes.service.root",
    "homes.service.url",
    "hub.connectUrl",
    "hub.database.url",
    "hub.database.urlFile",
    "hub.host",
    "hub.port",
    "kubernetes.homes",
    "kubernetes.kubeconfig",
    "kubernetes.release",
    "models.registry.caFile",
    "models.registry.credentialsFile",
    "models.slowBuild.namespace",
    "proxy.apiUrl",
    "proxy.host",
    "proxy.port",
    "services.database.url",
    "services.database.urlFile",
    "services.host",
    "services.url",
    "workspaces.cpuOvercommit",
    "workspaces.memoryReserve",
)
"""Settings that are no values: the chart knows them, they are about one machine, or they hold a password, which has its
place in a Secret and not in a ConfigMap."""


class ImageValues(Section):
    """One of our own images."""

    name: str = ""
    """The repository, with its registry."""
    tag: str = ""
    """Used where no digest is given."""
    digest: Annotated[str, Field(pattern="^(sha256:[0-9a-f]{64})?$")] = ""
    """`sha256:…`: what runs is then what was tested."""
    pull_policy: Literal["IfNotPresent", "Always", "Never"] = "IfNotPresent"
    """When a node asks the registry."""


class PdbValues(Section):
    """What a drain of a node may do."""

    enabled: bool = True
    """Whether there is a PodDisruptionBudget."""
    max_unavailable: Annotated[int, Interval(ge=0, le=1)] = 1
    """1: the part may be moved to another node, which takes seconds and ends no workspace. 0: never."""


class PlacementValues(Section):
    """What a part of ours gets, and where it runs."""

    resources: FreeForm = Field(default_factory=dict)
    """Requests and limits."""
    node_selector: dict[str, str] = Field(default_factory=dict)
    """Labels of the nodes it may run on."""
    tolerations: list[FreeForm] = Field(default_factory=list)
    """Taints it may run in spite of."""
    pdb: PdbValues = PdbValues()


class DatabaseValues(Section):
    """Where a part keeps what it knows."""

    existing_secret: str = ""
    """A Secret whose key `url` is the address of a PostgreSQL: `postgresql://…`. Empty: SQLite on a claim."""
    port: Port = 5432
    """The port of that PostgreSQL, which the network then lets through."""
    existing_claim: str = ""
    """A claim for SQLite instead of one that is made."""
    storage_class: str = ""
    """Of the claim that is made. Empty: the cluster's default."""
    size: str = "1Gi"
    """Of the claim that is made."""


class PartNetworkValues(Section):
    """What a part may reach beyond what it must."""

    egress: list[FreeForm] = Field(default_factory=list)
    """Further rules of its NetworkPolicy, as Kubernetes has them."""


class HubValues(PlacementValues):
    """The hub's Deployment."""

    image: ImageValues = ImageValues()
    existing_secret: str = ""
    """A Secret with the keys between our processes (`cookie_secret`, `proxy_token`, `services_token`, `hub_token`).
    Empty: they are made once and kept. Needed where the chart is rendered without a cluster, as Argo CD does."""
    database: DatabaseValues = DatabaseValues()
    network_policy: PartNetworkValues = PartNetworkValues()


class RegistryValues(Section):
    """The registry that keeps the images of models."""

    existing_secret: str = ""
    """A Secret of type `kubernetes.io/dockerconfigjson` with who may push there. Only the services process sees it."""
    ca_config_map: str = ""
    """A ConfigMap whose key `ca.crt` is the authority of registries' certificates, where it is your own."""


class SlowBuildValues(Section):
    """Bases built by Jobs."""

    egress: list[dict[str, Any]] = Field(default_factory=list)
    """Where builds may go, as rules of a NetworkPolicy: the registry, the package index, the Debian mirror. Names are
    looked up beside it, and nothing else is reached. Must be given where slow builds are on."""


class ModelsValues(Section):
    """Model packages."""

    registry: RegistryValues = RegistryValues()
    slow_build: SlowBuildValues = SlowBuildValues()


class NodePorts(Section):
    """Of a Service of type NodePort or LoadBalancer."""

    http: Port | None = None
    """A fixed one for plain HTTP."""
    https: Port | None = None
    """A fixed one for HTTPS."""


class ServiceValues(Section):
    """The Service that people's browsers reach, where no Ingress stands before it."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP"
    """How it is reached from outside."""
    annotations: dict[str, str] = Field(default_factory=dict)
    """For the cloud's load balancer."""
    external_ips: list[str] = Field(default_factory=list, alias="externalIPs")
    """Addresses of nodes at which ports 443 and 80 are its own."""
    load_balancer_ip: str = Field(default="", alias="loadBalancerIP")
    """A fixed address of the load balancer, where the cloud allows to choose."""
    load_balancer_source_ranges: list[str] = Field(default_factory=list)
    """Who may reach the load balancer."""
    node_ports: NodePorts = NodePorts()


class SecretName(Section):
    """A Secret of the release's namespace."""

    name: str = ""
    """A Secret of type `kubernetes.io/tls`. Exchange it, then restart the proxy: it reads it when it starts."""


class HttpsValues(Section):
    """TLS that ends in the proxy itself."""

    enabled: bool = False
    """Off: an Ingress or a load balancer ends TLS."""
    secret: SecretName = SecretName()


class ProxyValues(PlacementValues):
    """The proxy's Deployment and Service."""

    image: ImageValues = ImageValues()
    service: ServiceValues = ServiceValues()
    https: HttpsValues = HttpsValues()


class ServicesValues(PlacementValues):
    """The services process' Deployment. Its image is the hub's."""

    database: DatabaseValues = DatabaseValues()
    network_policy: PartNetworkValues = PartNetworkValues()


class IngressValues(Section):
    """An Ingress before the proxy."""

    enabled: bool = False
    """Whether there is one."""
    annotations: dict[str, str] = Field(default_factory=dict)
    """For its controller; a notebook's WebSockets want long time-outs, and uploads a large body."""
    ingress_class_name: str = ""
    """Which controller. Empty: the cluster's default."""
    hosts: list[str] = Field(default_factory=list)
    """Empty: the host of `publicUrl`."""
    tls: list[FreeForm] = Field(default_factory=list)
    """As Kubernetes has it: `[{hosts: […], secretName: …}]`."""
    controller_namespace: str = ""
    """Where the controller's pods run: only they may then reach the proxy. Empty: everybody may."""


class NfsValues(Section):
    """A folder of an NFS server."""

    server: str = ""
    """Its name or address, as nodes know it."""
    path: str = ""
    """The folder with the homes. It belongs to user and group 1000 or is writable for them."""
    mount_options: list[str] = Field(default_factory=list)
    """How nodes mount it."""


class HomeServiceValues(Section):
    """The home service. It alone mounts the whole volume, in a namespace of its own (docs/homes.md)."""

    enabled: bool = False
    """Whether homes are made before pods, by it: for their owner alone. Off: the node makes them, open to all that
    reach them."""
    namespace: str = ""
    """Its own. Empty: the release's and `-storage`."""
    existing_claim: str = ""
    """A claim of yours in that namespace for the same volume. Not needed with `homes.nfs`: there one is made."""
    existing_secret: str = ""
    """A Secret with the key `homes_token`, of this name in the release's namespace and in its own. Empty: it is made
    once and kept. Needed where the chart is rendered without a cluster."""
    resources: FreeForm = Field(default_factory=dict)
    """Requests and limits."""
    node_selector: dict[str, str] = Field(default_factory=dict)
    """Labels of the nodes it may run on."""
    tolerations: list[FreeForm] = Field(default_factory=list)
    """Taints it may run in spite of."""


class HomesValues(Section):
    """The volume with everybody's homes, in the workspaces' namespace. Name one of claim, class and server."""

    existing_claim: str = ""
    """A claim of yours there."""
    storage_class: str = ""
    """A claim is made of this class; it must offer ReadWriteMany."""
    nfs: NfsValues = NfsValues()
    size: str = "100Gi"
    """Of the claim that is made."""
    folder: str = ""
    """Where in the volume the homes lie. Empty: at its top."""
    team_folders: bool = False
    """Whether each team has a folder there, which its members have at `~/shared/TEAM`. Needs `homes.service`."""
    service: HomeServiceValues = HomeServiceValues()


class EgressAllowRules(Section):
    """What workspaces may reach beside DNS, hub and proxy."""

    non_private_ips: bool = Field(default=True, alias="nonPrivateIPs")
    """The world outside."""
    private_ips: bool = Field(default=False, alias="privateIPs")
    """The cluster's and the company's own network. Metadata addresses of clouds stay closed."""


class WorkspacesNetworkValues(Section):
    """The network of workspaces."""

    egress_allow_rules: EgressAllowRules = EgressAllowRules()
    egress: list[FreeForm] = Field(default_factory=list)
    """Further rules, as Kubernetes has them: a data store, a package index of the company."""


class WorkspacesValues(Section):
    """Workspaces, as pods of a network."""

    network_policy: WorkspacesNetworkValues = WorkspacesNetworkValues()


class ApiServerValues(Section):
    """Where the API server is: it is no pod, so policies know it by address."""

    cidrs: list[str] = Field(default_factory=list)
    """Narrow this to the API server's addresses where you know them (`kubectl get endpoints kubernetes`)."""
    ports: list[Port] = Field(default_factory=list)
    """Before and behind the Service `kubernetes`."""


class NetworkPolicyValues(Section):
    """What all policies share."""

    private_ranges: list[str] = Field(default_factory=list)
    """What counts as private: the ranges of pods, services and nodes must be among them."""
    api_server: ApiServerValues = ApiServerValues()


class CatalogsValues(Section):
    """The files with all that can be chosen (catalogs.md). Changes reach people in two minutes."""

    environments: str | FreeForm | None = None
    """`environments.yaml`, as text (`--set-file`) or as YAML."""
    hardware: str | FreeForm | None = None
    """`hardware.yaml`, the same way."""
    data: str | FreeForm | None = None
    """`data.yaml`, the same way. Empty: there is none (data.md)."""


class AdmissionPolicyValues(Section):
    """A ValidatingAdmissionPolicy about the Secrets that we make."""

    enabled: bool = True
    """Whether Kubernetes refuses to our accounts Secrets without our labels in the workspaces' namespace."""


class OidcValues(Section):
    """What of an identity provider lies in objects of Kubernetes."""

    existing_secret: str = ""
    """A Secret whose key `oidc_client_secret` the provider gave. Not needed where `hub.existingSecret` has it."""
    ca_config_map: str = ""
    """A ConfigMap whose key `ca.crt` is the authority of the provider's certificate, where it is your own."""


class AuthValues(Section):
    """Signing in."""

    oidc: OidcValues = OidcValues()


class MetricsValues(Section):
    """Who may read the metrics' own ports."""

    from_: list[FreeForm] = Field(default_factory=list, alias="from")
    """Peers of a NetworkPolicy: where your Prometheus runs. Empty: nobody."""


class MaintenanceValues(Section):
    """For `studiolo restore`."""

    enabled: bool = False
    """Pods of hub and services are there with their databases and keys, and run nothing. Workspaces go on."""


class ChartValues(Section):
    """Every value that is no setting."""

    image_pull_secrets: list[str] = Field(default_factory=list)
    """Secrets in the release's namespace for pulling hub and proxy. For workspaces: `kubernetes.imagePullSecrets`."""
    auth: AuthValues = AuthValues()
    catalogs: CatalogsValues = CatalogsValues()
    hub: HubValues = HubValues()
    proxy: ProxyValues = ProxyValues()
    services: ServicesValues = ServicesValues()
    ingress: IngressValues = IngressValues()
    homes: HomesValues = HomesValues()
    models: ModelsValues = ModelsValues()
    workspaces: WorkspacesValues = WorkspacesValues()
    network_policy: NetworkPolicyValues = NetworkPolicyValues()
    metrics: MetricsValues = MetricsValues()
    admission_policy: AdmissionPolicyValues = AdmissionPolicyValues()
    claims: ClaimsValues = ClaimsValues()
    maintenance: MaintenanceValues = MaintenanceValues()
    global_: FreeForm = Field(default_factory=dict, alias="global")
    """Helm's own, where this chart is a part of another one. Not used."""
