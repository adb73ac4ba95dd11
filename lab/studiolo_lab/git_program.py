"""git, run beside the server: it asks nobody, obeys no hook, and ends in time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PROTOCOLS: Final = "https:ssh"
"""Whatever a server redirects to, or a repository says of its parts."""

SECONDS: Final = 120.0
"""For what git does on this machine alone."""

END_SECONDS: Final = 5.0
"""A git that is told to end takes its lock files away. After this it is killed."""

KEPT: Final = ("GIT_CONFIG_", "GIT_SSL_", "GIT_HTTP_", "GIT_AUTHOR_", "GIT_COMMITTER_")
"""Of the variables for git, those that say how to reach servers and whose commits are made. Others, such as GIT_DIR,
GIT_ASKPASS or GIT_TRACE_CURL, are for something else that the person does."""

SETTINGS: Final = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.askPass=",
    "gc.auto=0",  # nothing that is in no branch any more is removed by us
    "maintenance.auto=false",
    "submodule.recurse=false",
    "rerere.enabled=false",
    "rebase.autoStash=false",
    "rebase.updateRefs=false",
    "rebase.rebaseMerges=false",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=60",
)
"""More than any file says."""

SSH: Final = "ssh -o StrictHostKeyChecking=accept-new"
"""Where nothing else is said: as with a key of Credentials, the first visit to a server is believed."""

SSH_ASKS_NOBODY: Final = "-o BatchMode=yes -o ConnectTimeout=30 -o ServerAliveInterval=15"


class GitFailed(Exception):
    """git gave up. `said` is what it printed about it."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"git ended with {status}")
        self.status = status
        self.said = said


class GitTimedOut(GitFailed):
    """git took too long, and was ended."""


class GitMissing(Exception):
    """There is no git on this machine."""


class Git:
    """Runs git for one person."""

    def __init__(self, environ: Mapping[str, str], *, home: Path, protocols: str = PROTOCOLS) -> None:
        """`environ` is the server's own: it says where the person's credentials are."""
        self._ssh = environ.get("GIT_SSH_COMMAND")
        self._env = {name: value for name, value in environ.items() if _is_kept(name)} | {
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_EDITOR": "true",
            "GIT_SEQUENCE_EDITOR": "true",
            "GIT_ALLOW_PROTOCOL": protocols,
            "GIT_CEILING_DIRECTORIES": str(home),  # a home that is a repository itself is not meant
            "GIT_REFLOG_ACTION": "studiolo",
            "LC_ALL": "C",
            "LANGUAGE": "C",
        }

    async def run(self, *words: str, folder: Path, seconds: float = SECONDS) -> str:
        """What git prints. Raises GitFailed, GitTimedOut or GitMissing."""
        return await self._run(words, folder, seconds, self._env)

    async def run_with_server(self, *words: str, folder: Path, seconds: float) -> str:
        """The same for what asks another machine."""
        ssh = self._ssh or await self.ask("config", "--get", "core.sshCommand", folder=folder) or SSH
        env = self._env | {"GIT_SSH_COMMAND": f"{ssh} {SSH_ASKS_NOBODY}"}
        return await self._run(words, folder, seconds, env)

    async def ask(self, *words: str, folder: Path) -> str:
        """The line that git prints, or "" where it says by its status that there is none."""
        try:
            return (await self.run(*words, folder=folder)).strip("\n")
        except GitFailed as failure:
            if failure.status == 1:
                return ""
            raise

    async def _run(self, words: tuple[str, ...], folder: Path, seconds: float, env: Mapping[str, str]) -> str:
        settings = (word for setting in SETTINGS for word in ("-c", setting))
        try:
            process = await asyncio.create_subprocess_exec(
                *("git", *settings, *words),
                cwd=folder,
                env=env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise GitMissing from error
        try:
            async with asyncio.timeout(seconds):
                printed, said = await process.communicate()
        except TimeoutError as error:
            raise GitTimedOut(-signal.SIGTERM, "") from error
        finally:
            await _end(process)
        if process.returncode:
            raise GitFailed(process.returncode, said.decode(errors="replace"))
        return os.fsdecode(printed)


def _is_kept(name: str) -> bool:
    return name != "SSH_ASKPASS" and (not name.startswith("GIT_") or name.startswith(KEPT))


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ends git and what it started, where that still runs."""
    if process.returncode is not None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await process.wait()
                return
