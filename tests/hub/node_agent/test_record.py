"""What a seat remembers: for as long as the pod lives, and written by nobody but root."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hub.node_agent.mounts import BadSeat
from hub.node_agent.record import FILE, Step, load_record, record_of, save_record
from tests.hub.node_agent.samples import order

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="not run: only root writes what a seat remembers")


@pytest.fixture
def seat(tmp_path: Path) -> int:
    return os.open(tmp_path, os.O_RDONLY)


def test_a_seat_without_an_order_remembers_none(seat: int) -> None:
    assert load_record(seat) is None


def test_a_seat_remembers_the_last_step_of_its_order(seat: int) -> None:
    for step in Step:
        record = record_of(order(), step, left_out=("vision",))
        save_record(seat, record)
        assert load_record(seat) == record
    assert os.listdir(seat) == [FILE]


def test_what_was_half_written_counts_as_not_written(seat: int, tmp_path: Path) -> None:
    (tmp_path / ".order.new").write_text("{")
    assert load_record(seat) is None
    save_record(seat, record_of(order(), Step.BEGUN))
    assert os.listdir(seat) == [FILE]


def of_somebody_else(path: Path) -> None:
    path.write_text("{}")
    path.chmod(0o600)
    os.chown(path, 1000, 1000)


def open_to_all(path: Path) -> None:
    path.write_text("{}")
    path.chmod(0o644)


def nonsense(path: Path) -> None:
    path.write_text("[]")
    path.chmod(0o600)


def a_link(path: Path) -> None:
    path.symlink_to("/etc/hostname")


def a_pipe(path: Path) -> None:
    os.mkfifo(path, 0o600)


def a_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("plant", [of_somebody_else, open_to_all, nonsense, a_link, a_pipe, a_folder])
def test_a_seat_with_something_else_of_that_name_is_refused(
    seat: int, tmp_path: Path, plant: Callable[[Path], None]
) -> None:
    plant(tmp_path / FILE)
    with pytest.raises(BadSeat):
        load_record(seat)
