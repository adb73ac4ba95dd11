"""Everything that must be right before the first process is started, decided and written down."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from deploy.local.errors import (
    CatalogRefusedError,
    DataDirectoryError,
    NotLoopbackError,
    PortTakenError,
    RootNotAllowedError,
)
from deploy.local.plans import HUB, PROXY, SERVICES, plan_processes
from deploy.local.ports import LOOPBACK, free_port, is_loopback, next_free_port, why_not_free
from deploy.local.run_record import DataDirectoryLock, RunRecord, load_record, record_path, save_record
from hub.keys import ensure_keys
from hub.passwords import PasswordFile
from hub.settings import effective
from spawner.catalogs import CatalogHolder
from studiolo.errors import CatalogError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from deploy.local.processes import ProcessPlan
    from deploy.local.reporting import Reporter
    from hub.settings import Settings
    from spawner.data_directory import DataDirectory


@dataclass(frozen=True, slots=True, kw_only=True)
class InnerAddress:
    """One of the loopback addresses between our own processes."""

    name: str
    """In `up.json`."""
    setting: str
    above_public: int
    """How far above the public port `hub/settings.py` puts it when nobody sets it."""

    def address_in(self, settings: Settings) -> tuple[str | None, int]:
        """Host and port as these settings have them."""
        if self.name == HUB:
            return LOOPBACK, settings.hub.port
        url = urlsplit(settings.services.url if self.name == SERVICES else settings.proxy.api_url)
        return url.hostname, url.port or 0


INNER_ADDRESSES = (
    InnerAddress(name=HUB, setting="hub.port", above_public=2),
    InnerAddress(name="proxy-api", setting="proxy.apiUrl", above_public=1),
    InnerAddress(name=SERVICES, setting="services.url", above_public=3),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpOptions:
    """What `studiolo up` was asked for; None where nothing was said."""

    data: Path
    port: int | None = None
    host: str | None = None
    catalog: Path | None = None
    simulate_gpus: int | None = None
    allow_root: bool = False
    accepts_no_isolation: bool = False

    def overrides(self) -> dict[str, Any]:
        """The flags by the names of the settings they override."""
        return {
            "proxy.port": self.port,
            "proxy.host": self.host,
            "catalogDirectory": self.catalog.absolute() if self.catalog else None,
            "gpus.simulate": self.simulate_gpus,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """All that starting needs."""

    settings: Settings
    catalogs: CatalogHolder
    plans: tuple[ProcessPlan, ...]
    record: RunRecord
    """Of this run: its ports and no processes yet."""
    admin_password: str
    is_first_run: bool


def check_exposure(settings: Settings, options: UpOptions, *, is_root: bool) -> str | None:
    """A warning to show, or None. Raises when other machines could reach what only this one should."""
    host = settings.proxy.host
    if not is_loopback(host):
        if not options.accepts_no_isolation:
            raise NotLoopbackError(
                host,
                "everybody who signs in can read the files and end the processes of everybody else: "
                "workspaces on one machine all run as the same user",
            )
        if is_root and not options.allow_root:
            raise RootNotAllowedError(host)
    if is_root and not options.allow_root:
        # Refusing here as well would stop the newcomer in a container, where root is the only user, for no gain:
        # nobody but this machine's root can reach a loopback address that root opened and has the password of.
        return (
            "Started by root: every workspace runs as root, so a notebook may change anything on this machine. "
            "--allow-root says that this is meant."
        )
    return None


@contextmanager
def locked(data: DataDirectory) -> Iterator[RunRecord]:
    """The data directory, made if need be and for us alone; gives what the `up` before us wrote down."""
    try:
        for folder in (data.root, data.run, data.logs, data.homes, data.workspaces, data.environments):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = DataDirectoryLock(data.root, record=record_path(data))
        lock.acquire()
    except OSError as error:
        raise DataDirectoryError(
            f"The data directory {data.root} cannot be used: {error.strerror} ({error.filename}).",
            hint="Choose another one: --data DIR.",
        ) from error
    try:
        yield load_record(record_path(data))
    finally:
        lock.release()


def prepare(options: UpOptions, *, previous: RunRecord, env: Mapping[str, str], reporter: Reporter) -> Prepared:
    """Check what was asked for and write down what the processes need. Nothing is started here."""
    asked = effective(options.data, options.overrides())
    if (warning := check_exposure(asked, options, is_root=os.geteuid() == 0)) is not None:
        reporter.warning(warning)
    with reporter.step("catalog") as step:
        catalogs = _load_catalogs(asked.catalog_directory, reporter)
        offered = catalogs.current
        step.detail = f"{len(offered.environments)} environments, {len(offered.hardware)} hardware"
    with reporter.step("keys"):
        keys = ensure_keys(asked.data)
        passwords = PasswordFile.of(asked.data)
        is_first_run = not asked.data.admin_password.exists()
        password = passwords.ensure_admin()
    with reporter.step("ports") as step:
        settings = with_free_ports(options, asked, previous)
        ports = _ports(settings)
        step.detail = f"{settings.proxy.host}:{ports[PROXY]}"
    settings.write(settings.data.effective_settings)
    record = RunRecord(pid=os.getpid(), address=settings.public_url, ports=ports)
    save_record(record_path(settings.data), record)
    return Prepared(
        settings=settings,
        catalogs=catalogs,
        plans=plan_processes(settings, keys, env),
        record=record,
        admin_password=password,
        is_first_run=is_first_run,
    )


def with_free_ports(options: UpOptions, asked: Settings, previous: RunRecord) -> Settings:
    """The settings with inner ports that are free. Raises PortTakenError when the public one is not.

    A port that an operator set stays; else the one of last time, which running workspaces remember; else the usual.
    """
    host, public = asked.proxy.host, asked.proxy.port
    if (reason := why_not_free(host, public)) is not None:
        raise PortTakenError(host, public, reason=reason, free=next_free_port(host, public))
    overrides = options.overrides()
    taken = {public}
    for inner in INNER_ADDRESSES:
        usual = public + inner.above_public
        if inner.address_in(asked) != (LOOPBACK, usual):
            continue  # an operator's own choice: taken at its word
        port = free_port(previous.ports.get(inner.name), usual, taken=frozenset(taken))
        taken.add(port)
        overrides[inner.setting] = port if inner.setting == "hub.port" else f"http://{LOOPBACK}:{port}"
    return effective(options.data, overrides)


def _ports(settings: Settings) -> dict[str, int]:
    inner = {address.name: address.address_in(settings)[1] for address in INNER_ADDRESSES}
    return {PROXY: settings.proxy.port, **inner}


def _load_catalogs(directory: Path, reporter: Reporter) -> CatalogHolder:
    """The catalogs, to be watched. Problems are printed as `studiolo catalog check` prints them; errors stop us."""
    try:
        catalogs = CatalogHolder(directory, log=_unheard_log())
    except CatalogError as error:
        for problem in error.problems:
            reporter.plain(str(problem))
        raise CatalogRefusedError(directory, problems=len(error.problems)) from None
    for problem in catalogs.status.problems:
        reporter.plain(str(problem))
    return catalogs


def _unheard_log() -> logging.Logger:
    """For the holder: what it would log, we print."""
    log = logging.getLogger("studiolo.up.catalogs")
    log.addHandler(logging.NullHandler())
    log.propagate = False
    return log
