"""Plain words for what git prints when it gives up: the cause, the way out, and never a login."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studiolo_lab.git_words import LONGEST_QUOTE, explain

HOST = "git.example.org"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("fatal: could not read Username for 'https://x': terminal prompts disabled", f"{HOST} wants a token"),
        ("remote: HTTP Basic: Access denied\nfatal: Authentication failed for 'https://x'", f"{HOST} wants a token"),
        ("fatal: unable to access 'https://x': The requested URL returned error: 403", f"{HOST} wants a token"),
        (
            "git@x: Permission denied (publickey).\nfatal: Could not read from remote repository.",
            "takes none of your SSH",
        ),
        ("Host key verification failed.\nfatal: Could not read from remote repository.", "shows another key"),
        ("remote: Repository not found.\nfatal: repository 'https://x/' not found", "has no such repository"),
        ("ERROR: Repository not found.\nfatal: Could not read from remote repository.", "has no such repository"),
        ("fatal: Remote branch nope not found in upstream origin", "has no such branch"),
        ("fatal: couldn't find remote ref refs/heads/nope", "has no such branch"),
        ("fatal: unable to access 'https://x': Could not resolve host: x", f"There is no server {HOST}"),
        ("ssh: Could not resolve hostname x: Name or service not known", f"There is no server {HOST}"),
        ("ssh: connect to host x port 22: Connection timed out\nfatal: Could not read from remote", "does not answer"),
        ("fatal: unable to access 'https://x': Failed to connect to x port 443", "does not answer"),
        ("error: RPC failed; curl 28 Operation too slow\nfatal: early EOF", "does not answer"),
        ("fatal: the remote end hung up unexpectedly", "broke the connection"),
        (
            "fatal: unable to access 'https://x': SSL certificate problem: self-signed",
            "is not one that is trusted here",
        ),
        ("fatal: write error: No space left on device", "Your home has no room left for it."),
        ("error: file write error: Disk quota exceeded\nfatal: unable to write", "Your home has no room left for it."),
        ("fatal: could not create work tree dir 'x': Permission denied", "Your home cannot be written there."),
        ("[Errno 30] Read-only file system: '/home/jovyan/x'", "Your home cannot be written there."),
        ("fatal: Unable to create '/x/.git/index.lock': File exists.", "Another git is at work in it"),
        ("fatal: transport 'http' not allowed", "neither HTTPS nor SSH"),
        ("fatal: empty ident name (for <x@y>) not allowed", "git config --global user.email"),
        ("Author identity unknown\n\n*** Please tell me who you are.\n", "git config --global user.email"),
        ("", "git gave up without a word."),
        ("warning: x\nfatal: bad thing happened\nhint: y", "git says: fatal: bad thing happened"),
    ],
)
def test_the_cause_is_said_in_plain_words(said: str, words: str) -> None:
    assert words in explain(said, host=HOST)


def test_a_login_in_what_git_says_is_not_repeated() -> None:
    text = explain("fatal: unable to do it with 'https://ada:canary@git.example.org/x'", host=HOST)
    assert "canary" not in text
    assert "ada" not in text


@given(st.text(max_size=2000))
def test_whatever_git_says_there_is_one_short_line(said: str) -> None:
    text = explain(said, host=HOST)
    assert text.isprintable()
    assert 0 < len(text) <= LONGEST_QUOTE + 100
