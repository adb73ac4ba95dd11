"""Where a hub is: from what people paste, or from what a workspace is told."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from studiolo.client_errors import AddressInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVICE_PATH = "/services/studiolo"
"""The prefix of our services behind the hub's proxy."""

_NOT_PART_OF_THE_BASE = frozenset({"hub", "user", "services"})
"""The hub's own first path parts: an address copied from the browser ends before them."""

_HINT = "Give it as the browser shows it, such as http://127.0.0.1:8000"


@dataclass(frozen=True, slots=True, kw_only=True)
class HubAddress:
    """The addresses of one hub, none of them with a slash at the end."""

    public: str
    """What people open, and the name under which a token is kept."""
    hub_api: str
    services_api: str
    is_inside: bool = False
    """Whether both are asked where they run, past whatever stands between people and them."""

    @classmethod
    def parse(cls, text: str) -> HubAddress:
        """The hub that somebody means: `127.0.0.1:8000`, `https://x.org/hub/home`, `https://x.org/jupyter/`.

        Raises AddressInvalid.
        """
        base = _base(text)
        return cls(public=base, hub_api=f"{base}/hub/api", services_api=f"{base}{SERVICE_PATH}/api")

    @classmethod
    def of_workspace(cls, environ: Mapping[str, str]) -> HubAddress:
        """The hub that started this workspace: it and its services directly, where that is told; links as people's."""
        api = environ["JUPYTERHUB_API_URL"].rstrip("/")
        public = _base(environ.get("JUPYTERHUB_PUBLIC_HUB_URL") or api)
        services = environ.get("STUDIOLO_SERVICES_URL", "").rstrip("/")
        return cls(
            public=public,
            hub_api=api,
            services_api=f"{services or public}{SERVICE_PATH}/api",
            is_inside=bool(services),
        )

    @property
    def is_loopback(self) -> bool:
        """Whether the hub runs on this machine."""
        return is_loopback(urlsplit(self.hub_api).hostname or "")

    @property
    def is_private(self) -> bool:
        """Whether a token sent there can be read by nobody on the way: encrypted, or on this machine."""
        return self.hub_api.startswith("https:") or self.is_loopback

    def absolute(self, path: str) -> str:
        """A link for people from a path the hub gave: `/user/alice/` -> `http://127.0.0.1:8000/user/alice/`."""
        if "://" in path:
            return path
        parts = urlsplit(self.public)
        return f"{parts.scheme}://{parts.netloc}{path}"


def is_loopback(host: str) -> bool:
    """Whether a host name means this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _base(text: str) -> str:
    parts = _split(text.strip())
    path: list[str] = []
    for part in parts.path.split("/"):
        if part in _NOT_PART_OF_THE_BASE:
            break
        if part:
            path.append(part)
    return "/".join([f"{parts.scheme}://{parts.netloc}", *path])


def _split(text: str) -> SplitResult:
    refused = AddressInvalid(f'"{text[:100]}" is not the address of a hub.', hint=_HINT)
    if not text.isprintable() or " " in text:
        raise refused
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        if not parts.scheme:
            parts = parts._replace(scheme="http" if is_loopback(parts.hostname or "") else "https")
        has_host = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        raise refused from None
    if parts.scheme not in {"http", "https"} or not has_host:
        raise refused
    if "@" in parts.netloc:
        raise AddressInvalid("The address holds a user name or password.", hint="Leave it out; sign in with a token.")
    return parts
