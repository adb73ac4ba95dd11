"""What lies on disk, who uses it, and what may be removed."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from spawner.admission import Held
from spawner.environment_lock import try_lock
from spawner.environment_shelf import Shelf
from spawner.processes import identify
from spawner.record import WorkspaceRecord

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from spawner.environments import EnvironmentStore
    from studiolo.catalog import Environment

    MakeEnvironment = Callable[..., Environment]


def record(digest: str, **changes: Any) -> WorkspaceRecord:
    held = Held(key="alice--default", memory_bytes=1, cpu_cores=1.0, gpus=())
    known = WorkspaceRecord(
        start_id="1", held=held, url="http://127.0.0.1:1", environment_digest=digest, started_at=datetime.now(UTC)
    )
    return replace(known, **changes)


def write(root: Path, known: WorkspaceRecord) -> None:
    folder = root.parent / "workspaces" / "alice--default"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "record.json").write_text(known.to_json())


async def test_a_built_environment_is_listed_with_its_cost(
    store: EnvironmentStore, make_environment: MakeEnvironment, watcher: Any
) -> None:
    environment = make_environment()
    await store.build(environment, watcher)
    (built,) = store.on_disk([environment])
    assert built.names == ("small",)
    assert built.digest == store.identify(environment).digest
    assert built.packages == 1
    assert built.bytes > 10_000
    assert (built.in_use, built.is_named) == (False, True)


async def test_an_environment_is_listed_under_every_name_that_uses_it(
    store: EnvironmentStore, make_environment: MakeEnvironment, watcher: Any
) -> None:
    one, two = make_environment(name="one"), make_environment(name="two")
    await store.build(one, watcher)
    assert [built.names for built in store.on_disk([one, two])] == [("one", "two")]
    assert [built.names for built in store.on_disk([])] == [("one",)]


async def test_a_lock_that_cannot_be_read_does_not_break_the_list(
    store: EnvironmentStore, make_environment: MakeEnvironment, watcher: Any
) -> None:
    one, two = make_environment(name="one"), make_environment(name="two")
    await store.build(one, watcher)
    two.requirements.unlink()
    assert [built.names for built in store.on_disk([one, two])] == [("one",)]


async def test_the_last_used_is_listed_first(
    store: EnvironmentStore, make_environment: MakeEnvironment, watcher: Any
) -> None:
    one, two = make_environment(name="one"), make_environment(name="two", files={"share/other": ""})
    await store.build(one, watcher)
    folder = await store.build(two, watcher)
    os.utime(folder / "studiolo-environment.json", (0, 0))
    assert [built.names for built in store.on_disk()] == [("one",), ("two",)]
    await store.build(two, watcher)
    assert [built.names for built in store.on_disk()] == [("two",), ("one",)]


async def test_prune_removes_what_no_entry_names(
    root: Path, store: EnvironmentStore, make_environment: MakeEnvironment, watcher: Any
) -> None:
    kept, unused = make_environment(name="kept"), make_environment(name="unused", files={"share/other": ""})
    await store.build(kept, watcher)
    folder = await store.build(unused, watcher)
    assert [built.names for built in store.prune([kept])] == [("unused",)]
    assert folder.name not in os.listdir(root)  # noqa: PTH208 - what the shell would show
    assert store.is_ready(kept)
    left = root.glob(".building/*")  # noqa: ASYNC240 - nothing else runs meanwhile
    assert [path.suffix for path in left] == [".lock", ".lock"]


async def test_prune_keeps_what_a_running_workspace_uses(
    root: Path, store: EnvironmentStore, make_environment: MakeEnvironment, watcher: Any
) -> None:
    environment = make_environment()
    await store.build(environment, watcher)
    write(root, record(store.identify(environment).digest, keeper=identify(os.getpid())))
    assert store.prune([]) == ()
    assert store.on_disk()[0].in_use


async def test_prune_keeps_what_a_workspace_is_about_to_use(
    root: Path, store: EnvironmentStore, make_environment: MakeEnvironment, watcher: Any
) -> None:
    environment = make_environment()
    await store.build(environment, watcher)
    write(root, record(store.identify(environment).digest))
    assert store.prune([]) == ()


async def test_prune_removes_what_an_ended_workspace_used(
    root: Path, store: EnvironmentStore, make_environment: MakeEnvironment, watcher: Any
) -> None:
    environment = make_environment()
    await store.build(environment, watcher)
    gone = replace(identify(os.getpid()), pid=2**22 - 3)
    write(root, record(store.identify(environment).digest, keeper=gone))
    assert len(store.prune([])) == 1


async def test_prune_keeps_what_the_caller_says_is_in_use(
    store: EnvironmentStore, make_environment: MakeEnvironment, watcher: Any
) -> None:
    environment = make_environment()
    await store.build(environment, watcher)
    assert store.prune([], in_use=[store.identify(environment).digest]) == ()


async def test_prune_removes_what_dead_builders_left_and_nothing_of_living_ones(
    root: Path, store: EnvironmentStore
) -> None:
    for name in ("aaaaaaaaaaaa-1", "bbbbbbbbbbbb-1"):
        (root / ".building" / name / "lib").mkdir(parents=True)
    with try_lock(root / ".building" / "bbbbbbbbbbbb.lock"):
        store.prune([])
    assert not (root / ".building" / "aaaaaaaaaaaa-1").exists()
    assert (root / ".building" / "bbbbbbbbbbbb-1").exists()


async def test_prune_leaves_what_somebody_builds_just_now(
    root: Path, store: EnvironmentStore, make_environment: MakeEnvironment, watcher: Any
) -> None:
    environment = make_environment()
    await store.build(environment, watcher)
    with try_lock(Shelf(root).lock(store.identify(environment))):
        assert store.prune([]) == ()
    assert store.is_ready(environment)


async def test_a_pruned_environment_can_be_built_again(
    store: EnvironmentStore, make_environment: MakeEnvironment, watcher: Any
) -> None:
    environment = make_environment()
    await store.build(environment, watcher)
    store.prune([])
    assert not store.is_ready(environment)
    assert (await store.build(environment, watcher)).is_dir()


async def test_a_folder_without_a_readable_manifest_is_not_listed(root: Path, store: EnvironmentStore) -> None:
    for name, text in {"half": "{", "empty": "{}", "list": "[]"}.items():
        (root / name).mkdir(parents=True)
        (root / name / "studiolo-environment.json").write_text(text)
    assert store.on_disk() == ()


async def test_the_pace_of_earlier_builds_is_remembered(
    root: Path, store: EnvironmentStore, make_environment: MakeEnvironment, watcher: Any
) -> None:
    assert Shelf(root).pace().seconds_per_package is None
    folder = await store.build(make_environment(), watcher)
    manifest = json.loads((folder / "studiolo-environment.json").read_text())
    assert Shelf(root).pace().seconds_per_package == manifest["seconds_after_download"] > 0


def test_nothing_on_disk_is_an_empty_list(store: EnvironmentStore) -> None:
    assert store.on_disk() == ()
    assert store.prune([]) == ()
