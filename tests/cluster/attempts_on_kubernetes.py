"""What Bob tries on Kubernetes itself, had he got as far as its API server: as his pod's account, and as nobody."""

from __future__ import annotations

import json
import ssl

import httpx

from deploy.cluster.layout import API_PORT, NODE_ADDRESS
from tests.cluster.alice_and_bob import Person, TwoPeople
from tests.cluster.attempts import Act, Attempt, Seen, printed
from tests.cluster.cluster_commands import kubectl

KUBELET = f"https://{NODE_ADDRESS}:10250"


def as_his_account(*words: str, text: str | None = None) -> Act:
    """kubectl, as the account that every workspace has. As Alice: the same as an administrator."""

    async def act(at: TwoPeople, who: Person) -> Seen:
        namespace = at.installed.deployment.workspaces
        groups = ("system:authenticated", "system:serviceaccounts", f"system:serviceaccounts:{namespace}")
        account = (f"--as=system:serviceaccount:{namespace}:default", *(f"--as-group={one}" for one in groups))
        filled = [word.replace("@pod@", at.alice.pod).replace("@wandb@", secret_of(at)) for word in words]
        more = account if who is at.bob else ()
        return await printed(lambda: kubectl("-n", namespace, *more, *filled, text=text and text % secret_of(at)))

    return act


def secret_of(at: TwoPeople) -> str:
    """Where the value of her variable is."""
    return f"credential-alice--{at.kept.name('wandb')}"


def as_nobody(*addresses: str) -> Act:
    """Without any name, from where no policy stands in the way."""

    async def act(at: TwoPeople, who: Person) -> Seen:
        del who
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        async with httpx.AsyncClient(verify=context, trust_env=False, timeout=30) as client:
            namespace = at.installed.deployment.workspaces
            filled = [one.replace("@namespace@", namespace).replace("@pod@", at.alice.pod) for one in addresses]
            answers = [await client.get(address) for address in filled]
        return Seen(
            text="\n".join(answer.text for answer in answers), status=min(answer.status_code for answer in answers)
        )

    return act


THIEF = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "thief"},
    "spec": {
        "containers": [
            {"name": "main", "image": "pause", "envFrom": [{"secretRef": {"name": "%s"}}]},
        ]
    },
}

OF_ALICES = f"https://{NODE_ADDRESS}:{API_PORT}/api/v1/namespaces/@namespace@"

AS_HIS_ACCOUNT = {
    "get her Secret": (True, ("get", "secret", "@wandb@", "-o", "json")),
    "list Secrets": (True, ("get", "secrets", "-o", "json")),
    "list pods": (True, ("get", "pods", "-o", "json")),
    "read events": (True, ("get", "events", "-o", "json")),
    "read the log of her workspace": (True, ("logs", "@pod@")),
    "run a program in her workspace": (True, ("exec", "@pod@", "--", "printenv")),
    "copy a file of her workspace": (True, ("exec", "@pod@", "--", "cat", "/home/jovyan/notes.txt")),
    "add a container to her workspace": (
        False,
        ("patch", "pod", "@pod@", "--subresource=ephemeralcontainers", "--dry-run=server", "-p", "{}"),
    ),
    "ask for a token of an account": (False, ("create", "token", "default")),
    "read accounts and rights": (False, ("get", "serviceaccounts,rolebindings", "-o", "json")),
}

ON_KUBERNETES = {
    **{
        f"as his pod's account: {name}": Attempt(
            act=as_his_account(*words),
            is_refused=True,
            works_for_owner=works,
            names_her=any("@" in word for word in words),
        )
        for name, (works, words) in AS_HIS_ACCOUNT.items()
    },
    "as his pod's account: start a pod with her Secret": Attempt(
        act=as_his_account("create", "--dry-run=server", "-f", "-", text=json.dumps(THIEF)),
        is_refused=True,
        names_her=True,
    ),
    "as nobody, at the API server: Secrets, pods, events": Attempt(
        act=as_nobody(*(f"{OF_ALICES}/{what}" for what in ("secrets", "pods", "events"))), is_refused=True
    ),
    "as nobody, at the API server: the log of her workspace": Attempt(
        act=as_nobody(f"{OF_ALICES}/pods/@pod@/log"), is_refused=True, names_her=True
    ),
    "as nobody, at the kubelet: pods, logs, a program": Attempt(
        act=as_nobody(f"{KUBELET}/pods", f"{KUBELET}/logs/", f"{KUBELET}/run/@namespace@/@pod@/notebook?cmd=printenv"),
        is_refused=True,
    ),
}
