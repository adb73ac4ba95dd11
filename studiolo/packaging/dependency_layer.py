"""The layer with what a model needs and its base has not: wheels, by their hashes, compiled. The thin edge over uv.

Nothing of a package runs: a wheel is unpacked, a source distribution is refused. The same lock gives the same layer.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import platformdirs
from packaging.utils import canonicalize_name

from studiolo.packaging.assemble import ReadyLayer
from studiolo.packaging.errors import PackagingError
from studiolo.packaging.layers import Compression, Layer, LayerFile, write_layer
from studiolo.packaging.locks import lock_text, read_lock
from studiolo.packaging.plan import PACKAGES
from studiolo.packaging.requirements import Installed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from studiolo.packaging.requirements import Needed

VERSION: Final = 1
"""Part of each cache key: raise it when the same lock gives other bytes."""

_ASK_PYTHON: Final = """
import importlib.metadata as m, json, platform, sys
print(json.dumps({
    "versions": {d.metadata["Name"]: d.version for d in reversed(list(m.distributions())) if d.metadata["Name"]},
    "imports": {name: found[0] for name, found in m.packages_distributions().items()},
    "python": platform.python_version(), "machine": sys.platform + "-" + platform.machine(),
}))
"""


OWN_PACKAGES: Final = "STUDIOLO_PACKAGES"
"""Names the folder with what a person installed beside the environment of a workspace: `images/packages`."""

_WITH_OWN: Final = """
import os
try:
    import studiolo_packages as p
except ImportError:
    pass
else:
    p.begin(p.folder(os.environ))
"""
"""Also where the variable is not set: a server has none, and its person's kernels see the folder all the same."""


class DependenciesRefused(PackagingError):
    """What the model needs cannot be had as wheels. Its text says of which package."""

    code = "dependencies_refused"

    def __init__(self, sentence: str, *, hint: str = "", packages: tuple[str, ...] = ()) -> None:
        """`packages`: those that have no wheel, which a slow build could make from their source."""
        super().__init__(sentence, hint=hint)
        self.packages = packages


_NO_WHEEL: Final = re.compile(
    r"([A-Za-z0-9][\w.-]*)==\S+ has no (?:usable )?wheels"
    r"|[Ww]heels are required for `([A-Za-z0-9][\w.-]*)` because building from source is disabled"
)
"""uv 0.9 to 0.13, in both ways in which it says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonFacts:
    """What is known of some Python."""

    executable: Path
    version: str
    machine: str
    installed: Installed

    @property
    def freeze(self) -> str:
        """What is installed, as `pip freeze` says it."""
        return "".join(f"{name}=={version}\n" for name, version in sorted(self.installed.versions.items()))


def ask_python(executable: Path, *, is_alone: bool = True) -> PythonFacts:
    """What is installed for a Python. Raises PackagingError where it cannot be asked.

    `is_alone`: without what its person has beside it (PYTHONPATH, the folder of their own packages).
    """
    try:
        told = subprocess.run(
            [executable, "-I" if is_alone else "-P", "-c", _ASK_PYTHON if is_alone else _WITH_OWN + _ASK_PYTHON],
            env={name: value for name, value in os.environ.items() if not is_alone or name != OWN_PACKAGES},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        facts: dict[str, Any] = json.loads(told.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise PackagingError(f"{executable} does not say what is installed for it ({error}).") from error
    versions: dict[str, str] = {canonicalize_name(name): version for name, version in facts["versions"].items()}
    return PythonFacts(
        executable=executable,
        version=facts["python"],
        machine=facts["machine"],
        installed=Installed(versions=versions, of_imports=facts["imports"]),
    )


def lock_of(
    needed: Sequence[Needed],
    python: PythonFacts,
    *,
    base: Installed | None = None,
    index_url: str | None = None,
    sources: Collection[str] = (),
) -> str:
    """The lock of what the base lacks: each version with its hashes. Raises DependenciesRefused.

    Versions are those of `python` where it has them; `base` is what is there anyway, where that is something else.
    `sources`: names of packages that may have no wheel, for a slow build, which makes them from their source.
    """
    if not needed:
        return ""
    with tempfile.TemporaryDirectory() as folder:
        wanted, constraints = Path(folder, "wanted.in"), Path(folder, "base.txt")
        wanted.write_text("".join(f"{one.requirement}\n" for one in needed), encoding="utf-8")
        # What is asked for in another version than the base's comes into the layer, which is found first.
        asked = {canonicalize_name(re.split(r"[^\w.-]", one.requirement)[0]) for one in needed}
        constraints.write_text(
            "".join(line for line in python.freeze.splitlines(keepends=True) if line.partition("==")[0] not in asked),
            encoding="utf-8",
        )
        options = ("--generate-hashes", "--no-annotate", "--no-header", "--only-binary", ":all:", "--quiet")
        from_source = [f"--no-binary={name}" for name in sorted(sources)]
        words: list[str | Path] = [wanted, "--constraint", constraints, *options, *from_source]
        text = _uv("pip", "compile", *words, "--python", python.executable, index_url=index_url)
    problems: list[str] = []
    packages = read_lock("uv", text, problems)
    if problems:
        raise DependenciesRefused("\n".join(problems), hint="Name packages of the index, and nothing else.")
    return lock_text(packages, (base or python.installed).versions)


def dependency_layer(
    lock: str,
    python: PythonFacts,
    *,
    index_url: str | None = None,
    compression: Compression = Compression.ZSTD,
    cache: Path | None = None,
) -> ReadyLayer:
    """The layer of a lock; made once for each Python. Raises DependenciesRefused."""
    key = hashlib.sha256(
        "\0".join((str(VERSION), lock, python.version, python.machine, compression)).encode()
    ).hexdigest()[:32]
    place = (cache or cache_folder()) / key
    if not (place / "layer.json").is_file():
        _make(lock, python, place, index_url=index_url, compression=compression)
    known = json.loads((place / "layer.json").read_bytes())
    return ReadyLayer(layer=Layer(**known), opened=lambda: (place / "layer").open("rb"))


def cache_folder() -> Path:
    """Where layers are kept that were made."""
    return Path(platformdirs.user_cache_dir("studiolo")) / "models" / "layers"


def _make(lock: str, python: PythonFacts, place: Path, *, index_url: str | None, compression: Compression) -> None:
    """Makes the layer beside its place, and moves it there whole."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as folder:
        tree, ready, listed = Path(folder, "tree"), Path(folder, "ready"), Path(folder, "lock.txt")
        listed.write_text(lock, encoding="utf-8")
        _uv(
            *("pip", "install", "--target", tree, "--requirements", listed, "--python", python.executable),
            *("--require-hashes", "--no-deps", "--only-binary", ":all:", "--link-mode", "copy", "--quiet"),
            index_url=index_url,
        )
        _compile(tree, python)
        ready.mkdir()
        with (ready / "layer").open("wb") as target:
            layer = write_layer(_files(tree), target, compression=compression)
        known = {name: getattr(layer, name) for name in ("digest", "size", "diff_id", "media_type")}
        (ready / "layer.json").write_text(json.dumps(known), encoding="utf-8")
        try:
            ready.rename(place)
        except OSError:
            if not (place / "layer.json").is_file():  # no other process was faster: what is there is broken
                shutil.rmtree(place)
                ready.rename(place)


