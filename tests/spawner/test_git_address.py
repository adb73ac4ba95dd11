"""Addresses of repositories: by HTTPS or SSH, with nothing in them that is secret or that a program would obey."""

from __future__ import annotations

import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spawner.git_address import LONGEST_ADDRESS, GitAddress, GitAddressRefused, parse_git_address

HOST = "git.example.org"


def refusal(text: str) -> str:
    with pytest.raises(GitAddressRefused) as caught:
        parse_git_address(text)
    return str(caught.value)


def taken(text: str) -> GitAddress | str:
    try:
        return parse_git_address(text)
    except GitAddressRefused as refused:
        return str(refused)


@pytest.mark.parametrize(
    ("text", "host", "folder", "branch"),
    [
        (f"https://{HOST}/team/project.git", HOST, "project", None),
        (f"https://{HOST}/team/project", HOST, "project", None),
        (f"https://{HOST}/team/project/", HOST, "project", None),
        (f"https://{HOST}/team/project.git/#main", HOST, "project", "main"),
        (f"https://{HOST}:8443/~ada/My%20Team/_git/Iris-2.0", HOST, "Iris-2.0", None),
        ("https://192.0.2.7/x", "192.0.2.7", "x", None),
        (f"https://{HOST}/team/project#feature/new_plots", HOST, "project", "feature/new_plots"),
        (f"ssh://git@{HOST}/team/project.git", HOST, "project", None),
        (f"ssh://git@{HOST}:2222/team/project.git#v1.2", HOST, "project", "v1.2"),
        (f"git@{HOST}:team/project.git", HOST, "project", None),
        (f"git@{HOST}:project.git#main", HOST, "project", "main"),
        (f"git@{HOST}:/srv/git/project", HOST, "project", None),
        ("git@forge:~ada/c++", "forge", "c++", None),
    ],
)
def test_an_address_names_server_folder_and_branch(text: str, host: str, folder: str, branch: str | None) -> None:
    url = text.partition("#")[0]
    assert parse_git_address(f"  {text}\n") == GitAddress(url=url, host=host, folder=folder, branch=branch)
    assert str(parse_git_address(text)) == text


