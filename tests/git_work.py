"""What somebody does in a workspace with a repository elsewhere: clone, commit, push. Typed, and from a notebook."""

from __future__ import annotations

import httpx

from tests.kernels import Kernel
from tests.terminals import run_in_terminal

SCRIPT = "push.sh"

PUSH = """
set -eu
export GIT_TERMINAL_PROMPT=0
export GIT_SSH_COMMAND="${GIT_SSH_COMMAND:-ssh -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=/dev/null}"
git clone --quiet "$1" "$2"
cd "$2"
echo "$2" >"$2.txt"
git add "$2.txt"
git -c user.name=Alice -c user.email=alice@example.org commit --quiet --message "$2"
git push --quiet origin HEAD:main
"""
"""URL FOLDER: one commit, named as the folder is. Who has no key believes the server too: the key alone is missing."""

CELL = """
import subprocess
done = subprocess.run(["sh", {script!r}, {url!r}, {folder!r}], capture_output=True, text=True)
print(done.returncode, done.stderr)
"""


def write_script(address: str, token: str) -> None:
    """Into the home of the workspace at this address, as a person would save it."""
    headers = {"Authorization": f"token {token}"}
    with httpx.Client(base_url=f"{address}/api/", headers=headers, trust_env=False, timeout=30) as api:
        file = {"type": "file", "format": "text", "content": PUSH}
        api.put(f"contents/{SCRIPT}", json=file).raise_for_status()


def push_from_terminal(address: str, token: str, url: str, folder: str) -> str:
    """What the terminal showed. Raises AssertionError with it where git ended badly."""
    return run_in_terminal(address, token, f"sh {SCRIPT} {url} {folder}")


def push_from_notebook(address: str, token: str, url: str, folder: str) -> str:
    """What the cell printed: git's exit status, and what it said."""
    with Kernel(address=address, token=token) as kernel:
        return "".join(kernel.run(CELL.format(script=SCRIPT, url=url, folder=folder)))