def _compile(tree: Path, python: PythonFacts) -> None:
    """Once, here: a container that cannot write would compile at every start. Files of no Python are left."""
    options = ("-q", "-f", "-j", "0", "--invalidation-mode", "unchecked-hash", "-s", tree, "-p", f"/{PACKAGES}")
    subprocess.run(
        [python.executable, "-I", "-m", "compileall", *options, tree],
        check=False,
        capture_output=True,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )


def _files(tree: Path) -> Iterator[LayerFile]:
    """What uv installed, without what says when, where and by whom."""
    for path in sorted(tree.rglob("*")):
        name = path.relative_to(tree).as_posix()
        if path.is_symlink() or not path.is_file() or _says_where(name):
            continue
        mode = 0o755 if os.access(path, os.X_OK) else 0o644
        yield LayerFile(path=f"{PACKAGES}/{name}", size=path.stat().st_size, read=path.read_bytes, mode=mode)


def _says_where(name: str) -> bool:
    """Files of an installation that differ from one place to the next: scripts, lock, caches of the installer."""
    return (
        name.startswith("bin/") or name == ".lock" or name.endswith((".dist-info/uv_cache.json", ".dist-info/RECORD"))
    )


def uv_command() -> tuple[str, ...]:
    """uv, beside our Python or on PATH. Raises PackagingError where there is none."""
    beside = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if beside is None:
        raise PackagingError("uv, which installs packages, is not there.", hint="Get it with: pip install uv")
    return (beside,)


def _uv(*words: str | Path, index_url: str | None) -> str:
    index = ("--default-index", index_url) if index_url is not None else ()
    env = {**os.environ, "NO_COLOR": "1", "UV_PYTHON_DOWNLOADS": "never", "PYTHONDONTWRITEBYTECODE": "1"}
    for name in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "UV_EXTRA_INDEX_URL", "UV_TARGET"):
        env.pop(name, None)
    done = subprocess.run([*uv_command(), *words, *index], capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        without = without_wheel(done.stderr)
        raise DependenciesRefused(_why(done.stderr), hint=_way_out(without), packages=without)
    return done.stdout


def _why(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return "What the model needs cannot be installed: " + " ".join(lines)[:1500]


def without_wheel(said: str) -> tuple[str, ...]:
    """Packages of which uv says that they have no wheel."""
    words = " ".join(said.split())
    return tuple(sorted({canonicalize_name(found[1] or found[2]) for found in _NO_WHEEL.finditer(words)}))


def _way_out(without: tuple[str, ...]) -> str:
    if without:
        return (
            f"There is no wheel for {' and '.join(without)}. Choose another version, an environment that has it, or "
            "ask for a base in which it is built once: studiolo model base ask."
        )
    return "Correct the requirements beside the notebook, or choose another base."


def index_of(env: Mapping[str, str]) -> str | None:
    """The package index that this machine's pip uses, for uv, which does not read pip's settings."""
    return env.get("UV_DEFAULT_INDEX") or env.get("UV_INDEX_URL") or env.get("PIP_INDEX_URL") or None
