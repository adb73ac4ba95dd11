"""A domain for each person: what one person's workspace runs in a browser cannot reach another's, or the hub.

JupyterHub promises no protection of people from each other without it.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import idna

from hub.roles import SERVICE

if TYPE_CHECKING:
    from hub.settings import Settings

LABEL = re.compile(r"(?!\d+\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
"""What may stand between two dots of a domain name: no number, for that would read as an address."""

RESERVED = frozenset(
    {
        *("admin", "api", "auth", "autoconfig", "ftp", "grafana", "hub", "id", "identity", "idp", "imap", "login"),
        *("localhost", "mail", "metrics", "ns", "ns1", "ns2", "proxy", "registry", "root", "services", "sign-in"),
        *("smtp", "sso", "static", "status", "studiolo", "support", "wpad", "www"),
    }
)
"""Names below a site that people and machines take for more than somebody's own. A person called so gets another."""

HASH_DIGITS = 20
"""80 bits: nobody finds a second name that leads to the same domain. JupyterHub's own hook takes 28."""

UNPROTECTED = (
    "People are not protected from each other in the browser: everybody's workspace is on this one address, so what "
    "one person's notebook shows can act as whoever looks at it. Give each person a domain: domainPerPerson: true, "
    "with a wildcard name and certificate."
)


def label_of(name: str) -> str:
    """One person's part of the domain name; no two people share one.

    The name itself where it can be one, its IDNA form where it is written in other letters, else a hint and a hash.
    Both other forms have "--" in them, and a name that has "--" itself is always hashed: none can pose as another's.
    """
    if name not in RESERVED and "--" not in name:
        if LABEL.fullmatch(name):
            return name
        if not name.isascii() and (encoded := _idna(name)) is not None and LABEL.fullmatch(encoded):
            return encoded
    hint = "".join(letter for letter in name.lower() if letter.isascii() and letter.isalnum())[:8] or "x"
    return f"u-{hint}--{hashlib.sha256(name.encode()).hexdigest()[:HASH_DIGITS]}"


def domain_of(name: str, domain: str, kind: str) -> str:
    """JupyterHub's hook: the domain of a person or a service below the site's own.

    Our own services process stays on the site's: it is a part of the hub, and shows nothing that people wrote as HTML.
    """
    if kind == "service":
        return domain if name == SERVICE else f"{label_of(name)}--service.{domain}"
    return f"{label_of(name)}.{domain}"


def configure_domains(c: Any, settings: Settings) -> None:
    """Give each person a domain, and the cookies names that no other domain can set; or say that it is off."""
    if settings.domain_per_person:
        c.JupyterHub.subdomain_host = settings.public_url
        c.JupyterHub.subdomain_hook = domain_of
        c.JupyterHub.cookie_host_prefix_enabled = True
    elif settings.kubernetes is not None:
        c.JupyterHub.template_vars["isolation_warning"] = UNPROTECTED


def form_targets(settings: Settings) -> str:
    """Where forms of the hub's pages may lead, for a Content-Security-Policy.

    Starting a workspace and letting somebody into it end with a redirect to its owner's domain, and browsers hold
    that against the form.
    """
    if not settings.domain_per_person:
        return "'self'"
    site = urlsplit(settings.public_url)
    return f"'self' {site.scheme}://*.{site.netloc}"


def domains_problem(*, is_on: bool, public_url: str) -> str:
    """Why there can be no domain for each person; "" when there can, or when none is asked for."""
    if not is_on:
        return ""
    site = urlsplit(public_url)
    host = site.hostname or ""
    if site.scheme != "https":
        return (
            f"With domainPerPerson, publicUrl must be https: browsers take such cookies from nowhere else; "
            f"it is {public_url}"
        )
    if _is_address(host) or "." not in host:
        return (
            "With domainPerPerson, publicUrl needs a name with room below it, such as studiolo.example.org; "
            f"it has {host}"
        )
    if site.path.strip("/"):
        return "With domainPerPerson, publicUrl has no path"
    return ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _idna(name: str) -> str | None:
    try:
        return idna.encode(name).decode("ascii")
    except idna.IDNAError:
        return None
