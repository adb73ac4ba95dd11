"""Why git failed, in plain words with the way out. Pure."""

from __future__ import annotations

import re
from typing import Final

LONGEST_QUOTE: Final = 200

_WORDS: Final = (
    (
        ("REMOTE HOST IDENTIFICATION HAS CHANGED", "Host key verification failed"),
        (
            "{host} shows another key than the one that is known of it, or none that can be believed. "
            "Ask whoever runs it, then forget the old one in a terminal: ssh-keygen -R {host}"
        ),
    ),
    (
        (r"Permission denied \(", "no supported authentication methods"),
        (
            "{host} takes none of your SSH keys. Make one under Credentials and give {host} its public half, "
            "or choose it for this workspace."
        ),
    ),
    (
        (
            *("Authentication failed", "could not read Username", "could not read Password"),
            *("terminal prompts disabled", "returned error: 40[13]", "Access denied"),
        ),
        (
            "{host} wants a token, or does not take yours. Save one under Credentials (git over HTTPS), "
            "or choose it for this workspace."
        ),
    ),
    (
        ("Remote branch .* not found", "couldn't find remote ref"),
        "{host} has no such branch any more, or never had it.",
    ),
    (
        ("Could not resolve host", "Name or service not known", "name resolution", "No address associated"),
        "There is no server {host}, or no way to it from here. Look at the address.",
    ),
    (
        (
            *("Connection refused", "Connection reset", "Failed to connect", "Couldn't connect", "Could not connect"),
            *("timed out", "No route", "unreachable", "Operation too slow", r"returned error: 5\d\d", "Empty reply"),
        ),
        "{host} does not answer. Try again later.",
    ),
    (
        ("certificate", "SSL_ERROR", "SSL peer", "gnutls_handshake"),
        "The certificate of {host} is not one that is trusted here. GIT_SSL_CAINFO can name the file of its authority.",
    ),
    (
        (
            *("repository .*not found", "returned error: 404", "does not appear to be a git repository"),
            *("project you were looking", "Could not read from remote repository"),
        ),
        (
            "{host} has no such repository, or does not show it to you. Look at the address; "
            "one that is not public needs a credential of yours (Credentials)."
        ),
    ),
    (
        ("No space left on device", "Disk quota exceeded", "File too large"),
        "Your home has no room left for it. Remove what you do not need, and start again.",
    ),
    (
        (r"\.lock': File exists", "Another git process"),
        (
            "Another git is at work in it, or one was ended in the midst of its work. "
            "If none runs any more, remove .git/index.lock there."
        ),
    ),
    (
        ("Read-only file system", "could not create", "unable to create", "Permission denied"),
        "Your home cannot be written there.",
    ),
    (
        ("transport '.*' not allowed", "Protocol .* not supported"),
        "{host} leads to an address that is neither HTTPS nor SSH, which is refused.",
    ),
    (
        ("Please tell me who you are", "unable to auto-detect email", "empty ident name"),
        "git does not know whose commits yours are. In a terminal: git config --global user.email YOU@EXAMPLE.ORG",
    ),
    (
        ("hung up", "early EOF", "unexpected disconnect"),
        "{host} broke the connection. Try again later.",
    ),
)
"""The first that matches counts: what is said of the cause comes before what follows from it."""

_CAUSES: Final = tuple((re.compile("|".join(patterns), re.IGNORECASE), words) for patterns, words in _WORDS)
_LOGIN: Final = re.compile(r"//[^/@\s]*@")


def explain(said: str, *, host: str) -> str:
    """One or two sentences for what git printed when it gave up."""
    for pattern, words in _CAUSES:
        if pattern.search(said):
            return words.format(host=host)
    return f"git says: {_quoted(said)}" if said.strip() else "git gave up without a word."


def _quoted(said: str) -> str:
    """Its last line that names an error, short, printable, and without what may be a login."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("fatal:", "error:"))]
    text = _LOGIN.sub("//", (errors or lines)[-1])
    return "".join(character for character in text if character.isprintable())[:LONGEST_QUOTE]
