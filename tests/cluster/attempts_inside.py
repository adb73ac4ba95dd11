"""What Bob tries from a terminal of his own workspace: files, processes, what is mounted, and the network around it."""

from __future__ import annotations

import json

from tests.cluster.alice_and_bob import Person, TwoPeople
from tests.cluster.attempts import Act, Attempt, Seen, inside, printed, with_known

FILES = {
    "her home by its name": 'for at in @places@; do ls -la "$at"; cat "$at/notes.txt"; done',
    "her home by a symbolic link": 'for at in @places@; do ln -sfn "$at" ~/soft; cat ~/soft/notes.txt; rm ~/soft; done',
    "her home by a hard link": 'for at in @places@; do ln -f "$at/notes.txt" ~/hard; cat ~/hard; rm -f ~/hard; done',
    "her home by the root of every process": (
        'for at in @places@; do for root in /proc/[0-9]*/root; do cat "$root$at/notes.txt"; done; done'
    ),
    "her home by the working folder of every process": "cat /proc/[0-9]*/cwd/notes.txt /proc/[0-9]*/cwd/../*/notes.txt",
    "files at /run/credentials": "ls -LR /run/credentials; find -L /run/credentials -type f -exec cat {} +",
    "files in memory at /dev/shm": "ls -LR /dev/shm; find -L /dev/shm -type f -exec cat {} +",
    "files at /tmp and /var/tmp": "ls -LR /tmp /var/tmp; find -L /tmp /var/tmp -type f -exec cat {} +",
    "files in everything that is mounted": (
        "grep -vE ' (overlay|proc|sysfs|cgroup2?|mqueue|devpts) ' /proc/self/mounts | cut -d' ' -f2"
        " | xargs -I % find % -xdev -type f -readable -size -1000k -exec cat {} +"
    ),
    "the folders of teams and the data": "ls -LR ~/shared /data; find -L ~/shared /data -type f -exec cat {} +",
    "the folders of the kubelet and of containerd": (
        "for at in /var/lib/kubelet /var/lib/containerd /run/containerd /var/log/pods /host; do"
        ' ls -LR "$at" "/proc/1/root$at"; find "$at" -type f -exec cat {} +; done'
    ),
    "the environment of every process": "cat /proc/[0-9]*/environ | tr '\\0' '\\n'; printenv",
    "the command line of every process": "cat /proc/[0-9]*/cmdline | tr '\\0' ' '; cat /proc/[0-9]*/comm",
    "the key of the account of his pod": "ls -LR /var/run/secrets; find -L /var/run/secrets -type f -exec cat {} +",
    "her token by git's helper": (
        "printf 'protocol=https\\nhost=@git-host@\\n\\n' | GIT_TERMINAL_PROMPT=0 GIT_ASKPASS=true git credential fill"
    ),
    "her repository over HTTPS": "GIT_SSL_NO_VERIFY=1 GIT_TERMINAL_PROMPT=0 GIT_ASKPASS=true git ls-remote @https@",
    "her repository over SSH": (
        'export GIT_SSH_COMMAND="${GIT_SSH_COMMAND:-ssh -o StrictHostKeyChecking=accept-new} -o BatchMode=yes";'
        " git ls-remote @ssh@"
    ),
    "her kernel at its pod's own ports": (
        "for port in 8888 32768 40000 50000; do curl --silent --show-error --max-time 2 http://@alice@:$port/; done"
    ),
}

HAS_NOTHING_OF_HERS_EITHER = {
    "the folders of the kubelet and of containerd",
    "the key of the account of his pod",
    "her kernel at its pod's own ports",
}

MOUNT = """
import ctypes, os, pathlib
libc = ctypes.CDLL(None, use_errno=True)
os.makedirs("/tmp/mounted", exist_ok=True)
def tell(done):
    print(done, os.strerror(ctypes.get_errno()), [str(one) for one in pathlib.Path("/tmp/mounted").rglob("*")])
tell(libc.mount(b"/home", b"/tmp/mounted", None, 0x1000, None))
tell(libc.unshare(0x10020000))
tell(libc.mount(b"/home", b"/tmp/mounted", None, 0x1000, None))
disk = os.stat("/home/jovyan").st_dev
try:
    os.mknod("/home/jovyan/disk", 0o60600, disk)
    print(pathlib.Path("/home/jovyan/disk").read_bytes()[:1000000])
except OSError as error:
    print(error)
"""

ASK = """
import json, os, ssl, sys, urllib.error, urllib.request
context = ssl._create_unverified_context()
for address, headers in json.loads(sys.argv[1]):
    headers = {name: value.replace("@mine@", os.environ.get("JUPYTERHUB_API_TOKEN", "")) for name, value in headers}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        answer = opener.open(urllib.request.Request(address, headers=headers), timeout=4)
        print(address, answer.status, answer.read().decode(errors="replace"))
    except urllib.error.HTTPError as error:
        print(address, error.code, error.read().decode(errors="replace"))
    except OSError as error:
        print(address, error)
"""
"""Asks addresses as a program in a workspace may, with the token that every workspace has."""

MINE = (("Authorization", "token @mine@"),)


def ask(*addresses: str, headers: tuple[tuple[str, str], ...] = MINE) -> Act:
    """By Python, in the workspace."""

    async def act(at: TwoPeople, who: Person) -> Seen:
        asked = [(with_known(address, at, who), headers) for address in addresses]
        return await printed(lambda: who.inside("python3", "-c", ASK, json.dumps(asked)))

    return act


HERS = "user/alice/@workspace@"
PROXIED = (*MINE, ("Host", "alice.studiolo.test"), ("X-Forwarded-Proto", "https"))

NETWORK = {
    "her server at its pod's own port": ask(
        f"http://@alice@:8888/{HERS}/api/contents/notes.txt", f"http://@alice@:8888/{HERS}/api/sessions"
    ),
    "her server by the proxy inside the cluster": ask(
        f"https://@proxy@/{HERS}/api/contents/notes.txt", f"https://@proxy@/{HERS}/api/contents", headers=PROXIED
    ),
    "the hub's own port with the token of his workspace": ask(
        *(f"http://@hub@/hub/api/{path}" for path in ("users/alice", "users", "users/alice/tokens", "groups", "user"))
    ),
    "the services' own port with the token of his workspace": ask(
        *(f"http://@services@/services/studiolo/api/{path}" for path in ("credentials", "credentials/alice/mounts"))
    ),
    "the proxy's own table of addresses": ask("http://@proxy-api@/api/routes"),
    "the service that makes homes": ask("http://@home-service@/homes/alice"),
    "the API server as nobody, from his pod": ask(
        *(f"https://@api-server@/api/v1/namespaces/@namespace@/{what}" for what in ("secrets", "pods", "events")),
        headers=(),
    ),
    "the kubelet as nobody, from his pod": ask("https://@node@:10250/pods", "http://@node@:10255/pods", headers=()),
    "the metadata of the cloud": ask("http://169.254.169.254/latest/meta-data/", headers=()),
}

INSIDE = {
    **{
        name: Attempt(act=inside(script), works_for_owner=name not in HAS_NOTHING_OF_HERS_EITHER)
        for name, script in FILES.items()
    },
    "her home mounted by himself": Attempt(act=inside(MOUNT, program=("python3", "-"))),
    **{name: Attempt(act=act, names_her=True) for name, act in NETWORK.items()},
}
