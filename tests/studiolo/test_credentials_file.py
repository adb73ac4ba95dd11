from __future__ import annotations

from pathlib import Path

import pytest

from studiolo.client import NotSignedIn, Studiolo
from studiolo.credentials_file import (
    CredentialsNotSaved,
    Login,
    credentials_path,
    forget_login,
    load_login,
    save_login,
)

LOGIN = Login(url="http://127.0.0.1:8000", user="alice", token="secret-token")


def test_a_login_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "credentials.json"
    save_login(LOGIN, path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert load_login(path) == LOGIN
    assert [entry.name for entry in path.parent.iterdir()] == ["credentials.json"]


def test_a_new_login_takes_the_place_of_the_old_one_whatever_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    path.write_text("{}")
    path.chmod(0o644)
    save_login(LOGIN, path)
    assert load_login(path) == LOGIN


def test_a_file_that_others_can_read_is_not_trusted(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    save_login(LOGIN, path)
    path.chmod(0o640)
    with pytest.raises(NotSignedIn, match="could be read by others"):
        load_login(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"url": "x"}', b'{"url": "", "user": "a", "token": "b"}', b"\xff\xfe", b'{"url": 1}'],
)
def test_a_broken_file_means_that_nobody_is_signed_in(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "credentials.json"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(NotSignedIn, match="cannot be read as a login"):
        load_login(path)


def test_a_folder_in_its_place_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    path.mkdir(mode=0o700)
    with pytest.raises(NotSignedIn):
        load_login(path)
    with pytest.raises(CredentialsNotSaved):
        save_login(LOGIN, path)
    with pytest.raises(CredentialsNotSaved):
        forget_login(path)
    assert list(tmp_path.iterdir()) == [path]


def test_nobody_signed_in_is_no_error(tmp_path: Path) -> None:
    assert load_login(tmp_path / "none.json") is None
    assert not forget_login(tmp_path / "none.json")


def test_a_login_can_be_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    save_login(LOGIN, path)
    assert forget_login(path)
    assert load_login(path) is None


def test_the_token_does_not_show_in_a_repr() -> None:
    assert "secret-token" not in repr(LOGIN)


WORKSPACE = {"JUPYTERHUB_API_URL": "http://127.0.0.1:8002/hub/api", "JUPYTERHUB_API_TOKEN": "of-workspace"}
EXPLICIT = {"STUDIOLO_URL": "https://x.org", "STUDIOLO_TOKEN": "explicit"}


@pytest.mark.parametrize(
    ("environ", "is_signed_in", "expected"),
    [
        pytest.param({**EXPLICIT, **WORKSPACE}, True, ("https://x.org", "explicit"), id="named in the environment"),
        pytest.param(WORKSPACE, True, ("http://127.0.0.1:8000", "secret-token"), id="signed in, in a workspace"),
        pytest.param(WORKSPACE, False, ("http://127.0.0.1:8002", "of-workspace"), id="in a workspace"),
        pytest.param({}, True, ("http://127.0.0.1:8000", "secret-token"), id="signed in"),
        pytest.param(
            {"STUDIOLO_URL": "127.0.0.1:8000"}, True, ("http://127.0.0.1:8000", "secret-token"), id="signed in there"
        ),
        pytest.param(
            {"STUDIOLO_TOKEN": "other"}, True, ("http://127.0.0.1:8000", "other"), id="another token for the same hub"
        ),
        pytest.param({"STUDIOLO_URL": "https://y.org"}, True, "not signed in to https://y.org", id="another hub"),
        pytest.param({**WORKSPACE, "STUDIOLO_URL": "https://y.org"}, False, "https://y.org", id="not this hub's token"),
        pytest.param({}, False, "You are not signed in", id="nothing at all"),
    ],
)
async def test_which_hub_is_meant(
    environ: dict[str, str],
    is_signed_in: bool,
    expected: tuple[str, str] | str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    if is_signed_in:
        save_login(LOGIN, credentials_path())
    if isinstance(expected, str):
        with pytest.raises(NotSignedIn, match=expected):
            Studiolo.from_environment(environ)
        return
    async with Studiolo.from_environment(environ) as studiolo:
        assert (studiolo.address.public, studiolo._http.headers["authorization"]) == (
            expected[0],
            f"token {expected[1]}",
        )
