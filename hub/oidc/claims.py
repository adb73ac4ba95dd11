"""Who somebody is and which teams they are in, from what the provider says. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_NAME_LENGTH = 64
NAME = re.compile(r"[\w.@+-]+( [\w.@+-]+)*")
"""Letters of any script, digits, and what e-mail addresses need: as for people with a password."""

TEAM = re.compile(r"[^\x00-\x1f\x7f]{1,255}")
"""What JupyterHub's table of groups holds. Others are left out rather than cut: two might become one."""


def name_of(claims: Mapping[str, Any], claim: str) -> str | None:
    """The person's name as the provider writes it; None when it gives none that can be trusted."""
    name = claims.get(claim)
    if not isinstance(name, str) or not name:
        return None
    if claim == "email" and claims.get("email_verified") is not True:
        return None  # whoever may type in any address would be anybody
    return name


def is_sensible_name(name: str) -> bool:
    """Whether somebody can be called this: short, readable, one line."""
    return len(name) <= MAX_NAME_LENGTH and NAME.fullmatch(name) is not None


def teams_of(claims: Mapping[str, Any], claim: str) -> frozenset[str]:
    """The person's teams; whatever is no team's name is left out."""
    told = claim_of(claims, claim)
    names = [told] if isinstance(told, str) else told if isinstance(told, list) else []
    return frozenset(name for name in names if isinstance(name, str) and TEAM.fullmatch(name))


def claim_of(claims: Mapping[str, Any], claim: str) -> Any:
    """The claim of exactly this name, else the one that the dots lead to; None where nothing is said."""
    if claim in claims:
        return claims[claim]
    found: Any = claims
    for part in claim.split("."):
        if not isinstance(found, dict) or part not in found:
            return None
        found = found[part]
    return found
