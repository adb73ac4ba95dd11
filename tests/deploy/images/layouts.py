"""OCI layouts made in a test: a tiny image in which every rule holds, and ways to break it."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import io
import json
import py_compile
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PYTHON = f"python3.{sys.version_info.minor}"
PACKAGES = f"/opt/environment/lib/{PYTHON}/site-packages"
LIBRARY = f"/usr/lib/{PYTHON}"
SETTINGS = "/opt/environment/etc/jupyter/jupyter_server_config.d/zz-studiolo.json"
OVERRIDES = "/opt/environment/etc/jupyter/labconfig/default_setting_overrides.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """What lies at a path: text, a folder (no content), or a link."""

    content: bytes | None = None
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    link: str = ""
    hard_link: str = ""


def folder(mode: int = 0o755, *, uid: int = 0, gid: int = 0) -> File:
    return File(mode=mode, uid=uid, gid=gid)


def text(content: str, mode: int = 0o644) -> File:
    return File(content=content.encode(), mode=mode)


def link(target: str) -> File:
    return File(link=target, mode=0o777)


def compiled(source: str, *, of: str | None = None) -> File:
    """A .pyc with an unchecked hash; `of` another source than lies beside it."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "module.py")
        path.write_text(of if of is not None else source)
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        made = py_compile.compile(str(path), invalidation_mode=mode, doraise=True)
        return File(content=Path(str(made)).read_bytes())


def cached(source: str) -> str:
    return importlib.util.cache_from_source(source)


def good_files() -> dict[str, File]:
    """An environment like ours, in a handful of files."""
    module, in_library = f"{PACKAGES}/jupyterlab/__init__.py", f"{LIBRARY}/os.py"
    settings = {
        "LabApp": {"extension_manager": "readonly"},
        "ServerApp": {"jpserver_extensions": {"jupyter_lsp": False}},
    }
    overrides = {"@jupyterlab/apputils-extension:sanitizer": {"allowCommandLinker": False}}
    return {
        "/home/jovyan": folder(0o775, uid=1000, gid=0),
        "/usr/bin/tini": text("program", 0o755),
        f"/usr/bin/{PYTHON}": text("program", 0o755),
        "/usr/bin/python3": link(PYTHON),
        "/bin": link("usr/bin"),
        "/opt/environment/bin/python": link("/usr/bin/python3"),
        "/opt/environment/pyvenv.cfg": text("home = /usr/bin\n"),
        PACKAGES: folder(),
        module: text("x = 1\n"),
        cached(module): compiled("x = 1\n"),
        in_library: text("y = 2\n"),
        cached(in_library): compiled("y = 2\n"),
        f"{PACKAGES}/jupyterhub-6.1.1.dist-info/METADATA": text("Version: 6.1.1\n"),
        "/opt/studiolo/start_server.py": text("# starts"),
        SETTINGS: text(json.dumps(settings)),
        OVERRIDES: text(json.dumps(overrides)),
    }


def good_config() -> dict[str, Any]:
    return {
        "User": "1000:1000",
        "Env": ["HOME=/home/jovyan", "PATH=/opt/environment/bin:/usr/local/bin:/usr/bin:/bin"],
        "Entrypoint": ["/usr/bin/tini", "-g", "--"],
        "Cmd": ["/opt/environment/bin/python", "-P", "/opt/studiolo/start_server.py"],
    }


@dataclass(slots=True, kw_only=True)
class TestImage:
    """An image to be written. Each layer is what it adds; None takes a file away again."""

    __test__ = False

    files: dict[str, File] = field(default_factory=good_files)
    config: dict[str, Any] = field(default_factory=good_config)
    more_layers: tuple[Mapping[str, File | None], ...] = ()
    history: tuple[str, ...] = ()
    compress: Callable[[bytes], bytes] = lambda plain: gzip.compress(plain, mtime=0)

    def write(self, layout: Path) -> Path:
        blobs = layout / "blobs" / "sha256"
        blobs.mkdir(parents=True)

        def blob(content: bytes, kind: str) -> dict[str, Any]:
            digest = hashlib.sha256(content).hexdigest()
            (blobs / digest).write_bytes(content)
            return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(content)}

        kind = "application/vnd.oci.image"
        layers = [
            blob(self.compress(tar(layer.items())), f"{kind}.layer.v1.tar+gzip")
            for layer in (self.files, *self.more_layers)
        ]
        raw = {"config": self.config, "history": [{"created_by": step} for step in self.history]}
        config = blob(json.dumps(raw).encode(), f"{kind}.config.v1+json")
        manifest = {"schemaVersion": 2, "config": config, "layers": layers}
        index = {"schemaVersion": 2, "manifests": [blob(json.dumps(manifest).encode(), f"{kind}.manifest.v1+json")]}
        (layout / "index.json").write_text(json.dumps(index))
        return layout


def tar(files: Iterable[tuple[str, File | None]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, file in files:
            name = path.lstrip("/")
            if file is None:
                parent, _, last = name.rpartition("/")
                archive.addfile(tarfile.TarInfo(f"{parent}/.wh.{last}".lstrip("/")))
                continue
            member = tarfile.TarInfo(name)
            member.mode, member.uid, member.gid = file.mode, file.uid, file.gid
            if file.link or file.hard_link:
                member.type = tarfile.SYMTYPE if file.link else tarfile.LNKTYPE
                member.linkname = file.link or file.hard_link
            elif file.content is None:
                member.type = tarfile.DIRTYPE
            else:
                member.size = len(file.content)
            archive.addfile(member, io.BytesIO(file.content or b""))
    return buffer.getvalue()
