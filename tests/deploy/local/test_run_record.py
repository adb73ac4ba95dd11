"""One `studiolo up` for each data directory, and what it leaves written for the next."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from deploy.local.errors import DataDirectoryInUseError
from deploy.local.run_record import DataDirectoryLock, RunRecord, load_record, record_path, save_record
from spawner.data_directory import DataDirectory
from spawner.processes import ProcessIdentity

if TYPE_CHECKING:
    from pathlib import Path

RECORD = RunRecord(pid=7, address="http://127.0.0.1:8000", ports={"hub": 8002}).with_process(
    "hub", ProcessIdentity(pid=42, start="boot:99")
)


def test_a_record_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    save_record(tmp_path / "up.json", RECORD)
    assert load_record(tmp_path / "up.json") == RECORD


def test_after_an_orderly_end_the_ports_are_kept_and_the_processes_are_not() -> None:
    assert RECORD.ended() == RunRecord(pid=0, address="http://127.0.0.1:8000", ports={"hub": 8002}, processes={})


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pid": "x"}', json.dumps({"pid": 1, "address": "", "ports": 3})])
def test_a_record_that_cannot_be_read_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "up.json").write_text(text)
    assert load_record(tmp_path / "up.json") == RunRecord()


def test_a_second_up_is_refused_and_told_who_runs_and_where(tmp_path: Path) -> None:
    data = DataDirectory(root=tmp_path)
    data.run.mkdir()
    save_record(record_path(data), RECORD)
    first = DataDirectoryLock(tmp_path, record=record_path(data))
    second = DataDirectoryLock(tmp_path, record=record_path(data))
    first.acquire()
    with pytest.raises(DataDirectoryInUseError, match=f"process {os.getpid()}, at http://127.0.0.1:8000") as refused:
        second.acquire()
    assert "--data DIR" in refused.value.hint
    first.release()
    second.acquire()
    second.release()
