"""Files of credentials stay below one folder, and the standard clients are told where they are."""

from __future__ import annotations

import pytest

from spawner.credential_places import PlaceRefusedError, place_of, placed_files, pointers
from spawner.credentials import CredentialKind, MountedCredential

HELPER = ("python3", "-I", "/opt/git helper.py")


def credential(name: str, kind: CredentialKind, *files: str) -> MountedCredential:
    return MountedCredential(name=name, kind=kind, secret=f"credential-{name}", files=files)


def variables(*credentials: MountedCredential) -> dict[str, str]:
    return pointers(credentials, folder="/run/credentials", git_helper=HELPER)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("netrc", "netrc"),
        ("keys/service.json", "keys/service.json"),
        ("~/.kaggle/kaggle.json", "home/.kaggle/kaggle.json"),
        ("~/.aws/credentials", "tools/.aws/credentials"),
        ("ä b.txt", "ä b.txt"),
    ],
)
def test_a_file_lies_below_the_folder_and_one_for_the_home_too(path: str, place: str) -> None:
    assert place_of(path) == place


@pytest.mark.parametrize(
    "path",
    [
        *("", "/etc/passwd", "../x", "a/../../x", "~/../x", "~/", "~//etc", "a//b", "./a", "a/", "..data/x", "a/..b"),
        *("a\nb", "a\x00b", "a/" * 200),
    ],
)
def test_a_path_that_leads_elsewhere_is_refused_and_a_start_goes_on_without_that_file(path: str) -> None:
    with pytest.raises(PlaceRefusedError):
        place_of(path)
    assert placed_files([credential("x", CredentialKind.FILE, path)]) == {}


def test_of_two_files_in_each_other_s_way_the_first_stays() -> None:
    one = credential("one", CredentialKind.FILE, "a/b", "c")
    two = credential("two", CredentialKind.FILE, "a/b", "a/b/c", "a", "c2", "~/c")
    assert set(placed_files([one, two])) == {"a/b", "c", "c2", "home/c"}
    assert placed_files([one, two])["a/b"] == (one, "a/b")


def test_without_files_nothing_is_pointed_to() -> None:
    assert variables() == {}
    assert variables(MountedCredential(name="x", kind=CredentialKind.ENV, secret="s", env=("X",))) == {}


def test_standard_clients_are_told_by_their_own_variables() -> None:
    cloud = credential("cloud", CredentialKind.CLOUD, "~/.aws/credentials")
    index = credential("index", CredentialKind.PACKAGE_INDEX, "~/.config/pip/pip.conf", "~/.npmrc", "~/.condarc")
    file = credential("file", CredentialKind.FILE, "~/.config/gcloud/application_default_credentials.json")
    assert variables(cloud, index, file) == {
        "STUDIOLO_CREDENTIALS": "/run/credentials",
        "AWS_SHARED_CREDENTIALS_FILE": "/run/credentials/tools/.aws/credentials",
        "PIP_CONFIG_FILE": "/run/credentials/tools/.config/pip/pip.conf",
        "NPM_CONFIG_USERCONFIG": "/run/credentials/tools/.npmrc",
        "CONDARC": "/run/credentials/tools/.condarc",
        "GOOGLE_APPLICATION_CREDENTIALS": (
            "/run/credentials/tools/.config/gcloud/application_default_credentials.json"
        ),
    }


def test_git_asks_our_helper_and_no_other_variable_knows_of_it() -> None:
    git = credential("forge", CredentialKind.GIT, "git/forge")
    assert variables(git) == {
        "STUDIOLO_CREDENTIALS": "/run/credentials",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "credential.helper",
        "GIT_CONFIG_VALUE_0": "!python3 -I '/opt/git helper.py'",
    }


def test_ssh_is_given_every_private_key_and_no_public_one() -> None:
    keys = credential("mine", CredentialKind.SSH_KEY, "ssh/mine", "ssh/mine.pub")
    other = credential("other", CredentialKind.SSH_KEY, "ssh/other's", "ssh/other's.pub")
    command = variables(keys, other)["GIT_SSH_COMMAND"]
    assert command == (
        "ssh -o 'UserKnownHostsFile=${HOME}/.ssh/known_hosts ~/.ssh/known_hosts' "
        "-o StrictHostKeyChecking=accept-new -o IdentityFile=/run/credentials/ssh/mine "
        "-o 'IdentityFile=/run/credentials/ssh/other'\"'\"'s'"
    )
