"""Who there is at the development cluster's identity provider, and what Studiolo is to it. Written once, read by all.

In `.cluster/identity/identity.json`.
"""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from deploy.cluster.certificates import sign_certificate
from deploy.cluster.layout import IDENTITY_HOST, IDENTITY_PORT, NODE_ADDRESS, SITE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from deploy.cluster.layout import Layout

TEAMS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"alice": ("vision",), "bob": ("research",), "carol": ("admins",), "dave": ()}
)
"""Everybody there is. Dave is in no team, so that somebody can be refused."""

NUMBERS: Final[Mapping[str, int]] = MappingProxyType({"alice": 5001, "bob": 5002, "carol": 5003})
"""The claims `uid_number` and `gid_number` of those who have them. Dave has none, so that somebody can be told."""

CLIENT_ID: Final = "studiolo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What an installation and its people need to know."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    passwords: Mapping[str, str] = field(repr=False)


def ensure_identity(layout: Layout) -> None:
    """Make the record and the certificate where there are none. Passwords and secret are new for each cluster."""
    layout.identity.mkdir(mode=0o700, exist_ok=True)
    certificate = layout.pki / f"{IDENTITY_HOST}.crt"
    if not certificate.is_file():
        names = (f"DNS:{IDENTITY_HOST}", f"IP:{NODE_ADDRESS}")  # by its address the health check asks
        sign_certificate(layout, certificate, subject=f"/CN={IDENTITY_HOST}", names=names)
    if not layout.identity_record.is_file():
        save(layout.identity_record, new_record(layout, certificate=certificate))


def new_record(layout: Layout, *, certificate: Path) -> dict[str, Any]:
    """The whole record, as `provider.mjs` reads it."""
    site = f"https://{SITE}"
    return {
        "issuer": f"https://{IDENTITY_HOST}:{IDENTITY_PORT}",
        "address": NODE_ADDRESS,
        "port": IDENTITY_PORT,
        "certificate": str(certificate),
        "key": str(certificate.with_suffix(".key")),
        "signing_key": str(layout.identity / "signing.pem"),
        "client": {
            "id": CLIENT_ID,
            "secret": secrets.token_urlsafe(32),
            "redirect_uris": [f"{site}/hub/oauth_callback"],
            "post_logout_redirect_uris": [f"{site}/hub/signed-out"],
        },
        "people": {
            name: {
                "name": name.title(),
                "password": secrets.token_urlsafe(12),
                "groups": list(teams),
                **({"uid_number": NUMBERS[name], "gid_number": NUMBERS[name]} if name in NUMBERS else {}),
            }
            for name, teams in TEAMS.items()
        },
    }


def load_identity(record: Path) -> Identity:
    """What is written there."""
    facts = json.loads(record.read_text())
    return Identity(
        issuer=facts["issuer"],
        client_id=facts["client"]["id"],
        client_secret=facts["client"]["secret"],
        passwords={name: person["password"] for name, person in facts["people"].items()},
    )


def set_teams(record: Path, name: str, teams: Iterable[str]) -> None:
    """Let the provider say that somebody is in these teams, from now on."""
    facts = json.loads(record.read_text())
    facts["people"][name]["groups"] = list(teams)
    save(record, facts)


def save(record: Path, facts: Mapping[str, Any]) -> None:
    """Write it, for its owner alone, so that a reader sees the old or the new one."""
    descriptor, staged = tempfile.mkstemp(dir=record.parent)
    with os.fdopen(descriptor, "w") as file:
        file.write(json.dumps(facts, indent=2) + "\n")
    Path(staged).replace(record)
