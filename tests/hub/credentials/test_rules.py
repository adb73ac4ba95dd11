"""Which credentials are refused, and in which words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hub.credentials.credential import MOST_CREDENTIALS, Credential, Owner, Purpose
from hub.credentials.rules import (
    LONGEST_FILE_BYTES,
    LONGEST_LINE_BYTES,
    TOOLS,
    problems_with_name,
    problems_with_places,
    problems_with_purpose,
    problems_with_value,
    tidy,
)
from spawner.credentials import CredentialKind

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
ENV, FILE, GIT = CredentialKind.ENV, CredentialKind.FILE, CredentialKind.GIT
SSH, INDEX, CLOUD = CredentialKind.SSH_KEY, CredentialKind.PACKAGE_INDEX, CredentialKind.CLOUD


ALICE = Owner.person("alice")


def known(name: str, *, env: tuple[str, ...] = (), files: tuple[str, ...] = ()) -> Credential:
    return Credential(
        owner=ALICE,
        name=name,
        purpose=Purpose(kind=ENV),
        always=True,
        env=env,
        files=files,
        public_key="",
        fingerprint="",
        created=NOON,
        changed=NOON,
    )


@pytest.mark.parametrize(
    "purpose",
    [
        Purpose(kind=ENV, variable="HF_TOKEN"),
        Purpose(kind=FILE, path="kaggle.json"),
        Purpose(kind=FILE, path="~/.kaggle/kaggle.json"),
        Purpose(kind=GIT, host="git.example.org:8443", user="alice"),
        Purpose(kind=SSH),
        Purpose(kind=INDEX, tool="pip", url="https://packages.example.org/simple/"),
        Purpose(kind=INDEX, tool="npm", url="https://packages.example.org/npm/", user="alice"),
        Purpose(kind=CLOUD, tool="aws"),
    ],
    ids=lambda purpose: f"{purpose.kind} {purpose.title}",
)
def test_an_ordinary_credential_is_fine(purpose: Purpose) -> None:
    assert problems_with_purpose(purpose) == []


@pytest.mark.parametrize(
    "variable",
    [
        *("PATH", "LD_PRELOAD", "LD_LIBRARY_PATH", "PYTHONPATH", "HOME", "JUPYTERHUB_API_TOKEN", "BASH_ENV"),
        *("NVIDIA_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES", "STUDIOLO_ENVIRONMENT", "KUBERNETES_SERVICE_HOST"),
    ],
)
def test_a_variable_that_could_break_or_endanger_a_workspace_is_refused_with_the_reason(variable: str) -> None:
    [problem] = problems_with_purpose(Purpose(kind=ENV, variable=variable))
    assert problem.startswith("variable: reserved: it could break the workspace or reach past it.")


@pytest.mark.parametrize("variable", ["1A", "A-B", "A=B", "A B", "Ä", "A\n", "x" * 101])
def test_what_is_not_the_name_of_a_variable_is_refused(variable: str) -> None:
    assert problems_with_purpose(Purpose(kind=ENV, variable=variable))


@pytest.mark.parametrize(
    "path",
    [
        *("/etc/passwd", "../x", "a/../../x", "~/../bob/x", "~//x", "a//b", "a/", "~/", "~", "~bob/x", ".", "./a"),
        *("a b", "a\nb", "a\0b", "ä", "x" * 201, "%2e%2e/x", "a\\b", "-rf"),
    ],
)
def test_a_file_stays_below_the_home_or_the_folder_of_credentials(path: str) -> None:
    [problem] = problems_with_purpose(tidy(Purpose(kind=FILE, path=path)))
    assert problem.startswith("path: ")


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("/run/credentials/kaggle.json", "kaggle.json"),
        ("/home/jovyan/.kaggle/kaggle.json", "~/.kaggle/kaggle.json"),
        ("/run/credentials/../x", "../x"),
    ],
)
def test_whole_paths_mean_the_same_as_short_ones(written: str, means: str) -> None:
    assert tidy(Purpose(kind=FILE, path=written)).path == means


@pytest.mark.parametrize("host", ["", "https://x", "a/b", "a b", "a@b", "-a", "a..b", "a:999999", "a\n"])
def test_a_git_server_is_a_name(host: str) -> None:
    [problem] = problems_with_purpose(Purpose(kind=GIT, host=host, user="alice"))
    assert problem.startswith("host: ")


@pytest.mark.parametrize(
    "url",
    ["packages", "file:///x", "https://u:p@x/", "https://x/?q", "https://x/#f", "https://[", "https://x:y/", "x y"],
)
def test_a_package_index_is_an_address_without_a_password(url: str) -> None:
    [problem] = problems_with_purpose(Purpose(kind=INDEX, tool="pip", url=url))
    assert problem.startswith("url: ")


def test_every_missing_field_and_every_field_too_many_is_named() -> None:
    assert problems_with_purpose(Purpose(kind=GIT, path="x")) == [
        "host: needed for the kind git.",
        "user: needed for the kind git.",
        "path: not for the kind git.",
    ]


@pytest.mark.parametrize("kind", TOOLS)
def test_an_unknown_tool_is_answered_with_those_that_are_known(kind: CredentialKind) -> None:
    url = "https://x/" if kind is INDEX else ""
    assert problems_with_purpose(Purpose(kind=kind, tool="cargo", url=url)) == [
        f"tool: one of {', '.join(TOOLS[kind])}."
    ]


@pytest.mark.parametrize("name", ["", "A", "a--b", "-a", "a/b", "..", "a" * 41, "ä", "a.b", "1a", "a\n"])
def test_a_name_is_a_slug(name: str) -> None:
    [problem] = problems_with_name(name, ALICE, [])
    assert problem.startswith("name: use ")


def test_a_name_that_is_taken_is_refused_and_there_is_an_end_of_names() -> None:
    assert "Rotate it" in problems_with_name("mine", ALICE, [known("mine")])[0]
    full = [known(f"n{number}") for number in range(MOST_CREDENTIALS)]
    assert "all that one person may have" in problems_with_name("one-more", ALICE, full)[0]
    assert (
        "the team has 50 credentials, which is all that one team may have"
        in problems_with_name("one-more", Owner.of_team("vision"), full)[0]
    )


@pytest.mark.parametrize(
    ("purpose", "value"),
    [
        pytest.param(Purpose(kind=ENV), "", id="nothing"),
        pytest.param(Purpose(kind=ENV), "x" * (LONGEST_LINE_BYTES + 1), id="a long variable"),
        pytest.param(Purpose(kind=ENV), "ä" * (LONGEST_LINE_BYTES // 2 + 1), id="a variable long in bytes"),
        pytest.param(Purpose(kind=FILE), "x" * (LONGEST_FILE_BYTES + 1), id="a long file"),
        pytest.param(Purpose(kind=ENV), "a\0b", id="a zero byte"),
        pytest.param(Purpose(kind=ENV), "a\ud800b", id="a surrogate"),
        pytest.param(Purpose(kind=GIT), "a\nb", id="a token of two lines"),
        pytest.param(Purpose(kind=INDEX), " token", id="a token that begins with a space"),
    ],
)
def test_a_value_that_cannot_be_kept_is_refused_and_not_repeated(purpose: Purpose, value: str) -> None:
    [problem] = problems_with_value(purpose, value)
    assert problem.startswith("value: ")
    assert len(problem) < 200


def test_a_variable_may_have_several_lines_and_an_ssh_key_no_value_yet() -> None:
    assert problems_with_value(Purpose(kind=ENV), "-----BEGIN\nx\n") == []
    assert problems_with_value(Purpose(kind=SSH), "") == []


@pytest.mark.parametrize(
    ("files", "meets"),
    [
        (("~/.npmrc",), True),
        (("~/.npmrc/x",), True),
        (("~/.npm",), False),
        (("a",), True),
        (("a/b/c",), True),
        (("ab",), False),
    ],
)
def test_two_credentials_never_appear_at_one_place(files: tuple[str, ...], *, meets: bool) -> None:
    other = known("other", files=("~/.npmrc", "a/b"))
    assert bool(problems_with_places((), files, [other])) is meets


def test_two_credentials_never_set_one_variable() -> None:
    assert problems_with_places(("A", "B"), (), [known("other", env=("B",))]) == [
        "B is set by your credential other already."
    ]
