"""Ours: `studiolo up` on a data directory of its own, with one software already installed."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import httpx

from bench.stock import CHECKOUT, free_ports

if TYPE_CHECKING:
    from collections.abc import Iterable

ENVIRONMENT = "minimal"
STUDIOLO = Path(sys.executable).parent / "studiolo"


@dataclass(slots=True, kw_only=True)
class StudioloHub:
    """A running Studiolo; `with` starts and ends it."""

    folder: Path
    catalog: Path = CHECKOUT
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where its proxy answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What `studiolo up` prints."""
        return self.folder / "up.log"

    @property
    def data(self) -> Path:
        """Its data directory."""
        return self.folder / "data"

    @property
    def hub_log(self) -> Path:
        """What its hub prints."""
        return self.data / "logs" / "hub.log"

    def build_environment(self) -> None:
        """Install the software ahead: the benchmark times starts, not downloads."""
        subprocess.run(
            [STUDIOLO, "environment", "build", ENVIRONMENT, "--data", self.data, "--catalog", self.catalog], check=True
        )

    def __enter__(self) -> Self:
        """Start proxy, hub and services."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.port,) = free_ports(1)
        places = ["--port", str(self.port), "--data", str(self.data), "--catalog", str(self.catalog)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [str(STUDIOLO), "up", "--allow-root", *places],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        return self

    def __exit__(self, *_: object) -> None:
        """End all of it."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=60)

    def administrator_token(self) -> str:
        """A token of `admin`, made as a person would: sign in, then ask for one."""
        password = subprocess.run(
            [STUDIOLO, "password", "--data", self.data], check=True, capture_output=True, text=True
        ).stdout.splitlines()[-1]
        with httpx.Client(base_url=self.url, follow_redirects=True, timeout=30) as http:
            http.get("/hub/login")
            form = {"username": "admin", "password": password, "_xsrf": http.cookies["_xsrf"]}
            http.post("/hub/login", data=form).raise_for_status()
            answer = http.post(
                "/hub/api/users/admin/tokens",
                json={"note": "bench", "expires_in": 3600},
                headers={"X-XSRFToken": http.cookies.get("_xsrf", path="/hub/") or http.cookies["_xsrf"]},
            )
            answer.raise_for_status()
            return str(answer.json()["token"])


_READY = re.compile(r"The workspace \S+ is ready: (?P<phases>.+)$")
_PHASE = re.compile(r"(?P<name>\w+) (?P<seconds>[\d.]+) s")


def phases_from_log(lines: Iterable[str]) -> dict[str, float]:
    """Seconds of each phase of the last start that the hub's log tells of; {} when it tells of none."""
    found: dict[str, float] = {}
    for line in lines:
        if ready := _READY.search(line):
            found = {phase["name"]: float(phase["seconds"]) for phase in _PHASE.finditer(ready["phases"])}
    return found
