"""Bridges, routes and kernel settings of the cluster; nothing that a pod sends leaves the machine.

Each thing carries a name or a mark of ours, so that it goes again without touching anything else.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.cluster.errors import NotThisMachineError, ProgramFailedError
from deploy.cluster.layout import (
    KWOK_NETWORK,
    METADATA_ADDRESSES,
    NFT_TABLE,
    NFT_TABLES,
    NODE_ADDRESS,
    NODE_BRIDGE,
    POD_NETWORK,
    ROUTE_PROTOCOL,
    SERVICE_NETWORK,
    SIMULATED_ADDRESS,
    SIMULATED_LINK,
    SIMULATED_POD_PORT,
)
from deploy.cluster.mounts import is_mount_point
from deploy.cluster.programs import run_program, try_program

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deploy.cluster.layout import NodeLayout

NEEDED_SYSCTLS: Final = {"net/ipv4/ip_forward": "1", "net/bridge/bridge-nf-call-iptables": "1"}
"""Pods reach each other through the machine, and firewall rules see what passes inside one bridge."""

QUIET_SYSCTLS: Final = {"net/ipv6/conf/default/addr_gen_mode": "1"}
"""The machine's end of a pod's link gets no address of its own. Nobody uses it, and Chromium breaks off every page it
loads (ERR_NETWORK_CHANGED) when an address comes or goes: with each pod that starts or ends.
"""

CHANGED_SYSCTLS: Final = (
    *NEEDED_SYSCTLS,
    *QUIET_SYSCTLS,
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "kernel/panic",
    "kernel/panic_on_oops",
    "net/ipv4/conf/all/route_localnet",
    "net/netfilter/nf_conntrack_max",
    "net/netfilter/nf_conntrack_tcp_be_liberal",
    "net/netfilter/nf_conntrack_tcp_timeout_close_wait",
    "net/netfilter/nf_conntrack_tcp_timeout_established",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
)
"""Ours, and those that the kubelet and kube-proxy set; all are put back."""

_SYSCTLS: Final = Path("/proc/sys")
_HAS_IPV6: Final = Path("/proc/net/if_inet6").exists()


def read_sysctls(names: tuple[str, ...] = CHANGED_SYSCTLS) -> dict[str, str]:
    """Kernel settings as they are, those that exist."""
    return {name: (_SYSCTLS / name).read_text().strip() for name in names if (_SYSCTLS / name).exists()}


def write_sysctls(values: Mapping[str, str]) -> None:
    """Set those that differ."""
    for name, value in values.items():
        path = _SYSCTLS / name
        if path.exists() and path.read_text().strip() != value:
            path.write_text(value)


def forwarding_rules(pod_bridges: tuple[str, ...]) -> str:
    """Our nft table as text: what comes from a pod goes to pods, nodes and this machine, or is refused.

    Nothing translates pods' addresses, so an answer could not come back anyway; this makes it fail at once, and keeps
    the packet itself from the wire.
    """
    family, table = NFT_TABLE
    inside = ", ".join((*pod_bridges, NODE_BRIDGE, SIMULATED_LINK))
    guarded = ", ".join((*pod_bridges, SIMULATED_LINK))
    return (
        f"add table {family} {table}\n"
        f"delete table {family} {table}\n"
        f"table {family} {table} {{\n"
        "  chain forward {\n"
        "    type filter hook forward priority filter - 10; policy accept;\n"
        f"    iifname {{ {guarded} }} oifname != {{ {inside} }}"
        " counter reject with icmpx type admin-prohibited\n"
        "  }\n"
        "}\n"
    )


def routes(*, with_simulated_pods: bool) -> tuple[tuple[str, ...], ...]:
    """Arguments of `ip` for the routes that keep the cluster's addresses on this machine.

    Services get a way onto the node bridge, where nobody else answers: a blackhole would refuse a connection of the
    machine itself before kube-proxy's rules see it. Nodes' pod networks are more specific than the blackhole.
    """
    simulated = (KWOK_NETWORK, "dev", SIMULATED_LINK)
    inside = (
        ("route", "replace", SERVICE_NETWORK, "dev", NODE_BRIDGE, "src", NODE_ADDRESS),
        ("route", "replace", "blackhole", POD_NETWORK),
        ("route", "replace", *(simulated if with_simulated_pods else ("blackhole", KWOK_NETWORK))),
    )
    metadata = tuple(
        (*(("-6",) if ":" in address else ()), "route", "replace", "blackhole", address)
        for address in METADATA_ADDRESSES
        if _HAS_IPV6 or ":" not in address
    )
    return tuple((*words, "proto", ROUTE_PROTOCOL) for words in (*inside, *metadata))


def make_network(nodes: tuple[NodeLayout, ...]) -> None:
    """Bridges, addresses, routes and rules for these nodes. Safe to repeat."""
    if _missing_sysctls() and shutil.which("modprobe"):
        try_program("modprobe", "br_netfilter")
    if missing := _missing_sysctls():
        raise NotThisMachineError(
            f"This kernel has no {missing[0]}.", hint="Load the module that brings it: modprobe br_netfilter"
        )
    write_sysctls(NEEDED_SYSCTLS | QUIET_SYSCTLS)
    if not _link_exists(NODE_BRIDGE):
        run_program("ip", "link", "add", NODE_BRIDGE, "type", "bridge")
    run_program("ip", "addr", "replace", f"{NODE_ADDRESS}/24", "dev", NODE_BRIDGE)
    for node in nodes[1:]:
        run_program("ip", "addr", "replace", f"{node.address}/32", "dev", NODE_BRIDGE)
    run_program("ip", "link", "set", NODE_BRIDGE, "up")
    for words in routes(with_simulated_pods=_link_exists(SIMULATED_LINK)):
        run_program("ip", *words)
    run_program("nft", "-f", "-", text=forwarding_rules(tuple(node.pod_bridge for node in nodes)))


def make_simulated_network(holder: Path) -> None:
    """A network namespace in which one process has every address of simulated pods, and the way there.

    `holder`: the file that keeps it, on the private mount that keeps the nodes' namespaces. Safe to repeat.
    """
    if _link_exists(SIMULATED_LINK):
        return
    holder.touch()
    if not is_mount_point(holder):
        run_program("unshare", f"--net={holder}", "true")
    inside = ("nsenter", f"--net={holder}")
    run_program(*inside, "ip", "link", "add", "eth0", "type", "veth", "peer", SIMULATED_LINK, "netns", str(os.getpid()))
    for link in ("lo", "eth0"):
        run_program(*inside, "ip", "link", "set", link, "up")
    # A redirected connection goes to the first address of the link it came by: without one it would be dropped.
    run_program(*inside, "ip", "addr", "add", f"{SIMULATED_ADDRESS}/32", "dev", "eth0")
    run_program("ip", "link", "set", SIMULATED_LINK, "up")
    run_program(*inside, "ip", "route", "add", "local", KWOK_NETWORK, "dev", "lo")
    run_program(*inside, "ip", "route", "add", "default", "via", NODE_ADDRESS, "dev", "eth0", "onlink")
    run_program(*inside, "nft", "-f", "-", text=any_port_rules())
    for words in routes(with_simulated_pods=True):
        run_program("ip", *words)


def any_port_rules() -> str:
    """Rules that let the process that answers for simulated pods hear of a connection to any port of theirs."""
    return (
        "table ip any_port {\n"
        "  chain prerouting {\n"
        "    type nat hook prerouting priority dstnat;\n"
        f"    ip protocol tcp redirect to :{SIMULATED_POD_PORT}\n"
        "  }\n"
        "}\n"
    )


def remove_network(nodes: tuple[NodeLayout, ...], sysctls: Mapping[str, str]) -> None:
    """Take all of it away, whatever of it is there, and put the kernel's settings back."""
    for family, table in NFT_TABLES:
        try_program("nft", "delete", "table", family, table)
    for family in ("-4", *(("-6",) if _HAS_IPV6 else ())):
        _flush_routes(family)
    for name in (*(node.pod_bridge for node in nodes), NODE_BRIDGE, SIMULATED_LINK):
        if _link_exists(name):
            run_program("ip", "link", "delete", name)
    write_sysctls(sysctls)


def _missing_sysctls() -> tuple[str, ...]:
    return tuple(name for name in NEEDED_SYSCTLS if not (_SYSCTLS / name).exists())


def _flush_routes(family: str) -> None:
    try:
        run_program("ip", family, "route", "flush", "proto", ROUTE_PROTOCOL)
    except ProgramFailedError as error:
        if "No such process" not in error.output:  # the kernel's words for "there is none"
            raise


def _link_exists(name: str) -> bool:
    return Path("/sys/class/net", name).exists()
