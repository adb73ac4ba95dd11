"""A log keeps its end, from a whole line on, in a file that never grows much beyond its limit."""

from __future__ import annotations

from pathlib import Path

import pytest

from spawner.bounded_log import BoundedLog, last_bytes, last_lines


def test_short_log_is_kept_whole(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path / "server.log", limit_bytes=100)
    log.write(b"one\ntwo\n")
    log.close()
    assert (tmp_path / "server.log").read_bytes() == b"one\ntwo\n"


def test_long_log_keeps_its_last_lines(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    log = BoundedLog(path, limit_bytes=100)
    for number in range(100):
        log.write(f"line {number}\n".encode())
        assert path.stat().st_size <= 125
    log.close()
    lines = path.read_text().splitlines()
    assert lines[-1] == "line 99"
    assert lines[0].startswith("line ")
    assert path.stat().st_size <= 100


def test_line_longer_than_the_limit_keeps_its_end(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    log = BoundedLog(path, limit_bytes=10)
    log.write(b"progress " * 100)
    log.close()
    assert path.read_bytes() == b" progress "


def test_each_run_begins_its_own_log(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    path.write_text("of yesterday")
    BoundedLog(path).close()
    assert path.read_text() == ""


def test_log_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path / "missing" / "server.log")
    log.write(b"lost")
    log.close()
    assert last_lines(tmp_path / "missing" / "server.log") == ()


@pytest.mark.parametrize(
    ("content", "limit", "expected"),
    [
        (b"", 10, b""),
        (b"abc\ndef\n", 8, b"abc\ndef\n"),
        (b"abc\ndef\n", 7, b"def\n"),
        (b"abc\ndef\n", 4, b"def\n"),
        (b"abc\ndef", 3, b"def"),
        (b"abcdef", 3, b"def"),
    ],
)
def test_end_of_a_file_begins_with_a_whole_line_where_there_is_one(
    tmp_path: Path, content: bytes, limit: int, expected: bytes
) -> None:
    (tmp_path / "log").write_bytes(content)
    assert last_bytes(tmp_path / "log", limit) == expected


def test_last_lines_are_text_whatever_was_printed(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"one\n\xff\xfe\nthree\n")
    assert last_lines(tmp_path / "log", lines=2) == ("\ufffd\ufffd", "three")
