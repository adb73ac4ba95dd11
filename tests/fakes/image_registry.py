"""A registry of images that goes wrong as it is told: what a test needs of one that holds no real image."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import secrets
import ssl
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the registry says to one question."""

    body: bytes = b""
    status: HTTPStatus = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)
    released: threading.Event | None = None
    """The answer waits for it: a download that takes as long as the test wants."""


class Images:
    """Repositories by name. Their one tag is `1`."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self._blobs: dict[str, Answer] = {}
        self._manifests: dict[str, Answer] = {}
        for name, status in (("private", HTTPStatus.UNAUTHORIZED), ("forbidden", HTTPStatus.FORBIDDEN)):
            asks = {"WWW-Authenticate": 'Basic realm="here"'} if status is HTTPStatus.UNAUTHORIZED else {}
            self._manifests[name] = Answer(b"{}", status, asks)
        self._manifests["busy"] = Answer(b"{}", HTTPStatus.TOO_MANY_REQUESTS)
        self._manifests["broken"] = Answer(b"{}", HTTPStatus.INTERNAL_SERVER_ERROR)
        self._manifests["elsewhere"] = self._for_another_machine()
        self._add("no-program", program=b"neither a script nor a program")
        self._add("slow", program=b"of the slow image", released=self.release)
        self._add("corrupt", program=b"of the corrupt image", is_corrupt=True)

    def answer(self, path: str) -> Answer:
        """For `/v2/NAME/manifests/…` and `/v2/NAME/blobs/…`; not found for all else."""
        parts = path.strip("/").split("/")
        if parts == ["v2"]:
            return Answer(b"{}")
        if len(parts) == 4 and parts[2] == "manifests" and parts[1] in self._manifests:
            return self._manifests[parts[1]]
        if len(parts) == 4 and parts[2] == "blobs" and parts[3] in self._blobs:
            return self._blobs[parts[3]]
        return Answer(b"{}", HTTPStatus.NOT_FOUND)

    def _add(
        self, name: str, *, program: bytes, released: threading.Event | None = None, is_corrupt: bool = False
    ) -> None:
        # Runtimes keep what they have fetched: what was never there before has to be fetched.
        layer = _layer(program + secrets.token_bytes(8))
        config = {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["/program"]},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        }
        blobs = [json.dumps(config).encode(), gzip.compress(layer, mtime=0)]
        self._blobs[_digest(blobs[0])] = Answer(blobs[0])
        sent = bytes(len(blobs[1])) if is_corrupt else blobs[1]
        self._blobs[_digest(blobs[1])] = Answer(sent, released=released)
        kinds = ("application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar+gzip")
        about, layers = (
            {"mediaType": kind, "size": len(blob), "digest": _digest(blob)}
            for kind, blob in zip(kinds, blobs, strict=True)
        )
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": about, "layers": [layers]}
        self._manifests[name] = _described(manifest, MANIFEST)

    def _for_another_machine(self) -> Answer:
        only = {
            "mediaType": MANIFEST,
            "size": 2,
            "digest": _digest(b"{}"),
            "platform": {"architecture": "s390x", "os": "linux"},
        }
        return _described({"schemaVersion": 2, "mediaType": INDEX, "manifests": [only]}, INDEX)


@contextmanager
def image_registry(address: str, *, certificate: Path | None = None) -> Iterator[tuple[str, Images]]:
    """`HOST:PORT` of such a registry while it runs. `certificate`: a file with it and its key, for HTTPS."""
    images = Images()
    with ThreadingHTTPServer((address, 0), partial(_Handler, images)) as server:
        server.daemon_threads = True
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"{address}:{server.server_address[1]}", images
        finally:
            images.release.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, images: Images, *args: Any) -> None:
        self._images = images
        super().__init__(*args)

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            return  # whoever distrusts the certificate hangs up

    def do_GET(self) -> None:
        self._send(with_body=True)

    def do_HEAD(self) -> None:
        self._send(with_body=False)

    def log_message(self, *args: object) -> None:
        """Nothing: a test's output is for failures."""

    def _send(self, *, with_body: bool) -> None:
        answer = self._images.answer(self.path)
        if answer.released is not None:
            answer.released.wait(120)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if with_body:
            self.wfile.write(answer.body)


def _layer(program: bytes) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as tar:
        entry = tarfile.TarInfo("program")
        entry.size, entry.mode = len(program), 0o755
        tar.addfile(entry, io.BytesIO(program))
    return held.getvalue()


def _described(manifest: Mapping[str, Any], kind: str) -> Answer:
    body = json.dumps(manifest).encode()
    return Answer(body, headers={"Content-Type": kind, "Docker-Content-Digest": _digest(body)})


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
