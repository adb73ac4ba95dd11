"""Why `studiolo up` does not start, or stops."""

from __future__ import annotations

from studiolo.errors import StudioloError


class StoppedEarlyError(Exception):
    """Somebody asked us to stop while we were still starting."""


class UpError(StudioloError):
    """Studiolo cannot run on this machine as it was asked to."""

    code = "up_refused"


class NotLoopbackError(UpError):
    """Somebody asked to listen where other machines reach us, and did not say that they know what that means."""

    code = "up_not_loopback"

    def __init__(self, host: str, reason: str) -> None:
        """`reason`: what would happen, as the end of a sentence."""
        super().__init__(
            f"--host {host} is reachable from other machines, and {reason}.",
            hint="Stay on 127.0.0.1 (an SSH tunnel reaches it), or add --i-understand-there-is-no-isolation.",
        )


class RootNotAllowedError(UpError):
    """Root on an address that other machines reach needs a second word."""

    code = "up_root"

    def __init__(self, host: str) -> None:
        """`host` is what was asked for."""
        super().__init__(
            f"Everybody who signs in would be root on this machine, and --host {host} lets other machines try.",
            hint="Start it as an ordinary user, or add --allow-root.",
        )


class CatalogRefusedError(UpError):
    """The catalogs have errors; each was printed as `studiolo catalog check` prints it."""

    code = "up_catalog_refused"

    def __init__(self, directory: object, *, problems: int) -> None:
        """`problems`: how many were printed."""
        count = "1 problem" if problems == 1 else f"{problems} problems"
        super().__init__(
            f"The catalog in {directory} has {count}, so there is nothing to offer.",
            hint=f"Correct the lines above; `studiolo catalog check {directory}` looks at them again.",
        )


class DataDirectoryInUseError(UpError):
    """A second `studiolo up` on the same data directory."""

    code = "up_already_running"

    def __init__(self, directory: object, *, pid: int | None, address: str) -> None:
        """`pid` and `address` of the one that runs, as far as it has written them down."""
        where = f" as process {pid}" if pid else ""
        at = f", at {address}" if address else ""
        super().__init__(
            f"Studiolo runs already on {directory}{where}{at}.",
            hint="Open that address, stop it there with Ctrl-C, or use another directory: --data DIR.",
        )


class DataDirectoryError(UpError):
    """The data directory cannot be used."""

    code = "up_data_directory"


class PortTakenError(UpError):
    """Another program listens where people should find us."""

    code = "up_port_taken"

    def __init__(self, host: str, port: int, *, reason: str, free: int | None) -> None:
        """`free`: the next port that nobody uses."""
        super().__init__(
            f"Port {port} on {host} cannot be used: {reason}.",
            hint=f'Use another one: make up ARGS="--port {free}"' if free else "Use another one: --port NUMBER.",
        )


class ProgramMissingError(UpError):
    """The proxy or its Node.js is not installed."""

    code = "up_program_missing"


class ProcessFailedError(UpError):
    """A process of ours ended, or never answered, before Studiolo was ready."""

    code = "up_process_failed"

    def __init__(self, name: str, *, how: str, log: object, log_tail: tuple[str, ...]) -> None:
        """`how`: what it did, as the end of a sentence; `log_tail`: its last lines."""
        super().__init__(f"The {name} process {how}.", hint=f"Its last lines stand above; the whole log is {log}.")
        self.log_tail = log_tail
