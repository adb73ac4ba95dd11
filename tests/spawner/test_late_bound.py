"""What a server that runs already can be given, and when one is parked."""

from __future__ import annotations

import pytest

from spawner.late_bound import binds_late
from spawner.parked_moment import NEEDED_BYTES, may_park


@pytest.mark.parametrize(
    "names", [(), ("GREETING",), ("HF_HOME", "AWS_PROFILE", "TZ", "HTTP_PROXY", "OMP_NUM_THREADS")]
)
def test_what_is_read_when_it_is_needed_can_come_late(names: tuple[str, ...]) -> None:
    assert binds_late(names)


@pytest.mark.parametrize(
    "name",
    ["LANG", "LC_ALL", "LC_TIME", "MALLOC_ARENA_MAX", "OPENSSL_CONF", "PROMETHEUS_MULTIPROC_DIR", "GIT_PYTHON_TRACE"],
)
def test_what_is_read_once_when_a_process_begins_cannot(name: str) -> None:
    assert not binds_late(("GREETING", name))


@pytest.mark.parametrize(
    ("free_bytes", "starts_under_way", "quiet_seconds", "expected"),
    [
        pytest.param(NEEDED_BYTES, 0, 5.0, True, id="room, and nobody waits"),
        pytest.param(NEEDED_BYTES - 1, 0, 5.0, False, id="memory is for people"),
        pytest.param(NEEDED_BYTES, 1, 5.0, False, id="somebody waits for a start"),
        pytest.param(NEEDED_BYTES, 0, 4.9, False, id="somebody has only just started"),
    ],
)
def test_a_server_is_parked_when_that_takes_nothing_from_anybody(
    free_bytes: int, starts_under_way: int, quiet_seconds: float, *, expected: bool
) -> None:
    moment = {"free_bytes": free_bytes, "starts_under_way": starts_under_way, "quiet_seconds": quiet_seconds}
    assert may_park(**moment, wanted_seconds=5.0) is expected  # type: ignore[arg-type]  # a table of numbers
