"""An index of pip's and a registry of npm's with one package each, for whoever shows the token."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
import zipfile
from functools import cache
from http import HTTPStatus
from pathlib import Path

from tests.fakes.places import Answer, Place, Question

PACKAGE = "studiolo-private"
MODULE = "studiolo_private"
ANSWER = 42
"""What the package is for."""
WHEEL = f"{MODULE}-1.0-py3-none-any.whl"
TARBALL = f"{PACKAGE}-1.0.0.tgz"


class PackageRegistry(Place):
    """Counts who came without the token, and remembers the arguments of all that ran meanwhile."""

    def __init__(self, address: str, *, user: str, token: str, certificate: Path | None = None) -> None:
        super().__init__(address, certificate=certificate)
        login = base64.b64encode(f"{user}:{token}".encode()).decode()
        self._right = {f"Basic {login}", f"Bearer {token}"}
        self.refused = 0
        self.arguments = ""
        """Of every process of this machine, while somebody was answered: pods' too."""

    def answer(self, question: Question) -> Answer:
        self.arguments += arguments_of_all()
        if question.headers.get("authorization") not in self._right:
            self.refused += 1
            return Answer(status=HTTPStatus.UNAUTHORIZED, headers={"WWW-Authenticate": 'Basic realm="packages"'})
        npm = {
            "name": PACKAGE,
            "dist-tags": {"latest": "1.0.0"},
            "versions": {
                "1.0.0": {
                    "name": PACKAGE,
                    "version": "1.0.0",
                    "dist": {
                        "tarball": f"{self.url}/npm/{PACKAGE}/-/{TARBALL}",
                        "shasum": hashlib.sha1(_tarball(), usedforsecurity=False).hexdigest(),
                    },
                }
            },
        }
        link = f'<a href="/files/{WHEEL}#sha256={hashlib.sha256(_wheel()).hexdigest()}">{WHEEL}</a>'
        known = {
            f"/simple/{PACKAGE}/": Answer(body=link.encode(), content_type="text/html"),
            f"/files/{WHEEL}": Answer(body=_wheel(), content_type="application/octet-stream"),
            f"/npm/{PACKAGE}": Answer(body=json.dumps(npm).encode()),
            f"/npm/{PACKAGE}/-/{TARBALL}": Answer(body=_tarball(), content_type="application/octet-stream"),
        }
        return known.get(question.path, Answer(status=HTTPStatus.NOT_FOUND))


def arguments_of_all() -> str:
    """How every process of this machine was called."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue  # it has ended meanwhile
    return "\n".join(found)


@cache
def _wheel() -> bytes:
    info = f"{MODULE}-1.0.dist-info"
    files = {
        f"{MODULE}.py": f"ANSWER = {ANSWER}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return content.getvalue()


@cache
def _tarball() -> bytes:
    text = json.dumps({"name": PACKAGE, "version": "1.0.0"}).encode()
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        member = tarfile.TarInfo("package/package.json")
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text))
    return content.getvalue()
