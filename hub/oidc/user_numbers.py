"""Which user and group number a person's files have, from what the identity provider says. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hub.oidc.claims import claim_of
from spawner.errors import NoUserNumber
from spawner.file_owner import FileOwner

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.oidc.settings import AuthSettings
    from hub.settings_cluster import KubernetesSettings

FIRST: Final = 1000
"""Below are the system's own: root, and whatever owns files of the nodes and of the disk with the homes."""

LAST: Final = 2**31 - 1
"""What Kubernetes takes."""

NOBODYS: Final = frozenset({65534, 65535})
"""What systems give to those whom they do not know, and the 16-bit "no number"."""

USER_INFO: Final = "oauth_user"
"""Where OAuthenticator keeps what the provider said."""

SHOWN: Final = 40
"""Characters of a claim that are shown: it may be anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserNumbers:
    """The claims that an installation reads."""

    uid_claim: str
    gid_claim: str
    """"" for one group that is everybody's."""
    shared_uid: int
    """Of the installation itself: it owns the folders of teams, and homes that have no owner of their own yet."""
    shared_gid: int
    contact: str

    def owner_of(self, auth_state: Mapping[str, Any] | None) -> FileOwner:
        """From what is kept of a sign-in. Raises NoUserNumber: nobody gets the number of others instead."""
        claims = (auth_state or {}).get(USER_INFO)
        if not claims:
            raise NoUserNumber(
                "You have not signed in through the identity provider yet, which knows it.", contact=self.contact
            )
        uid = self._number(claims, self.uid_claim)
        if uid == self.shared_uid:
            raise self._refused(self.uid_claim, uid, "which is Studiolo's own (kubernetes.uid)")
        return FileOwner(uid=uid, gid=self._number(claims, self.gid_claim) if self.gid_claim else self.shared_gid)

    def _number(self, claims: Mapping[str, Any], claim: str) -> int:
        said = claim_of(claims, claim)
        if said is None:
            raise NoUserNumber(f"The identity provider does not tell it ({claim}).", contact=self.contact)
        number = number_in(said)
        if number is None or number in NOBODYS:
            raise self._refused(claim, said, f"which is no whole number from {FIRST} to {LAST} that is a person's")
        return number

    def _refused(self, claim: str, said: object, why: str) -> NoUserNumber:
        return NoUserNumber(f"The identity provider says {str(said)[:SHOWN]} ({claim}), {why}.", contact=self.contact)


def user_numbers(auth: AuthSettings, kubernetes: KubernetesSettings) -> UserNumbers | None:
    """What the settings say; None where one number is everybody's."""
    if auth.kind != "oidc" or not auth.oidc.uid_claim:
        return None
    return UserNumbers(
        uid_claim=auth.oidc.uid_claim,
        gid_claim=auth.oidc.gid_claim,
        shared_uid=kubernetes.uid,
        shared_gid=kubernetes.gid,
        contact=auth.oidc.contact,
    )


def number_in(said: object) -> int | None:
    """The number of a person or a group in a claim, also where it is written as text; None where it is none."""
    if isinstance(said, str) and said.isascii() and said.isdigit() and len(said) <= len(str(LAST)):
        said = int(said)
    is_number = isinstance(said, int) and not isinstance(said, bool) and FIRST <= said <= LAST
    return said if is_number and isinstance(said, int) else None
