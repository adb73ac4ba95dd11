"""A backup holds everything, and comes back whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import json
import zipfile
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from hub.backup.actions import make_backup, restore_backup
from hub.backup.archive import Manifest
from hub.backup.commands import backup, restore
from hub.backup.errors import ArchiveDamaged, BackupError, NotEmpty, OtherRevision, StillRunning
from hub.databases import installed_databases
from hub.postgresql import LOCK
from hub.settings import SETTINGS_VARIABLE, DatabaseSettings, Settings
from tests.hub.backup.conftest import NewInstallation, contents, fill_for_test

pytestmark = pytest.mark.usefixtures("logs_as_before")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "studiolo.backup"


def put_back(settings: Settings, file: Path, *, replaces: bool = False, keys_into: Path | None = None) -> Manifest:
    return restore_backup(settings, file, replaces=replaces, keys_into=keys_into, say=print)


def keys_of(settings: Settings) -> dict[str, bytes]:
    folder = settings.data.secrets
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


@pytest.mark.parametrize("source", ["sqlite", "postgresql"])
@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
def test_everything_comes_back_from_any_kind_of_database_into_any_kind(
    new_installation: NewInstallation, file: Path, source: str, target: str
) -> None:
    old, new = new_installation(source), new_installation(target)
    fill_for_test(old)
    make_backup(old, file)
    assert file.stat().st_mode & 0o777 == 0o600
    put_back(new, file)
    assert contents(new) == contents(old)
    assert keys_of(new) == keys_of(old)
    assert new.data.passwords.read_bytes() == old.data.passwords.read_bytes()
    assert {path.stat().st_mode & 0o777 for path in new.data.secrets.iterdir()} == {0o600}
    # What comes later is counted on from what is there.
    fill_more(new)


def fill_more(settings: Settings) -> None:
    engine = create_engine(installed_databases(settings)[0].url)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO users (name, admin, cookie_id) VALUES ('zoe', false, 'zoe')"))
    engine.dispose()


def test_a_backup_is_taken_while_somebody_writes(new_installation: NewInstallation, file: Path) -> None:
    old = new_installation("sqlite")
    fill_for_test(old)
    before = contents(old)
    engine = create_engine(installed_databases(old)[0].url)
    with engine.connect() as connection:
        connection.execute(text("INSERT INTO users (name, admin, cookie_id) VALUES ('zoe', false, 'zoe')"))
        make_backup(old, file)
        connection.rollback()
    engine.dispose()
    new = new_installation("sqlite")
    put_back(new, file)
    assert contents(new) == before


def test_large_tables_pass_in_pieces(new_installation: NewInstallation, file: Path) -> None:
    old, new = new_installation("sqlite"), new_installation("sqlite")
    fill_for_test(old)
    engine = create_engine(installed_databases(old)[1].url)
    with engine.begin() as connection:
        columns = "user, server, environment, hardware, environment_digest, outcome, started_at, phases"
        many = f"INSERT INTO start ({columns}) SELECT {columns} FROM start"
        for _ in range(9):  # 3 rows become 1,536
            connection.execute(text(many))
    engine.dispose()
    make_backup(old, file)
    put_back(new, file)
    assert contents(new) == contents(old)


def test_what_is_there_is_only_replaced_by_somebody_who_says_so(new_installation: NewInstallation, file: Path) -> None:
    old, new = new_installation("sqlite"), new_installation("sqlite")
    fill_for_test(old)
    make_backup(old, file)
    fill_for_test(new, people=1)
    before, keys = contents(new), keys_of(new)
    with pytest.raises(NotEmpty, match="The hub's database is not empty"):
        put_back(new, file)
    assert (contents(new), keys_of(new)) == (before, keys)
    put_back(new, file, replaces=True)
    assert (contents(new), keys_of(new)) == (contents(old), keys_of(old))


def test_a_backup_is_never_written_over(new_installation: NewInstallation, file: Path) -> None:
    old = new_installation("sqlite")
    fill_for_test(old)
    file.write_text("precious")
    with pytest.raises(BackupError, match="is there already"):
        make_backup(old, file)
    assert file.read_text() == "precious"


def test_where_nothing_was_ever_started_there_is_nothing_to_keep(new_installation: NewInstallation, file: Path) -> None:
    with pytest.raises(BackupError, match="There is no database"):
        make_backup(new_installation("sqlite"), file)
    with pytest.raises(BackupError, match="has no tables"):
        make_backup(new_installation("postgresql"), file)
    assert list(file.parent.glob(".studiolo*")) == []
    assert not file.exists()


def test_another_revision_is_refused_before_anything_is_touched(new_installation: NewInstallation, file: Path) -> None:
    old, new = new_installation("sqlite"), new_installation("sqlite")
    fill_for_test(old)
    engine = create_engine(installed_databases(old)[1].url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'of another time'"))
    engine.dispose()
    make_backup(old, file)
    with pytest.raises(OtherRevision, match="at revision of another time, and this version of Studiolo needs"):
        put_back(new, file)
    assert keys_of(new) == {}


def rewritten(file: Path, member: str, change: bytes | None) -> Path:
    """The same backup with another content of one of its files, or without it."""
    changed = file.with_name(f"{file.name}.changed")
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            if name != member:
                new.writestr(name, old.read(name))
            elif change is not None:
                new.writestr(name, change)
    return changed


@pytest.mark.parametrize("member", ["manifest.json", "hub/users.jsonl", "services/start.jsonl", "keys/cookie_secret"])
@pytest.mark.parametrize("change", [None, b"", b"[1]\n"], ids=["missing", "empty", "another"])
def test_a_backup_that_is_not_what_was_written_changes_nothing(
    new_installation: NewInstallation, file: Path, member: str, change: bytes | None
) -> None:
    old, new = new_installation("sqlite"), new_installation("sqlite")
    fill_for_test(old)
    make_backup(old, file)
    with pytest.raises(ArchiveDamaged):
        put_back(new, rewritten(file, member, change), replaces=True)
    assert not new.data.root.exists()


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(data=st.data())
def test_a_backup_that_was_cut_short_or_hurt_is_never_half_restored(
    new_installation: NewInstallation, file: Path, data: st.DataObject
) -> None:
    if not file.exists():
        old = new_installation("sqlite")
        fill_for_test(old)
        make_backup(old, file)
    whole = file.read_bytes()
    hurt = file.with_suffix(".hurt")
    at = data.draw(st.integers(0, len(whole) - 1), label="at")
    if data.draw(st.booleans(), label="is cut"):
        hurt.write_bytes(whole[:at])
    else:
        hurt.write_bytes(whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :])
    new = new_installation("sqlite")
    try:
        put_back(new, hurt)
    except BackupError:
        assert not new.data.root.exists()
    else:  # what was hurt says nothing: a date, or a flag of the zip
        assert {key: bool(tables) for key, tables in contents(new).items()} == {"hub": True, "services": True}
        assert len(contents(new)["hub"]["users"]) == 3


def test_a_restore_that_fails_on_the_way_leaves_everything_as_it_was(
    new_installation: NewInstallation, file: Path
) -> None:
    old, new = new_installation("sqlite"), new_installation("sqlite")
    fill_for_test(old)
    make_backup(old, file)
    fill_for_test(new, people=1)
    before, keys = contents(new), keys_of(new)
    # Right checksums, and a row that the services' table refuses: the hub's database was filled by then.
    with zipfile.ZipFile(file) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        rows = archive.read("services/start.jsonl")
    table = next(one for one in manifest["databases"]["services"]["tables"] if one["name"] == "start")
    broken = rows.replace(b'"ready"', b"null", 1)
    table["sha256"] = hashlib.sha256(broken).hexdigest()
    changed = rewritten(rewritten(file, "services/start.jsonl", broken), "manifest.json", json.dumps(manifest).encode())
    with pytest.raises(BackupError, match="took nothing"):
        put_back(new, changed, replaces=True)
    assert (contents(new), keys_of(new)) == (before, keys)


def test_nothing_is_restored_under_a_running_hub(new_installation: NewInstallation, file: Path) -> None:
    old = new_installation("sqlite")
    fill_for_test(old)
    make_backup(old, file)
    old.data.run.mkdir()
    with (old.data.run / "up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StillRunning, match="A hub is running"):
            put_back(old, file, replaces=True)


def test_nothing_is_restored_under_a_hub_that_holds_its_database(new_installation: NewInstallation, file: Path) -> None:
    old = new_installation("postgresql")
    fill_for_test(old)
    make_backup(old, file)
    with psycopg.connect(installed_databases(old)[0].url) as hub:
        hub.execute(LOCK)
        with pytest.raises(StillRunning, match="A hub is running"):
            put_back(old, file, replaces=True)


def test_keys_that_are_only_read_are_compared_and_written_elsewhere(
    new_installation: NewInstallation, file: Path, tmp_path: Path
) -> None:
    old, new = new_installation("sqlite"), new_installation("sqlite")
    fill_for_test(old)
    make_backup(old, file)
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "cookie_secret").write_text("another")
    in_a_pod = new.model_copy(update={"secrets_directory": secret})
    with pytest.raises(BackupError, match="cookie_secret") as refused:
        put_back(in_a_pod, file, replaces=True)
    assert "--keys DIR" in refused.value.hint
    put_back(in_a_pod, file, replaces=True, keys_into=tmp_path / "for-the-secret")
    assert {path.name for path in (tmp_path / "for-the-secret").iterdir()} == keys_of(old).keys()
    assert (secret / "cookie_secret").read_text() == "another"
    same = new_installation("sqlite").model_copy(update={"secrets_directory": tmp_path / "for-the-secret"})
    put_back(same, file)


def test_the_commands_work_on_files_and_on_streams(
    new_installation: NewInstallation, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SETTINGS_VARIABLE, raising=False)
    old, new = new_installation("sqlite"), new_installation("sqlite")
    fill_for_test(old)
    made = CliRunner().invoke(backup, [str(file), "--data", str(old.data.root)])
    assert made.exit_code == 0, made.output
    assert "rows of hub and services, and 6 keys" in made.output
    streamed = CliRunner().invoke(backup, ["-", "--data", str(old.data.root)])
    back = CliRunner().invoke(restore, ["-", "--data", str(new.data.root)], input=streamed.stdout_bytes)
    assert back.exit_code == 0, back.output
    assert back.stdout.startswith("Everything is as it was on ")
    assert contents(new) == contents(old)


def test_each_pod_keeps_what_it_has_and_the_keys_go_with_the_hub_s(
    new_installation: NewInstallation, file: Path, tmp_path: Path
) -> None:
    old, new = new_installation("sqlite"), new_installation("sqlite")
    fill_for_test(old)
    # In the hub's pod nobody can read the address of the other database.
    unreadable = old.services.model_copy(update={"database": DatabaseSettings(urlFile=tmp_path / "nowhere")})
    make_backup(old.model_copy(update={"services": unreadable}), file, only="hub")
    of_services = tmp_path / "services.backup"
    assert make_backup(old, of_services, only="services").keys == {}
    with pytest.raises(BackupError, match="The services' database is not in this backup"):
        put_back(new, file)
    for kept, only in ((file, "hub"), (of_services, "services")):
        restore_backup(new, kept, replaces=False, keys_into=None, say=print, only=only)
    assert (contents(new), keys_of(new)) == (contents(old), keys_of(old))
