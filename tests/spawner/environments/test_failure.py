"""The reason uv gives, in one or two plain sentences."""

from __future__ import annotations

import pytest

from spawner.environment_failure import LOG_TAIL_LINES, explain

RESOLUTION = "error: No solution found when resolving dependencies"

CASES = {
    "no wheel": (
        [
            RESOLUTION,
            "  cause: Because docopt==0.6.2 has no usable wheels and you require docopt==0.6.2, we can conclude that …",
            "hint: Wheels are required for `docopt` because building from source is disabled",
        ],
        "docopt==0.6.2 cannot be installed here: it has no wheel for this Python, and nothing is compiled.",
    ),
    "another hash": (
        ["error: Failed to download `idna==3.20`", "  cause: Hash mismatch for `idna==3.20`"],
        "What the package index sent as idna==3.20 is not what was locked: its hash is another one.",
    ),
    "no such package": (
        [RESOLUTION, "  cause: Because nosuch was not found in the package registry and you require nosuch==1, …"],
        "The package index has no package nosuch.",
    ),
    "no such version": (
        [RESOLUTION, "  cause: Because there is no version of idna==99.1 and you require idna==99.1, …"],
        "The package index has no idna==99.1.",
    ),
    "no hash": (
        ["error: In `--require-hashes` mode, all must have a hash, but none were provided for: idna==3.20"],
        "The lock has no hash for idna==3.20.",
    ),
    "full disk": (
        [
            "error: Failed to write to the client cache",
            "  cause: failed to write to file `/cache/x`: No space left on device (os error 28)",
        ],
        "The disk is full.",
    ),
    "no index": (
        [
            "error: Request failed after 3 retries in 6.4s",
            "  cause: Failed to fetch: http://index.example.org:9/simple/idna/",
            "  cause: Connection refused (os error 111)",
        ],
        "The package index at http://index.example.org:9 could not be reached.",
    ),
    "anything else": (
        ["Resolved 3 packages in 3ms", "error: Something new:", "  cause: one thing", "  cause: the innermost thing."],
        "Something new. the innermost thing.",
    ),
    "nothing said": ([], "The installer ended with exit code 9."),
}


@pytest.mark.parametrize(("log", "reason"), CASES.values(), ids=CASES)
def test_what_uv_said_becomes_a_sentence_with_a_way_out(log: list[str], reason: str) -> None:
    failure = explain(log, exit_code=9)
    assert failure.reason == str(failure) == reason
    assert failure.hint
    assert failure.log_tail == tuple(log)


def test_only_the_end_of_a_long_log_is_kept() -> None:
    failure = explain([f"line {number}" for number in range(500)], exit_code=1)
    assert len(failure.log_tail) == LOG_TAIL_LINES
    assert failure.log_tail[-1] == "line 499"
