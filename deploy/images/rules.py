"""What holds in every image that workspaces run: each rule looks at an image's files and gives a finding, or None.

Those that hold for environments on one machine too are asked of `spawner/environment_rules.py`.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from deploy.images.image_files import Kind
from deploy.images.secrets_in_files import SecretFile, secret_files
from spawner.environment_rules import (
    has_language_server,
    may_install_extensions,
    may_link_commands,
    slow_packages,
    uncompiled,
)
from studiolo.secret_patterns import looks_like_secret

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deploy.images.image_files import Entry, ImageFiles

EXAMPLES: Final = 3
HEAD_BYTES: Final = 16
"""Of a .pyc: Python's number, how it is checked, the hash of its source."""

READABLE, ENTERABLE, GROUP_WRITABLE, OTHERS_WRITE = 0o004, 0o005, 0o070, 0o007
NOT_IMPORTED: Final = frozenset({"test", "tests", "idlelib", "turtledemo", "site-packages", "dist-packages"})
"""Folders of Python's own library that no server imports, or that are looked at as packages."""

_PYTHON_FOLDER = re.compile(r"python3\.(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rule that does not hold."""

    rule: str
    what: str
    cost: str
    """What it costs whoever works in the image."""
    mend: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The Python that the server runs in."""

    prefix: str
    packages: str
    """Its site-packages."""
    library: str
    """Python's own library, which another prefix may have."""
    minor: int

    @property
    def cache_tag(self) -> str:
        """In the names of compiled files."""
        return f"cpython-3{self.minor}"


class Facts:
    """An image, the environment in it, and the hub's version it has to fit."""

    def __init__(self, image: ImageFiles, *, hub_version: str) -> None:
        """`hub_version`: of JupyterHub, as `6.1.1`."""
        self.image = image
        self.hub_version = hub_version

    @cached_property
    def environment(self) -> Environment | None:
        """The first Python on PATH with packages of its own."""
        for folder in self.image.config.path:
            if any(self.image.resolve(f"{folder}/{name}") for name in ("python3", "python")):
                prefix = str(PurePosixPath(folder).parent)
                if (found := self._environment_at(prefix)) is not None:
                    return found
        return None

    def _environment_at(self, prefix: str) -> Environment | None:
        for path, entry in self.image.below(f"{prefix.rstrip('/')}/lib"):
            match = _PYTHON_FOLDER.fullmatch(PurePosixPath(path).parent.name)
            if match and path.endswith("/site-packages") and entry.kind is Kind.FOLDER:
                return Environment(
                    prefix=prefix,
                    packages=path,
                    library=self._library(prefix, PurePosixPath(path).parent.name),
                    minor=int(match[1]),
                )
        return None

    def _library(self, prefix: str, name: str) -> str:
        """A virtual environment says in a file whose library it uses."""
        described = self.image.root / prefix.lstrip("/") / "pyvenv.cfg"
        if described.is_file():
            for line in described.read_text(encoding="utf-8", errors="replace").splitlines():
                key, _, value = line.partition("=")
                if key.strip() == "home":
                    return str(PurePosixPath(value.strip()).parent / "lib" / name)
        return f"{prefix}/lib/{name}"

    def on_disk(self, path: str) -> Path:
        """Where the files below a path of the image lie here."""
        return self.image.root / path.lstrip("/")


def any_uid(facts: Facts) -> Finding | None:
    """The image names a numeric user that is not root, and works as any other: home, environment, program."""
    image, what = facts.image, []
    uid = image.config.user.partition(":")[0]
    if not uid.isdigit() or int(uid) == 0:
        what.append(f'USER is "{image.config.user}", not the number of a user')
    home = image.config.env.get("HOME", "")
    entry = image.entries.get(image.resolve(home) or "") if home else None
    if entry is None or entry.kind is not Kind.FOLDER:
        what.append("HOME names no folder")
    elif not (
        entry.mode & OTHERS_WRITE == OTHERS_WRITE or (entry.gid == 0 and entry.mode & GROUP_WRITABLE == GROUP_WRITABLE)
    ):
        what.append(f"{home} cannot be written by group 0")
    environment = facts.environment
    if environment is not None and (closed := [p for p, e in image.below(environment.prefix) if not _is_open(e)]):
        what.append(f"{len(closed)} files of the environment are closed to others, such as {closed[0]}")
    return _finding(
        "any-uid",
        what,
        cost="Namespaces with Pod Security restricted, and platforms that give out user numbers, cannot run it.",
        mend="USER 1000:1000; chgrp 0 and chmod g=u for HOME; chmod -R a+rX for the environment.",
    )


def compiled(facts: Facts) -> Finding | None:
    """Every Python file is compiled, from what lies beside it, and no start checks that again."""
    environment = facts.environment
    if environment is None:
        return None
    packages, library = facts.on_disk(environment.packages), facts.on_disk(environment.library)
    missing = [*uncompiled(packages, cache_tag=environment.cache_tag)]
    of_python = uncompiled(library, cache_tag=environment.cache_tag)
    missing += [path for path in of_python if NOT_IMPORTED.isdisjoint(path.relative_to(library).parts)]
    wrong = _made_from_something_else(packages, environment)
    what = _counted(missing, facts, "are not compiled with an unchecked hash")
    what += _counted(wrong, facts, "were compiled from another text than lies beside them")
    return _finding(
        "compiled",
        what,
        cost="Each start compiles or checks thousands of files, for 2 s and more. A stale one runs code nobody sees.",
        mend="As the last step: python -m compileall -q -f -j 0 --invalidation-mode unchecked-hash FOLDER",
    )


def slow_import(facts: Facts) -> Finding | None:
    """Nothing is installed that takes a second of every start and is not needed."""
    environment = facts.environment
    found = slow_packages(facts.on_disk(environment.packages)) if environment else ()
    return _finding(
        "slow-import",
        [f"the package {name} is installed" for name in found],
        cost="One second of every start, for a format that no schema of Jupyter uses.",
        mend="uv pip uninstall rfc3987-syntax lark, or lock with images/overrides.txt.",
    )


def node(facts: Facts) -> Finding | None:
    """No `node` on the server's PATH."""
    found = [path for name in ("node", "nodejs") if (path := facts.image.find_program(name))]
    return _finding(
        "node",
        [f"{path} is on PATH" for path in found[:1]],
        cost="JupyterLab runs it at each start, for a setting that only builds need: half a second and more.",
        mend="Leave it out, or put it in a folder that is not on PATH and let those who need it add it.",
    )


def jupyterhub(facts: Facts) -> Finding | None:
    """JupyterHub is installed, and the hub knows how to talk to this version."""
    environment = facts.environment
    folder = facts.on_disk(environment.packages) if environment else None
    found = sorted(path.name for path in folder.glob("jupyterhub-*.dist-info")) if folder and folder.is_dir() else []
    version = found[0].removeprefix("jupyterhub-").removesuffix(".dist-info") if found else None
    if version is not None and version.split(".")[:2] == facts.hub_version.split(".")[:2]:
        return None
    what = f"JupyterHub {version} is installed" if version else "No JupyterHub is installed in the first Python on PATH"
    return Finding(
        rule="jupyterhub",
        what=f"{what}; the hub is {facts.hub_version}.",
        cost="The server may not sign people in, or not report activity, and be stopped under them.",
        mend=f"Install jupyterhub=={'.'.join(facts.hub_version.split('.')[:2])}.* in the image.",
    )


def setuid(facts: Facts) -> Finding | None:
    """No program runs with its owner's or its group's rights."""
    found = [path for path, entry in facts.image.entries.items() if entry.kind is Kind.FILE and entry.mode & 0o6000]
    return _finding(
        "setuid",
        _named(found, "run with the rights of their owner or group"),
        cost="Whoever finds a flaw in one of them is root in the container.",
        mend="find / -xdev -type f -perm /6000 -exec chmod a-s {} + in the layer that brings them.",
    )


def secrets(facts: Facts) -> Finding | None:
    """No key, token or password in a file of any layer, in a variable, or in a step that was written down."""
    config = facts.image.config
    found: list[SecretFile] = list(secret_files(facts.image.kept))
    what = [f"{each.path} holds {each.kind}" for each in found[:EXAMPLES]]
    what += [
        f"the variable {name} holds what looks like one" for name, text in config.env.items() if looks_like_secret(text)
    ]
    if any(looks_like_secret(step) for step in config.history):
        what.append("a step in the image's history holds what looks like one")
    return _finding(
        "secrets",
        what,
        cost="Everybody who can pull the image has it, also when a later layer removes the file.",
        mend="Revoke it. Build with RUN --mount=type=secret; people keep theirs in their home.",
    )


def preload(facts: Facts) -> Finding | None:
    """The image's variables load nothing into every program."""
    found = [name for name in ("LD_PRELOAD", "LD_AUDIT") if facts.image.config.env.get(name)]
    return _finding(
        "preload",
        [f"ENV sets {name}" for name in found],
        cost="It is loaded into every program, the user's too: slower, and wrong where another C library is expected.",
        mend="Leave it out of ENV; set it for the one program that needs it.",
    )


def start_command(facts: Facts) -> Finding | None:
    """What runs when the pod says nothing is there, and so is every file that it names."""
    image = facts.image
    command = image.config.command
    what = [] if command else ["there is neither ENTRYPOINT nor CMD"]
    if command and image.find_program(command[0]) is None:
        what.append(f"{command[0]} is no program in the image")
    named = [word for word in command[1:] if word.startswith("/") and image.resolve(word) is None]
    what += [f"{word} is not in the image" for word in named]
    return _finding(
        "start-command",
        what,
        cost="No workspace starts from it: the container ends at once.",
        mend='Build on our base, or CMD ["jupyterhub-singleuser"].',
    )


def language_server(facts: Facts) -> Finding | None:
    """JupyterLab's language servers are off."""
    if facts.environment is None or not has_language_server(facts.on_disk(facts.environment.prefix)):
        return None
    return Finding(
        rule="language-server",
        what="The server extension jupyter_lsp is on.",
        cost="It looks for a dozen programs at each start, and runs one per language and notebook: memory of the user.",
        mend=f"In {_SERVER_SETTINGS}: ServerApp.jpserver_extensions.jupyter_lsp: false",
    )


def extension_manager(facts: Facts) -> Finding | None:
    """JupyterLab's extension manager installs nothing."""
    if facts.environment is None or not may_install_extensions(facts.on_disk(facts.environment.prefix)):
        return None
    return Finding(
        rule="extension-manager",
        what="JupyterLab's extension manager may install packages.",
        cost="It offers what cannot work on a read-only image, and where it can, the next start has lost it.",
        mend=f'In {_SERVER_SETTINGS}: LabApp.extension_manager: "readonly"',
    )


def command_linker(facts: Facts) -> Finding | None:
    """A link in somebody's notebook runs no command of JupyterLab."""
    if facts.environment is None or not may_link_commands(facts.on_disk(facts.environment.prefix)):
        return None
    return Finding(
        rule="command-linker",
        what="Links in notebooks may run commands of JupyterLab.",
        cost="Whoever sends a notebook can make its reader run something with one click.",
        mend="In etc/jupyter/labconfig/default_setting_overrides.json: "
        '"@jupyterlab/apputils-extension:sanitizer": {"allowCommandLinker": false}',
    )


_SERVER_SETTINGS: Final = "etc/jupyter/jupyter_server_config.d/*.json of the environment"

RULES: Final[tuple[Callable[[Facts], Finding | None], ...]] = (
    any_uid,
    compiled,
    slow_import,
    node,
    jupyterhub,
    setuid,
    secrets,
    preload,
    start_command,
    language_server,
    extension_manager,
    command_linker,
)


def broken(facts: Facts) -> tuple[Finding, ...]:
    """What does not hold, in the order of the rules."""
    return tuple(finding for rule in RULES if (finding := rule(facts)) is not None)


def _is_open(entry: Entry) -> bool:
    wanted = ENTERABLE if entry.kind is Kind.FOLDER else READABLE
    return entry.kind not in {Kind.FILE, Kind.FOLDER} or entry.mode & wanted == wanted


def _made_from_something_else(packages: Path, environment: Environment) -> list[Path]:
    """Only for our own version of Python, whose way to hash a source is known here."""
    if environment.minor != sys.version_info.minor:
        return []
    wrong = []
    for source in sorted(packages.rglob("*.py")):
        made = source.parent / "__pycache__" / f"{source.stem}.{environment.cache_tag}.pyc"
        if made.is_file():
            head = made.read_bytes()[:HEAD_BYTES]
            has_hash = int.from_bytes(head[4:8], "little") & 1
            if has_hash and head[8:] != importlib.util.source_hash(source.read_bytes()):
                wrong.append(source)
    return wrong


def _counted(paths: list[Path], facts: Facts, claim: str) -> list[str]:
    names = [f"/{path.relative_to(facts.image.root)}" for path in paths]
    return _named(names, claim)


def _named(names: list[str], claim: str) -> list[str]:
    if not names:
        return []
    return [f"{len(names)} files {claim}, such as {', '.join(names[:EXAMPLES])}"]


def _finding(rule: str, what: list[str], *, cost: str, mend: str) -> Finding | None:
    if not what:
        return None
    sentence = "; ".join(what)
    return Finding(rule=rule, what=f"{sentence[0].upper()}{sentence[1:]}.", cost=cost, mend=mend)
