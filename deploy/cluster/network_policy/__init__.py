"""NetworkPolicy on nftables, for the development cluster only.

The cluster's network (the CNI plugin `bridge`) enforces no policies, and the engines that do come as container images,
which no machine of ours can pull. This one covers one machine, IPv4, and what `networking.k8s.io/v1` says:

    model.py             what policies, pods and namespaces say, as plain values
    kubernetes_json.py   the API server's JSON -> those values
    semantics.py         may this connection be made? straight from the API's sentences; the specification of the rest
    rules.py             those values -> the text of one nftables table
    firewall.py          the only place that runs nft
    enforcer.py          watches the API server and replaces the table when something has changed

How it differs from engines for production: `rules.py`.
"""
