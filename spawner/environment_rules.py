"""What holds in every environment that is finished, whatever its packages: applied after uv, then checked.

A server in an environment that breaks one of these starts two to six times slower (docs/performance.md), or lets one
person change what all of them run.
"""

from __future__ import annotations

import json
import shutil
import stat
import sys
from typing import TYPE_CHECKING, Any, Final

from spawner.environment_recipe import overlay_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

SLOW_TO_IMPORT: Final = ("rfc3987_syntax",)
"""Compiles parsers at import for a JSON-schema format that no Jupyter schema uses: one second of every start."""

UNCHECKED_HASH: Final = 0b01
"""Flags in a .pyc: made from the source's hash, and the source is not looked at again when it is imported."""


def site_packages(tree: Path) -> Path:
    """Where the packages of an environment lie."""
    return next((tree / "lib").glob("python*/site-packages"))


def lay_over(tree: Path, overlays: Iterable[Path]) -> None:
    """Copies the files of each overlay into the environment.

    A file in the way is removed first: it may be a hard link into uv's cache, and writing into it would change every
    other environment that has it.
    """
    for overlay in overlays:
        for source in overlay_files(overlay):
            target = tree / source.relative_to(overlay)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            shutil.copy2(source, target)


def broken_rules(tree: Path) -> tuple[str, ...]:
    """A sentence for each rule that does not hold; empty where all do."""
    return tuple(_broken_rules(tree))


def make_read_only(tree: Path) -> None:
    """Takes the right to add and remove files from everybody, the owner too: nobody installs into what all share.

    Only folders: the files are hard links, and their mode is that of uv's cache.
    """
    for folder in _folders(tree):
        folder.chmod(stat.S_IMODE(folder.stat().st_mode) & ~0o222)


def remove_tree(tree: Path) -> None:
    """Removes an environment, a read-only one too."""
    for folder in _folders(tree):
        folder.chmod(stat.S_IMODE(folder.stat().st_mode) | stat.S_IRWXU)
    shutil.rmtree(tree)


def size_bytes(tree: Path) -> int:
    """The bytes of all files, also of those that other environments share by hard links."""
    return sum(path.lstat().st_size for path in tree.rglob("*") if not path.is_dir())


def _broken_rules(tree: Path) -> Iterator[str]:
    packages = site_packages(tree)
    for name in slow_packages(packages):
        yield f"{name} is installed; it slows every start by a second. Lock without it (images/overrides.txt)."
    if missing := uncompiled(packages):
        examples = ", ".join(str(path.relative_to(packages)) for path in missing[:3])
        yield f"{len(missing)} files are not compiled, such as {examples}."
    if may_install_extensions(tree):
        yield "JupyterLab's extension manager may install packages into what all people share."
    if has_language_server(tree):
        yield "The language server extension is on."
    if may_link_commands(tree):
        yield "A link in a notebook may run a command of JupyterLab."


def slow_packages(packages: Path) -> tuple[str, ...]:
    """What is installed there and slows every start."""
    return tuple(name for name in SLOW_TO_IMPORT if (packages / name).exists() or (packages / f"{name}.py").exists())


def uncompiled(folder: Path, *, cache_tag: str = str(sys.implementation.cache_tag)) -> tuple[Path, ...]:
    """The Python files below a folder that every server compiles or looks at anew. `cache_tag`: as in `cpython-311`."""
    sources = sorted(folder.rglob("*.py"))
    return tuple(path for path in sources if not _is_compiled(path, cache_tag) and _can_be_compiled(path))


def may_install_extensions(tree: Path) -> bool:
    """Whether JupyterLab's extension manager writes into the environment."""
    return bool(_server_settings(tree).get("LabApp", {}).get("extension_manager") != "readonly")


def has_language_server(tree: Path) -> bool:
    """Whether the extension for language servers is on, as it is by default."""
    extensions = _server_settings(tree).get("ServerApp", {}).get("jpserver_extensions", {})
    return extensions.get("jupyter_lsp") is not False


def may_link_commands(tree: Path) -> bool:
    """Whether text that somebody else wrote may hold links that run a command of JupyterLab."""
    path = tree / "etc" / "jupyter" / "labconfig" / "default_setting_overrides.json"
    if not path.is_file():
        return True
    sanitizer = json.loads(path.read_text()).get("@jupyterlab/apputils-extension:sanitizer", {})
    return sanitizer.get("allowCommandLinker") is not False


def _is_compiled(source: Path, cache_tag: str) -> bool:
    compiled = source.parent / "__pycache__" / f"{source.stem}.{cache_tag}.pyc"
    try:
        with compiled.open("rb") as file:
            head = file.read(8)
    except OSError:
        return False
    return int.from_bytes(head[4:8], "little") == UNCHECKED_HASH


def _can_be_compiled(source: Path) -> bool:
    """Some packages ship templates and Python 2 as .py: nobody imports those."""
    try:
        compile(source.read_bytes(), str(source), "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


def _server_settings(tree: Path) -> dict[str, Any]:
    """What Jupyter makes of the environment's settings: later files over earlier ones."""
    merged: dict[str, Any] = {}
    for path in sorted((tree / "etc" / "jupyter" / "jupyter_server_config.d").glob("*.json")):
        _merge(merged, json.loads(path.read_text()))
    return merged


def _merge(into: dict[str, Any], new: dict[str, Any]) -> None:
    for key, value in new.items():
        if isinstance(value, dict):
            _merge(into.setdefault(key, {}), value)
        else:
            into[key] = value


def _folders(tree: Path) -> Iterator[Path]:
    yield tree
    yield from (path for path in tree.rglob("*") if path.is_dir() and not path.is_symlink())
