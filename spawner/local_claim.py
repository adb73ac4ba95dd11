"""The start of a workspace on this machine as a claim: a server that is parked becomes its person's."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from spawner.late_bound import binds_late
from spawner.process import FIRST_ARGUMENT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spawner.parked import ParkedServer
    from spawner.plan import LaunchPlan
    from spawner.process import ProcessSpec

LIMIT_SECONDS: Final = 0.25
"""For systemd to hold the server to what its person chose. A manager that takes longer costs a start no more."""


class ClaimFailed(Exception):
    """The parked server becomes nobody's, and ends."""


def may_claim(plan: LaunchPlan, secrets: Mapping[str, str]) -> bool:
    """Whether a server that runs already can become this workspace."""
    return binds_late((*(name for name, _ in plan.env), *secrets))


def arguments_of(argv: Sequence[str]) -> tuple[str, ...]:
    """What the program of a server is given, without the program."""
    return tuple(argv[FIRST_ARGUMENT:])


async def hold_to_limits(parked: ParkedServer, spec: ProcessSpec) -> None:
    """Before it is anybody's: no workspace begins without its limits. Raises ClaimFailed."""
    command = parked.limits(memory_bytes=spec.memory_bytes, cpu_cores=spec.cpu_cores)
    if command is None or parked.scope is None:
        return
    try:
        told = await asyncio.create_subprocess_exec(*command, env=dict(parked.scope.manager_env))
        async with asyncio.timeout(LIMIT_SECONDS):
            code = await told.wait()
    except (OSError, TimeoutError) as error:
        raise ClaimFailed(f"systemd does not answer: {error!r}") from error
    if code:
        raise ClaimFailed(f"systemd refused the limits ({code})")
