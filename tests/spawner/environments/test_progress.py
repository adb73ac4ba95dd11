"""What is told of a build: from uv's own lines and from counts, and unknown where neither says it."""

from __future__ import annotations

import json

import pytest

from spawner.environment_progress import MIB, BuildProgress, BuildStep, Pace, ProgressReader


def reader(pace: float | None = None) -> ProgressReader:
    return ProgressReader(pace=Pace(seconds_per_package=pace), started=100.0)


def read(progress: ProgressReader, *lines: tuple[float, str]) -> None:
    for now, line in lines:
        progress.read(line, now=now)


RESOLVED = "Resolved 10 packages in 317ms"


def test_before_uv_says_anything_nothing_is_known() -> None:
    progress = reader().progress(now=101.0)
    assert progress == BuildProgress(step=BuildStep.DOWNLOADING)
    assert progress.sentence == "Downloading packages, time left unknown"
    assert progress.share is None


def test_megabytes_are_those_of_the_packages_uv_names() -> None:
    progress = reader()
    read(
        progress,
        (101.0, RESOLVED),
        (101.0, "Downloading scipy (33.7MiB)"),
        (101.0, "Downloading idna (512.0KiB)"),
        (103.0, " Downloaded idna"),
    )
    told = progress.progress(now=103.0)
    assert (told.bytes_done, told.bytes_total) == (MIB // 2, round(33.7 * MIB) + MIB // 2)
    assert told.packages_total == 10
    assert told.sentence.startswith("Downloading packages: 0 of 34 MB")


def test_time_left_needs_an_earlier_build_on_this_machine() -> None:
    lines = ((101.0, RESOLVED), (101.0, "Downloading a (30MiB)"), (101.0, "Downloading b (10MiB)"))
    unknown, known = reader(), reader(pace=0.5)
    for progress in (unknown, known):
        read(progress, *lines, (104.0, " Downloaded b"))
    assert unknown.progress(now=104.0).seconds_left is None
    # 10 MiB in 4 s, so 30 MiB in 12 s; then half a second for each of the 10 packages.
    assert known.progress(now=104.0).seconds_left == pytest.approx(12 + 5)
    assert known.progress(now=106.0).seconds_left == pytest.approx(10 + 5)


def test_time_left_is_unknown_while_nothing_arrives() -> None:
    progress = reader(pace=0.5)
    read(progress, (101.0, RESOLVED), (101.0, "Downloading a (30MiB)"))
    assert progress.progress(now=130.0).seconds_left is None


def test_time_left_is_unknown_once_a_download_takes_longer_than_it_should() -> None:
    progress = reader(pace=0.5)
    read(
        progress,
        (101.0, RESOLVED),
        (101.0, "Downloading a (10MiB)"),
        (101.0, "Downloading b (10MiB)"),
        (104.0, " Downloaded b"),
    )
    assert progress.progress(now=109.0).seconds_left is None


def test_what_the_cache_holds_is_not_downloaded() -> None:
    progress = reader(pace=0.5)
    read(progress, (101.0, RESOLVED), (102.0, "Installed 10 packages in 22ms"))
    told = progress.progress(now=102.0)
    assert (told.step, told.bytes_total) == (BuildStep.INSTALLING, 0)
    assert told.seconds_left == pytest.approx(5)


def test_packages_are_counted_while_they_are_installed() -> None:
    progress = reader()
    read(progress, (101.0, RESOLVED), (102.0, "Prepared 10 packages in 1.2s"))
    progress.count_packages(4)
    told = progress.progress(now=102.0)
    assert told.sentence == "Installing packages: 4 of 10, time left unknown"
    assert told.share == pytest.approx(0.4)


def test_time_left_while_compiling_follows_from_the_files_done() -> None:
    progress = reader()
    read(progress, (101.0, RESOLVED))
    progress.begin(BuildStep.COMPILING, now=110.0)
    progress.count_files(1_000, total=4_000)
    told = progress.progress(now=112.0)
    assert told.sentence == "Compiling packages: 1,000 of 4,000 files, about 6 s left"


def test_more_is_never_done_than_there_is() -> None:
    progress = reader()
    read(progress, (101.0, RESOLVED))
    progress.count_packages(12)
    progress.count_files(5, total=4)
    told = progress.progress(now=101.0)
    assert (told.packages_done, told.files_done) == (10, 4)


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        (BuildStep.WAITING, "Another start is already installing this software"),
        (BuildStep.CHECKING, "Checking what was installed"),
    ],
)
def test_steps_without_a_measure_are_a_plain_sentence(step: BuildStep, sentence: str) -> None:
    assert BuildProgress(step=step).sentence == sentence


def test_all_in_the_cache_is_said_so() -> None:
    told = BuildProgress(step=BuildStep.DOWNLOADING, bytes_total=0, seconds_left=0.2)
    assert told.sentence == "Downloading packages: all of them are here already, about 1 s left"


def test_progress_reaches_another_process_unchanged() -> None:
    told = BuildProgress(
        step=BuildStep.INSTALLING,
        packages_done=3,
        packages_total=10,
        bytes_total=5,
        seconds_left=1.5,
        printed=("Resolved 10 packages",),
    )
    assert BuildProgress.from_json(json.loads(json.dumps(told.as_json()))) == told
