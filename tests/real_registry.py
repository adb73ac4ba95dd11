"""Debian's docker-registry on loopback, that a test can kill and start again."""

from __future__ import annotations

import shutil
import socket
import subprocess
from typing import TYPE_CHECKING, Self

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType


class RealRegistry:
    """One, with an address and a folder of its own."""

    def __init__(
        self,
        folder: Path,
        *,
        people: Mapping[str, str] | None = None,
        certificate: Path | None = None,
        address: str = "127.0.0.1",
    ) -> None:
        """`people`: who may come in, with the bcrypt hash of their password; None: everybody.

        `certificate`: of TLS, with its key beside it, as `.key`; None: plain HTTP.
        """
        found = shutil.which("docker-registry")
        if found is None:
            pytest.fail("docker-registry is not installed: sudo apt-get install docker-registry")
        self._program: str = found
        with socket.create_server((address, 0)) as taken:
            self.host = f"{address}:{taken.getsockname()[1]}"
        self.url = f"http://{self.host}" if certificate is None else f"https://{self.host}"
        self._settings = folder / "registry.yml"
        auth = ""
        if people is not None:
            known = folder / "people"
            known.write_text("".join(f"{name}:{hashed}\n" for name, hashed in people.items()))
            auth = f"auth: {{htpasswd: {{realm: models, path: '{known}'}}}}\n"
        tls = ""
        if certificate is not None:
            tls = f", tls: {{certificate: '{certificate}', key: '{certificate.with_suffix('.key')}'}}"
        self._settings.write_text(
            f"version: 0.1\nlog: {{level: warn}}\nhttp: {{addr: '{self.host}'{tls}}}\n"
            f"{auth}storage: {{filesystem: {{rootdirectory: '{folder / 'registry'}'}}, delete: {{enabled: true}}}}\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns once it answers."""
        self._process = subprocess.Popen([self._program, "serve", self._settings], stderr=subprocess.DEVNULL)
        transport = httpx.HTTPTransport(retries=9, verify=False)  # half a second, then twice …
        with httpx.Client(transport=transport, trust_env=False, timeout=30) as client:
            client.get(f"{self.url}/v2/")

    def kill(self) -> None:
        """As a machine loses power."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()
