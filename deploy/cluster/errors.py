"""Why the development cluster does not come up, or does not do what it was asked."""

from __future__ import annotations

from studiolo.errors import StudioloError


class ClusterError(StudioloError):
    """The development cluster cannot do what was asked."""

    code = "cluster_refused"


class NotThisMachineError(ClusterError):
    """Something a machine must have is not there."""

    code = "cluster_machine"


class ProgramFailedError(ClusterError):
    """A program that the cluster runs ended with an error."""

    code = "cluster_program_failed"

    def __init__(self, argv: tuple[str, ...], *, code: int, output: str) -> None:
        """`output`: its last lines."""
        shown = " ".join(argv[:4]) + (" …" if len(argv) > 4 else "")  # noqa: PLR2004 - enough words to know it by
        super().__init__(f"`{shown}` ended with exit code {code}: {output.strip()[-1500:]}")
        self.output = output


class OwnedElsewhereError(ClusterError):
    """Another checkout has the machine's one cluster."""

    code = "cluster_owned"

    def __init__(self, checkout: object) -> None:
        """`checkout`: the one that has it."""
        super().__init__(
            f"The cluster of this machine belongs to {checkout}; there is one a machine.",
            hint=f"End it there (make -C {checkout} cluster-down), or set CI=true to take it over.",
        )


class NotUpError(ClusterError):
    """A command needs the cluster, and it is not up."""

    code = "cluster_not_up"

    def __init__(self) -> None:
        """Says how to have one."""
        super().__init__("The cluster is not up.", hint="Start it with: make cluster")


class NotHealthyInTimeError(ClusterError):
    """A component did not answer in time; its last log lines are printed by whoever catches this."""

    code = "cluster_unhealthy"

    def __init__(self, what: str, *, seconds: float, reason: str) -> None:
        """`reason`: what the last look said."""
        super().__init__(
            f"{what} was not ready after {seconds:.0f} s: {reason}",
            hint="`make cluster-status` shows every component with its last log lines.",
        )
