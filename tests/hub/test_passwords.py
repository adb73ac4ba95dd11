"""Who may sign in on one machine."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from hub.passwords import ADMIN, MAX_BYTES, PasswordFile, PasswordRefusedError, new_password
from spawner.data_directory import DataDirectory


def test_a_password_opens_its_own_account_and_no_other(passwords: PasswordFile) -> None:
    passwords.set("alice", "correct horse")
    passwords.set("bob", "battery staple")
    assert passwords.check("alice", "correct horse")
    assert not passwords.check("alice", "battery staple")
    assert not passwords.check("Alice", "correct horse")
    assert not passwords.check("carol", "correct horse")


def test_nobody_signs_in_where_no_password_was_ever_set(passwords: PasswordFile) -> None:
    assert not passwords.check(ADMIN, "")
    assert passwords.names() == ()


def test_a_user_that_does_not_exist_costs_the_same_hash(
    passwords: PasswordFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified = []
    hasher = passwords._hasher
    monkeypatch.setattr(
        passwords,
        "_hasher",
        type("Counting", (), {"verify": lambda _, *args: verified.append(args) or hasher.verify(*args)})(),
    )
    assert not passwords.check("nobody", "anything at all")
    assert len(verified) == 1


def test_only_hashes_are_kept_and_only_their_owner_can_read_them(passwords: PasswordFile, data: DataDirectory) -> None:
    passwords.set("alice", "correct horse")
    text = data.passwords.read_text()
    assert "correct horse" not in text
    assert json.loads(text)["hashes"]["alice"].startswith("$argon2id$")
    assert stat.S_IMODE(data.passwords.stat().st_mode) == 0o600


def test_a_generated_password_works_and_can_be_typed(passwords: PasswordFile) -> None:
    password = passwords.generate("alice")
    assert passwords.check("alice", password)
    assert len(password) == 23
    assert not set("ilo01") & set(password)
    assert new_password() != new_password()


def test_the_administrators_password_is_kept_readable_for_the_owner_of_the_machine(
    passwords: PasswordFile, data: DataDirectory
) -> None:
    password = passwords.ensure_admin()
    assert data.admin_password.read_text() == f"{password}\n"
    assert stat.S_IMODE(data.admin_password.stat().st_mode) == 0o600
    assert passwords.ensure_admin() == password


def test_other_peoples_passwords_are_kept_readable_nowhere(passwords: PasswordFile, data: DataDirectory) -> None:
    passwords.set("alice", "correct horse")
    assert not data.admin_password.exists()


def test_a_readable_copy_that_no_longer_fits_is_replaced(passwords: PasswordFile, data: DataDirectory) -> None:
    passwords.ensure_admin()
    data.passwords.unlink()
    assert passwords.check(ADMIN, passwords.ensure_admin())


def test_a_removed_password_opens_nothing(passwords: PasswordFile) -> None:
    passwords.set("alice", "correct horse")
    passwords.remove("alice")
    passwords.remove("alice")
    assert not passwords.check("alice", "correct horse")


def test_a_password_set_by_another_process_counts_at_once(passwords: PasswordFile, data: DataDirectory) -> None:
    assert not passwords.check("alice", "correct horse")
    PasswordFile(data.passwords, hasher=passwords._hasher).set("alice", "correct horse")
    assert passwords.check("alice", "correct horse")


def test_passwords_set_at_the_same_moment_are_all_kept(passwords: PasswordFile) -> None:
    names = [f"user{number}" for number in range(20)]
    with ThreadPoolExecutor(10) as threads:
        list(threads.map(lambda name: passwords.set(name, "correct horse"), names))
    assert passwords.names() == tuple(sorted(names))


def test_the_same_letter_in_another_form_is_the_same_letter(passwords: PasswordFile) -> None:
    passwords.set("alice", "cafe\u0301 creme")
    assert passwords.check("alice", "caf\u00e9 creme")


@pytest.mark.parametrize(
    "password",
    [
        pytest.param("short", id="too short"),
        pytest.param("x" * (MAX_BYTES + 1), id="too long"),
        pytest.param("two\nlines of text", id="cannot be typed"),
    ],
)
def test_a_password_that_is_no_good_is_refused_and_changes_nothing(passwords: PasswordFile, password: str) -> None:
    with pytest.raises(PasswordRefusedError):
        passwords.set("alice", password)
    assert passwords.names() == ()


@pytest.mark.parametrize("password", ["x" * 1_000_000, "\ud800" * 10, "\0" * 10])
def test_a_password_nobody_could_have_set_opens_nothing(passwords: PasswordFile, password: str) -> None:
    passwords.set("alice", "correct horse")
    assert not passwords.check("alice", password)


def test_a_damaged_hash_opens_nothing(passwords: PasswordFile, data: DataDirectory) -> None:
    data.passwords.write_text('{"hashes": {"alice": "damaged"}}')
    assert not passwords.check("alice", "damaged")