def test_a_scheme_is_written_in_small_letters_as_git_wants_it() -> None:
    assert parse_git_address(f"HTTPS://{HOST}/Team/Project#Main").url == f"https://{HOST}/Team/Project"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not the address of a repository"),
        ("project", "not the address of a repository"),
        ("/srv/git/project.git", "not the address of a repository"),
        ("../project.git", "not the address of a repository"),
        ("git.example.org:team/project", "not the address of a repository"),
        ("-oProxyCommand=x@host:path", "not the address of a repository"),
        ("--upload-pack=x", "not the address of a repository"),
        ("ext::sh", "not the address of a repository"),
        ("git@-oProxyCommand=x:path/project", "the name of the server cannot be read"),
        ("ssh://git@-oProxyCommand=x/project", "the name of the server cannot be read"),
        ("ssh://-oProxyCommand=x@host/project", "who signs in at the server must stand before it"),
        ("ssh://git.example.org/project", "who signs in at the server must stand before it"),
        ("https://-x/project", "the name of the server cannot be read"),
        ("https:///project", "the name of the server cannot be read"),
        (f"https://{'a.' * 127}a/project", "the name of the server cannot be read"),
        (f"https://{'a' * 64}/project", "the name of the server cannot be read"),
        ("https://[::1]/project", "the port of the server must be a number up to 65535"),
        (f"https://{HOST}:0/project", "the port of the server must be a number up to 65535"),
        (f"https://{HOST}:65536/project", "the port of the server must be a number up to 65535"),
        (f"ssh://git@{HOST}:port/project", "the port of the server must be a number up to 65535"),
        (f"http://{HOST}/project", "http would show everything to everybody on the way"),
        ("file:///etc", "only https:// and SSH are possible"),
        ("git://git.example.org/project", "only https:// and SSH are possible"),
        ("ftp://git.example.org/project", "only https:// and SSH are possible"),
        ("ext::sh -c id", "a space or another character that no address has"),
        (f"https://{HOST}/a\nb", "a space or another character that no address has"),
        (f"https://{HOST}/a\x00b", "a space or another character that no address has"),
        ("https://g\u0456t.example.org/project", "a space or another character that no address has"),
        (f"https://{HOST}/" + "x" * LONGEST_ADDRESS, "the address is longer than 1000 characters"),
        (f"https://{HOST}", "the path to the repository cannot be read"),
        (f"https://{HOST}/", "the path to the repository cannot be read"),
        (f"https://{HOST}//", "the last part of the path names a folder"),
        (f"https://{HOST}/$(id)", "the path to the repository cannot be read"),
        (f"https://{HOST}/a%0Ab", "the path to the repository cannot be read"),
        (f"https://{HOST}/a%zzb", "the path to the repository cannot be read"),
        (f"git@{HOST}:-oProxyCommand=x", "the path to the repository cannot be read"),
        (f"git@{HOST}:%2Dx", "the path to the repository cannot be read"),
        (f"https://{HOST}/../etc", "the path may hold neither . nor .."),
        (f"https://{HOST}/a/%2e%2e/etc", "the path may hold neither . nor .."),
        (f"git@{HOST}:a/./b", "the path may hold neither . nor .."),
        (f"https://{HOST}/project?private=1", "leave out what begins with ?"),
        (f"https://{HOST}/.jupyter", "the last part of the path names a folder of your home"),
        (f"https://{HOST}/team/.git", "the last part of the path names a folder of your home"),
        (f"https://{HOST}/team/a%20b", "the last part of the path names a folder of your home"),
        (f"https://{HOST}/" + "x" * 101, "the last part of the path names a folder of your home"),
        (f"https://{HOST}/team/bin", "bin in your home is where programs are loaded from"),
        (f"https://{HOST}/team/Library.git", "Library in your home is where programs are loaded from"),
        *(
            (f"https://{HOST}/project#{branch}", "what stands behind the # is not the name of a branch")
            for branch in ("", "-x", "a..b", "a//b", "/a", "a/", "a/.b", "a.", "a.lock", "a.lock/b", "a#b", "a:b")
        ),
        (f"https://{HOST}/project#{'x' * 201}", "what stands behind the # is not the name of a branch"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_the_reason(text: str, reason: str) -> None:
    assert refusal(text).startswith(reason)
    assert refusal(text).isprintable()


@pytest.mark.parametrize(
    "text",
    [
        f"https://ada:CANARY@{HOST}/project",
        f"https://ada:@{HOST}/CANARY",
        f"https://CANARY@{HOST}/project",
        f"ssh://git:CANARY@{HOST}/project",
        f"ssh://git:@{HOST}/CANARY",
        f"https://{HOST}/glpat-CANARYCANARYCANARY/project",
        f"https://{HOST}/project?private_token=CANARY",
    ],
)
def test_a_secret_in_an_address_is_refused_and_never_repeated(text: str) -> None:
    assert "CANARY" not in refusal(text)


def test_the_way_out_of_a_secret_is_a_credential() -> None:
    for text in (f"https://ada:secret@{HOST}/x", f"https://token@{HOST}/x", f"ssh://git:@{HOST}/x"):
        assert "Save it under Credentials" in refusal(text)


_PIECES = st.sampled_from(
    [
        *("https://", "ssh://", "http://", "file://", "ext::", "git@", "-o", "..", ".", "/", ":", "@", "#", "?", "%2e"),
        *(
            "%00",
            "%2F",
            HOST,
            "project",
            ".git",
            "~",
            " ",
            "\n",
            "\x00",
            "$(id)",
            "`",
            ";",
            "'",
            "8443",
            "ä",
            "-",
            "bin",
        ),
    ]
)


@given(st.one_of(st.text(max_size=60), st.lists(_PIECES, max_size=10).map("".join)))
def test_whatever_is_typed_is_refused_with_a_reason_or_is_harmless(text: str) -> None:
    address = taken(text)
    if isinstance(address, str):
        assert address.isprintable()
        return
    for word in (address.url, address.host, address.folder, address.branch or "x"):
        assert word.isascii()
        assert word.isprintable()
        assert not word.startswith("-")
        assert not set(word) & set(" $`;|&<>()'\"\\*!{}")
    assert re.match(r"https://|ssh://[A-Za-z0-9_]|[A-Za-z0-9_][\w.-]*@", address.url, re.ASCII)
    assert not address.folder.startswith(".")
    assert "/" not in address.folder
    assert shlex.split(address.url) == [address.url]


@given(st.one_of(st.text(max_size=60), st.lists(_PIECES, max_size=10).map("".join)))
def test_an_address_that_was_taken_is_taken_again_as_the_same(text: str) -> None:
    address = taken(text)
    assert isinstance(address, str) or parse_git_address(str(address)) == address


_NAMES = st.from_regex(r"[a-z][a-z0-9]{0,20}", fullmatch=True)


@given(host=_NAMES, owner=_NAMES, name=_NAMES.map("project-{}".format), port=st.integers(1, 65535), branch=_NAMES)
def test_every_ordinary_address_is_taken(host: str, owner: str, name: str, port: int, branch: str) -> None:
    for url in (
        f"https://{host}.org/{owner}/{name}.git",
        f"https://{host}.org:{port}/{owner}/{name}",
        f"ssh://{owner}@{host}:{port}/{name}.git",
        f"{owner}@{host}.org:{owner}/{name}.git",
    ):
        for text in (url, f"{url}#{branch}"):
            assert str(parse_git_address(text)) == text
            assert parse_git_address(text).folder == name
