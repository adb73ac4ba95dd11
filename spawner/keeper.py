"""The small waiting parent of one workspace: `python -P -m spawner.keeper`, its job on standard input.

Where the server is parked, it waits for the claim first (`spawner/parked_keeping.py`) and has the job from that.

It has a session of its own and outlives the hub. The job comes as `marshal` on standard input, so that no secret is
ever a process argument, and because importing `json` alone would make every start 8 ms longer: this module imports
only what is needed to bring the server up. What happens afterwards is in `spawner/keeping.py`, imported while the
server already starts.
"""

from __future__ import annotations

import ctypes
import marshal
import os
import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

SIGTERM: Final = 15
"""Spelled out: importing `signal` takes 4 ms."""

PR_SET_PDEATHSIG: Final = 1
PR_SET_CHILD_SUBREAPER: Final = 36
"""Options of prctl(2), which Python does not wrap."""

BADNESS: Final = b"500"
"""Where the whole machine runs out of memory, Linux ends a workspace rather than the hub of everybody."""


def main() -> None:
    """Start the server, then keep it until it has ended and nothing of it is left."""
    job: dict[str, Any] = marshal.loads(_read_all(0))  # noqa: S302 - written by the hub that started us, for us alone
    prctl = _prctl()
    # Only of a server that is parked: where the hub says later whose it is.
    control: int | None = job.get("control")
    if control is not None:
        os.set_inheritable(control, False)  # noqa: FBT003 - the only way to say it
        job["env"]["STUDIOLO_PARK_PID"] = str(os.getpid())
    # Kernels whose server died come to us instead of the system, and are found and ended.
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    log_read, log_write = os.pipe()
    failure_read, failure_write = os.pipe()
    keeper = os.getpid()
    server = os.fork()
    if server == 0:
        _become_server(job, prctl, keeper, log_write, failure_write)
    os.close(log_write)
    os.close(failure_write)
    # Only the server holds these two now: when it ends, whoever waits for it reads the end at once.
    for descriptor in job["pass_fds"]:
        os.close(descriptor)
    if control is not None:
        from spawner.parked_keeping import wait_for_claim  # noqa: PLC0415 - no normal start imports it

        job = wait_for_claim(control, server=server, log_read=log_read)

    # While the server starts; before, these imports would delay it. To be told to stop is put off until they are done.
    import signal  # noqa: PLC0415 - see above

    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT))
    from spawner.keeping import Keeping  # noqa: PLC0415 - see above

    Keeping(job, server=server, log_read=log_read, failure_read=failure_read).run()


def _become_server(
    job: dict[str, Any], prctl: Callable[[int, int], object], keeper: int, log_write: int, failure_write: int
) -> NoReturn:
    try:
        os.setsid()
        # A keeper that is killed takes its server along; what the server leaves is found by the hub.
        prctl(PR_SET_PDEATHSIG, SIGTERM)
        if os.getppid() != keeper:
            os._exit(1)
        _prefer_to_be_ended_first()
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(log_write, 1)
        os.dup2(log_write, 2)
        os.chdir(job["cwd"])
        os.execve(job["argv"][0], job["argv"], job["env"])  # noqa: S606 - the command is the launch plan's
    except (OSError, ValueError) as error:
        # A variable that cannot be passed on (ValueError) is not repeated: its value may be secret.
        reason = error.strerror if isinstance(error, OSError) else "a variable of its environment cannot be passed on"
        os.write(failure_write, f"{job['argv'][0]}: {reason}\n".encode())
    finally:
        os._exit(127)


def _read_all(descriptor: int) -> bytes:
    parts = []
    while part := os.read(descriptor, 1 << 20):
        parts.append(part)
    return b"".join(parts)


def _prctl() -> Callable[[int, int], object]:
    if sys.platform == "linux":
        found: Callable[[int, int], object] = ctypes.CDLL(None).prctl
        return found
    return lambda _option, _value: None


def _prefer_to_be_ended_first() -> None:
    try:
        descriptor = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
    except OSError:  # not Linux
        return
    os.write(descriptor, BADNESS)
    os.close(descriptor)


if __name__ == "__main__":
    main()
