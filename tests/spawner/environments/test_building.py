"""An environment is built once, complete or not at all, from real locks by the real uv."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from spawner.environments import BuildFailed, BuildStep, EnvironmentStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from studiolo.catalog import Environment

    MakeEnvironment = Callable[..., Environment]

NO_HASH = "0" * 64


async def until(condition: Callable[[], object]) -> None:
    """Waits for something another process does."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - another process sets no event of ours
            await asyncio.sleep(0.02)


def left_overs(root: Path) -> list[str]:
    return sorted(path.name for path in root.glob(".building/*") if not path.name.endswith(".lock"))


def contents(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir() if path.name != ".building")


async def test_a_built_environment_imports_what_was_locked(
    store: EnvironmentStore, make_environment: MakeEnvironment, watcher: Any
) -> None:
    environment = make_environment()
    assert not store.is_ready(environment)
    folder = await store.build(environment, watcher)
    assert store.is_ready(environment)
    assert store.python(environment) == folder / "bin" / "python"
    printed = subprocess.run(  # noqa: ASYNC221 - nothing else runs meanwhile
        [store.python(environment), "-c", "import six, sys; print(six.__file__); print(sys.prefix)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert printed[0].startswith(str(folder))
    assert printed[1] == str(folder)


async def test_a_built_environment_holds_the_settings_that_every_environment_has(
    store: EnvironmentStore, make_environment: MakeEnvironment, watcher: Any
) -> None:
    folder = await store.build(make_environment(), watcher)
    assert (folder / "etc/jupyter/jupyter_server_config.d/zz-studiolo.json").is_file()
    assert (folder / "etc/jupyter/labconfig/default_setting_overrides.json").is_file()


async def test_files_beside_the_lock_are_in_the_environment(
    store: EnvironmentStore, make_environment: MakeEnvironment, watcher: Any
) -> None:
    environment = make_environment(files={"share/jupyter/kernels/ir/kernel.json": "{}"})
    folder = await store.build(environment, watcher)
    assert (folder / "share/jupyter/kernels/ir/kernel.json").read_text() == "{}"


async def test_a_file_that_lies_over_a_package_leaves_the_cache_as_it_is(
    store: EnvironmentStore, make_environment: MakeEnvironment, watcher: Any
) -> None:
    plain = await store.build(make_environment(), watcher)
    module = next(plain.rglob("six.py")).relative_to(plain)
    changed = await store.build(make_environment(name="other", files={str(module): "changed = True\n"}), watcher)
    assert (changed / module).read_text() == "changed = True\n"
    assert (plain / module).read_text() != "changed = True\n"


async def test_modules_are_compiled_and_never_looked_at_again(
    store: EnvironmentStore, make_environment: MakeEnvironment, watcher: Any
) -> None:
    folder = await store.build(make_environment(), watcher)
    compiled = next(folder.rglob("six.*.pyc")).read_bytes()
    assert int.from_bytes(compiled[4:8], "little") == 0b01


async def test_nobody_installs_into_what_all_share(
    store: EnvironmentStore, make_environment: MakeEnvironment, watcher: Any
) -> None:
    folder = await store.build(make_environment(), watcher)
    folders = [folder, *(path for path in folder.rglob("*") if path.is_dir() and not path.is_symlink())]
    assert not [path for path in folders if path.stat().st_mode & 0o222]


async def test_packages_are_hard_links_into_the_cache(
    store: EnvironmentStore, make_environment: MakeEnvironment, watcher: Any, tmp_path: Path
) -> None:
    store = EnvironmentStore(tmp_path / "environments", cache=tmp_path / "cache", log=store._log)
    folder = await store.build(make_environment(), watcher)
    assert next(folder.rglob("six.py")).stat().st_nlink > 1


@pytest.mark.skipif(
    not Path("/dev/shm").is_dir() or Path("/dev/shm").stat().st_dev == Path("/tmp").stat().st_dev,
    reason="needs a second file system that everybody may write to",
)
async def test_on_another_file_system_packages_are_copied(
    store: EnvironmentStore, make_environment: MakeEnvironment, watcher: Any, tmp_path: Path
) -> None:
    elsewhere = Path("/dev/shm") / f"studiolo-test-{os.getpid()}"
    store = EnvironmentStore(elsewhere, cache=tmp_path / "cache", log=store._log)
    try:
        folder = await store.build(make_environment(), watcher)
        assert next(folder.rglob("six.py")).stat().st_nlink == 1
    finally:
        store.prune([])
        shutil.rmtree(elsewhere)


async def test_what_is_built_is_used_at_once(
    store: EnvironmentStore, make_environment: MakeEnvironment, watcher: Any, uv: Any
) -> None:
    environment = make_environment()
    first = await store.build(environment, watcher)
    calls = uv.calls
    assert await store.build(environment, watcher) == first
    assert uv.calls == calls


async def test_ten_callers_at_the_same_moment_have_it_built_once(
    store: EnvironmentStore, make_environment: MakeEnvironment, uv: Any
) -> None:
    environment = make_environment()
    folders = await asyncio.gather(*(store.build(environment, lambda _: None) for _ in range(10)))
    assert len(set(folders)) == 1
    assert [call.split()[0] for call in uv.calls] == ["venv", "pip"]


async def test_two_entries_with_the_same_lock_share_one(
    store: EnvironmentStore, make_environment: MakeEnvironment, watcher: Any
) -> None:
    one = await store.build(make_environment(name="one"), watcher)
    assert await store.build(make_environment(name="two"), watcher) == one


async def test_two_processes_build_it_once_and_both_see_how_far_it_is(
    root: Path, store: EnvironmentStore, make_environment: MakeEnvironment, uv: Any, watcher: Any
) -> None:
    environment = make_environment()
    other = EnvironmentStore(root, log=store._log)  # another process has a store of its own, and the same folder
    uv.hold()
    first = asyncio.create_task(store.build(environment, lambda _: None))
    await until(lambda: len(uv.calls) == 2)
    second = asyncio.create_task(other.build(environment, watcher))
    await until(lambda: watcher.told)
    uv.release()
    assert await first == await second
    assert len(uv.calls) == 2
    assert {told.step for told in watcher.told} <= set(BuildStep)


async def test_a_cancelled_build_leaves_nothing_and_the_next_one_succeeds(
    root: Path, store: EnvironmentStore, make_environment: MakeEnvironment, uv: Any, watcher: Any
) -> None:
    environment = make_environment()
    uv.hold()
    build = asyncio.create_task(store.build(environment, watcher))
    await until(lambda: len(uv.calls) == 2)
    build.cancel()
    with pytest.raises(asyncio.CancelledError):
        await build
    assert left_overs(root) == []
    assert contents(root) == []
    uv.release()
    assert (await store.build(environment, watcher)).is_dir()


async def test_a_build_goes_on_while_somebody_still_waits_for_it(
    store: EnvironmentStore, make_environment: MakeEnvironment, uv: Any
) -> None:
    environment = make_environment()
    uv.hold()
    leaving, staying = (asyncio.create_task(store.build(environment, lambda _: None)) for _ in range(2))
    await until(lambda: len(uv.calls) == 2)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    uv.release()
    assert (await staying).is_dir()
    assert len(uv.calls) == 2


async def test_who_asks_while_a_build_is_being_cancelled_gets_a_build_of_their_own(
    store: EnvironmentStore, make_environment: MakeEnvironment, uv: Any
) -> None:
    environment = make_environment()
    uv.hold()
    leaving = asyncio.create_task(store.build(environment, lambda _: None))
    await until(lambda: len(uv.calls) == 2)
    leaving.cancel()
    await asyncio.sleep(0)
    arriving = asyncio.create_task(store.build(environment, lambda _: None))
    uv.release()
    assert (await arriving).is_dir()


BUILD_IN_ANOTHER_PROCESS = """
import asyncio, logging, sys
from pathlib import Path
from spawner import environment_build
from spawner.environments import EnvironmentStore
from studiolo.catalog import Environment
root, lock, uv = map(Path, sys.argv[1:])
environment_build.uv_command = lambda: (str(uv),)
store = EnvironmentStore(root, log=logging.getLogger())
asyncio.run(store.build(Environment(name="small", title="Small", requirements=lock), lambda _: None))
"""


async def test_a_killed_builder_leaves_nothing_that_looks_finished(
    root: Path, store: EnvironmentStore, make_environment: MakeEnvironment, uv: Any, watcher: Any
) -> None:
    environment = make_environment()
    uv.hold()
    builder = subprocess.Popen(  # noqa: ASYNC220 - it must outlive this loop's care
        [sys.executable, "-c", BUILD_IN_ANOTHER_PROCESS, root, environment.requirements, uv.script]
    )
    await until(lambda: len(uv.calls) == 2)
    builder.kill()
    builder.wait()
    assert contents(root) == []
    assert not store.is_ready(environment)
    assert [name for name in left_overs(root) if "-" in name]
    # Its uv lives on and may still write: the next build waits until that has ended, then begins from nothing.
    build = asyncio.create_task(store.build(environment, watcher))
    await until(lambda: watcher.told)
    assert len(uv.calls) == 2
    uv.release()
    folder = await build
    assert (folder / "bin" / "python").exists()
    assert left_overs(root) == []
    assert len(uv.calls) == 4


async def test_an_environment_whose_python_has_gone_is_built_anew(
    store: EnvironmentStore, make_environment: MakeEnvironment, watcher: Any
) -> None:
    environment = make_environment()
    folder = await store.build(environment, watcher)
    (folder / "bin").chmod(stat.S_IRWXU)
    (folder / "bin" / "python").unlink()
    assert not store.is_ready(environment)
    await store.build(environment, watcher)
    assert store.is_ready(environment)


async def test_a_wrong_hash_is_refused_with_the_reason(
    root: Path, store: EnvironmentStore, make_environment: MakeEnvironment, watcher: Any
) -> None:
    with pytest.raises(BuildFailed) as failure:
        await store.build(make_environment(f"six==1.17.0 --hash=sha256:{NO_HASH}\n"), watcher)
    assert "six==1.17.0 is not what was locked" in failure.value.reason
    assert any("Hash mismatch" in line for line in failure.value.log_tail)
    assert left_overs(root) == []


async def test_a_package_that_would_have_to_be_compiled_is_refused_with_the_reason(
    store: EnvironmentStore, make_environment: MakeEnvironment, watcher: Any
) -> None:
    with pytest.raises(BuildFailed) as failure:
        await store.build(make_environment(f"docopt==0.6.2 --hash=sha256:{NO_HASH}\n"), watcher)
    assert failure.value.reason == (
        "docopt==0.6.2 cannot be installed here: it has no wheel for this Python, and nothing is compiled."
    )


async def test_a_failed_build_can_be_tried_again(
    store: EnvironmentStore, make_environment: MakeEnvironment, watcher: Any
) -> None:
    with pytest.raises(BuildFailed):
        await store.build(make_environment(f"six==1.17.0 --hash=sha256:{NO_HASH}\n"), watcher)
    assert (await store.build(make_environment(), watcher)).is_dir()


async def test_a_package_that_slows_every_start_is_refused(
    store: EnvironmentStore, make_environment: MakeEnvironment, watcher: Any
) -> None:
    files = {f"lib/python3.{sys.version_info.minor}/site-packages/rfc3987_syntax/__init__.py": ""}
    with pytest.raises(BuildFailed, match="rfc3987_syntax is installed"):
        await store.build(make_environment(files=files), watcher)


async def test_a_file_that_is_no_python_does_not_stop_a_build(
    store: EnvironmentStore, make_environment: MakeEnvironment, watcher: Any
) -> None:
    files = {f"lib/python3.{sys.version_info.minor}/site-packages/template.py": "{{ not }} python"}
    assert (await store.build(make_environment(files=files), watcher)).is_dir()


async def test_a_folder_that_cannot_be_written_is_said_so(
    store: EnvironmentStore, make_environment: MakeEnvironment, watcher: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    store = EnvironmentStore(tmp_path / "file" / "environments", log=store._log)
    with pytest.raises(BuildFailed, match="cannot be written"):
        await store.build(make_environment(), watcher)


async def test_a_lock_that_has_gone_is_said_so(
    store: EnvironmentStore, make_environment: MakeEnvironment, watcher: Any
) -> None:
    environment = make_environment()
    environment.requirements.unlink()
    with pytest.raises(BuildFailed, match="cannot be read: No such file or directory"):
        await store.build(environment, watcher)


async def test_software_for_kubernetes_alone_is_said_so(
    store: EnvironmentStore, make_environment: MakeEnvironment, watcher: Any
) -> None:
    environment = make_environment().model_copy(update={"requirements": None})
    with pytest.raises(BuildFailed, match="runs on Kubernetes only"):
        await store.build(environment, watcher)


def test_programs_that_no_lock_brings_are_named_when_they_are_missing(
    store: EnvironmentStore, make_environment: MakeEnvironment
) -> None:
    environment = make_environment().model_copy(update={"programs": ("sh", "no-such-program")})
    assert store.missing_programs(environment) == ("no-such-program",)
