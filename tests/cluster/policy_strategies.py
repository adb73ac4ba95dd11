"""Any NetworkPolicies at all for the world of the table of cases (hypothesis)."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

BLOCKS = (
    {"cidr": "0.0.0.0/0"},
    {"cidr": "0.0.0.0/0", "except": ["10.244.0.0/24"]},
    {"cidr": "0.0.0.0/0", "except": ["10.244.0.2/31", "203.0.113.0/24", "10.199.0.1/32"]},
    {"cidr": "10.244.0.0/16", "except": ["10.244.0.4/32", "10.244.0.0/30"]},
    {"cidr": "10.244.1.0/24"},
    {"cidr": "10.199.0.0/16"},
    {"cidr": "203.0.113.2/32"},
    {"cidr": "::/0"},
)

labels = st.dictionaries(st.sampled_from(["app", "size", "team", "tier"]), st.sampled_from(["web", "db", "big", "red"]))
expressions = st.one_of(
    st.fixed_dictionaries(
        {
            "key": st.sampled_from(["app", "size", "team", "tier"]),
            "operator": st.sampled_from(["In", "NotIn"]),
            "values": st.lists(st.sampled_from(["web", "db", "big", "red", "blue"]), min_size=1, unique=True),
        }
    ),
    st.fixed_dictionaries(
        {
            "key": st.sampled_from(["app", "size", "team", "tier"]),
            "operator": st.sampled_from(["Exists", "DoesNotExist"]),
        }
    ),
)
selectors = st.fixed_dictionaries(
    {}, optional={"matchLabels": labels, "matchExpressions": st.lists(expressions, max_size=2)}
)
peers = st.one_of(
    st.fixed_dictionaries({"podSelector": selectors}),
    st.fixed_dictionaries({"namespaceSelector": selectors}, optional={"podSelector": selectors}),
    st.sampled_from([{"ipBlock": block} for block in BLOCKS]),
)
ports = st.sampled_from(
    [
        {},
        {"protocol": "UDP"},
        {"port": 28080},
        {"port": 28080, "protocol": "UDP"},
        {"port": 28080, "endPort": 28081},
        {"port": 1, "endPort": 65535, "protocol": "UDP"},
        {"port": "http"},
        {"port": "alt"},
        {"port": "dns", "protocol": "UDP"},
        {"port": "nobody"},
    ]
)


def rules(direction: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Rules of a policy; `direction` is the key of their peers."""
    return st.lists(
        st.fixed_dictionaries(
            {}, optional={direction: st.lists(peers, max_size=3), "ports": st.lists(ports, max_size=3)}
        ),
        max_size=3,
    )


policies = st.lists(
    st.fixed_dictionaries(
        {
            "metadata": st.fixed_dictionaries(
                {"name": st.uuids().map(str), "namespace": st.sampled_from(["red", "blue"])}
            ),
            "spec": st.fixed_dictionaries(
                {"podSelector": selectors},
                optional={
                    "policyTypes": st.lists(st.sampled_from(["Ingress", "Egress"]), min_size=1, unique=True),
                    "ingress": rules("from"),
                    "egress": rules("to"),
                },
            ),
        }
    ),
    min_size=1,
    max_size=4,
)
