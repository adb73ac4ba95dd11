"""A real PostgreSQL server of a test's own: Debian's programs, a free port, nothing is kept. Tests stop and hold it."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psutil
import psycopg

from deploy.cluster.debian import postgresql_programs
from deploy.local.ports import free_port

if TYPE_CHECKING:
    from types import TracebackType

PATIENCE_SECONDS = 90.0
"""For a server to answer, on a machine that is busy and cold."""

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",  # nothing is kept that a power cut could take
    "max_connections": "60",
    "shared_buffers": "16MB",
    "max_wal_size": "64MB",
}


class PostgresServer:
    """Runs from `with` to its end. PostgreSQL refuses root, so root runs it as the user `postgres` of its package."""

    def __init__(self) -> None:
        if not any(Path("/usr/lib/postgresql").glob("*/bin/postgres")):
            raise AssertionError("PostgreSQL is not installed: sudo apt-get install postgresql")
        self.port = free_port()
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            self._as = {"user": "postgres", "group": "postgres", "extra_groups": []}
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        self._log = self._folder / "log"
        self._programs = postgresql_programs()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            if self._as:
                shutil.chown(self._folder, "postgres", "postgres")
            own = ("--username=studiolo", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8")
            subprocess.run(
                [self._programs / "initdb", "-D", self._folder / "data", *own],
                check=True,
                capture_output=True,
                cwd="/",
                **self._as,
            )
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def url(self, database: str = "postgres") -> str:
        """Its address as SQLAlchemy reads it."""
        return f"postgresql://studiolo@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The address of an empty database."""
        name = f"test_{secrets.token_hex(4)}"
        self.run(f"CREATE DATABASE {name}")
        return self.url(name)

    def run(self, statement: str, *, database: str = "postgres") -> list[tuple[Any, ...]]:
        """What a statement answers, outside of any transaction."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def start(self) -> None:
        """Starts the server, and waits until it answers."""
        settings = [f"-c{name}={value}" for name, value in SETTINGS.items()]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._folder / "data", f"-p{self.port}", *settings],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                **self._as,
            )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            with contextlib.suppress(psycopg.OperationalError):
                self.run("SELECT 1")
                return
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"PostgreSQL does not answer:\n{self._log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Ends it in order, at once: what is connected is cut off."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Ends all its processes as a power cut does."""
        for process in self._processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._end(signal.SIGKILL)

    def hold(self) -> None:
        """It falls silent: connections stay open, new ones are taken, and nobody answers."""
        for process in self._processes():
            process.suspend()

    def release(self) -> None:
        """It goes on where it was held."""
        for process in reversed(self._processes()):
            process.resume()

    def close(self) -> None:
        """Ends it, and forgets everything."""
        if self._process is not None:
            self.release()
            self.stop()
        shutil.rmtree(self._folder)

    def _processes(self) -> list[psutil.Process]:
        """The server first: it starts no more while the others are looked at."""
        if self._process is None or self._process.poll() is not None:
            return []
        server = psutil.Process(self._process.pid)
        return [server, *server.children(recursive=True)]

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        process.wait(PATIENCE_SECONDS)
