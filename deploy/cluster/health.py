"""Whether a component does its work: one question to it, one short answer."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httpx

from deploy.cluster.programs import try_program

if TYPE_CHECKING:
    from pathlib import Path

ANSWER_SECONDS: Final = 3.0
"""A loaded machine of two cores answers within one."""

_HTTP_ERROR: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """An address that answers when a component works: `http(s)://…`, `tcp://host:port`, `unix:///path`,
    or a table of the firewall that it keeps: `nft://family/table`.
    """

    url: str
    ca: str = ""
    """The authority that signed an https address's certificate; "" for one that signed its own."""

    def trouble(self) -> str:
        """Why it does not work; "" when it does."""
        try:
            match urlsplit(self.url).scheme:
                case "http" | "https":
                    return self._ask()
                case "tcp":
                    return self._connect_tcp()
                case "nft":
                    return self._find_table()
                case _:
                    return self._connect_unix()
        except (OSError, httpx.HTTPError) as error:
            return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__

    def _ask(self) -> str:
        answer = httpx.get(self.url, verify=self._trust(), timeout=ANSWER_SECONDS, trust_env=False)
        return "" if answer.status_code < _HTTP_ERROR else f"answers {answer.status_code}: {answer.text[:200]}"

    def _trust(self) -> ssl.SSLContext | bool:
        if not self.url.startswith("https"):
            return False
        if self.ca:
            return ssl.create_default_context(cafile=self.ca)
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # loopback, and the component signs its own certificate
        return context

    def _connect_tcp(self) -> str:
        parts = urlsplit(self.url)
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=ANSWER_SECONDS):
            return ""

    def _find_table(self) -> str:
        parts = urlsplit(self.url)
        table = parts.path.lstrip("/")
        found = try_program("nft", "list", "table", parts.netloc, table)
        return "" if found else f"the firewall's table {table} is not there"

    def _connect_unix(self) -> str:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(ANSWER_SECONDS)
            client.connect(urlsplit(self.url).path)
            return ""


def unix(path: Path) -> HealthCheck:
    """A socket that accepts connections."""
    return HealthCheck(url=f"unix://{path}")
