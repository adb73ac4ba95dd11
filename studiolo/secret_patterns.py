"""What keys, tokens and passwords of known kinds look like."""

from __future__ import annotations

import re
from typing import Final

LONGEST_SEARCHED: Final = 64 * 1024
"""Characters of one text that are searched."""

_SECRET_VALUE = re.compile(
    r"""
      \b(?:AKIA|ASIA)[0-9A-Z]{16}\b                         # Amazon
    | \bgh[pousr]_[A-Za-z0-9]{16,} | \bgithub_pat_\w{16,}     # GitHub
    | \bgl(?:pat|dt|rt|cbt)-[\w-]{16,}                        # GitLab
    | \bhf_[A-Za-z0-9]{16,}                                   # Hugging Face
    | \bsk-[\w-]{16,}                                         # OpenAI, Anthropic and others
    | \bxox[a-z]-[\w-]{8,}                                    # Slack
    | \bAIza[\w-]{30,} | \bya29\.[\w-]{16,}                   # Google
    | \b(?:npm_|pypi-|dckr_pat_|dapi)[A-Za-z0-9_-]{24,}       # registries, Databricks
    | -----BEGIN[ ][A-Z ]{0,30}PRIVATE[ ]KEY                       # PEM
    | \beyJ[\w-]{8,999}\.eyJ[\w-]{8,999}\.                       # JSON Web Token
    | \b[a-z][a-z0-9+.-]{0,30}://[^/\s:@]{0,99}:[^/\s@]{1,299}@           # a password in an address
    | \b(?:Bearer|Basic)[ ][\w.~+/=-]{16,}                    # an HTTP header
    """,
    re.VERBOSE | re.ASCII,
)
"""Every repetition inside is bounded, so that no text keeps anybody busy."""


def looks_like_secret(text: str) -> bool:
    """Whether a text holds what has the form of a known kind of key, token or password."""
    return _SECRET_VALUE.search(text[:LONGEST_SEARCHED]) is not None
