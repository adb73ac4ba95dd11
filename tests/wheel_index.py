"""A package index of small wheels, written by a test and served from a folder as pip and uv read it."""

from __future__ import annotations

import contextlib
import functools
import threading
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None: ...


@contextlib.contextmanager
def wheel_index(folder: Path) -> Iterator[str]:
    """The address of the index; the folder's listings are its pages."""
    (folder / "simple").mkdir(parents=True, exist_ok=True)
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/simple/"
        finally:
            server.shutdown()
            thread.join()


def add_wheel(folder: Path, name: str, version: str, files: dict[str, str], *, program: str = "") -> Path:
    """A pure wheel of these files. `program`: `NAME = module:function`."""
    info = f"{name}-{version}.dist-info"
    said = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **({f"{info}/entry_points.txt": f"[console_scripts]\n{program}\n"} if program else {}),
    }
    place = folder / "simple" / name
    place.mkdir(parents=True, exist_ok=True)
    wheel = place / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in said.items():
            archive.writestr(path, text)
        archive.writestr(f"{info}/RECORD", "".join(f"{path},,\n" for path in (*said, f"{info}/RECORD")))
    return wheel
