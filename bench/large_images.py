"""Images that are large for nothing: layers of random bytes on one of ours, made and served without building any.

The registry is a process of its own that sends as fast as it is told and no faster, whoever asks. For what it does not
have, the layers of the image below, it names the registry where they are; nothing is written there.
`python -m bench.large_images FOLDER ADDRESS PORT BYTES_A_SECOND` serves what lies in the folder.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Sequence

MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
LAYER_BYTES: Final = 64 * 1024**2
CHUNK: Final = 256 * 1024
REPOSITORY: Final = "bench/large"


def digest_of(content: bytes) -> str:
    """As registries write it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def chain_ids(layers: Sequence[str]) -> tuple[str, ...]:
    """Of each layer, unpacked on all before it."""
    found: list[str] = []
    for layer in layers:
        found.append(digest_of(f"{found[-1]} {layer}".encode()) if found else layer)
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class LargeImage:
    """One image, and what containerd knows of it."""

    digest: str
    config: str
    layers: tuple[str, ...]
    """Those of its own, the random ones."""
    chains: tuple[str, ...]
    """What each of them is called once it is unpacked on those below it (OCI image specification, "ChainID")."""


class LargeImages:
    """Makes images in a folder that a registry process serves."""

    def __init__(self, folder: Path, base: str) -> None:
        """`base`: an image of a registry that speaks plain HTTP, `host:port/name:tag@digest`."""
        self.folder = folder
        folder.mkdir(parents=True)
        host, _, rest = base.partition("/")
        name, _, digest = rest.partition("@")
        self.base = f"http://{host}/v2/{name.rpartition(':')[0]}"
        (folder / "base").write_text(self.base)
        found = httpx.get(f"{self.base}/manifests/{digest}", headers={"Accept": MANIFEST}).raise_for_status()
        self._manifest: dict[str, Any] = found.json()
        about = httpx.get(f"{self.base}/blobs/{self._manifest['config']['digest']}", follow_redirects=True)
        self._config: dict[str, Any] = about.raise_for_status().json()

    def layers(self, size: int) -> tuple[tuple[str, int], ...]:
        """So many random bytes, as layers: their digests and sizes."""
        return tuple(self._layer(min(LAYER_BYTES, size - begin)) for begin in range(0, size, LAYER_BYTES))

    def image(self, layers: tuple[tuple[str, int], ...], *, mark: str) -> LargeImage:
        """The base with these layers. Another mark gives another digest and changes nothing else."""
        config = json.loads(json.dumps(self._config))
        config["rootfs"]["diff_ids"] += [digest for digest, _ in layers]
        config["history"] = [*(config.get("history") or []), *({"created_by": "random bytes"} for _ in layers)]
        config["config"].setdefault("Labels", {})["bench"] = mark
        about = self._put(json.dumps(config).encode())
        manifest = self._manifest | {
            "config": {**self._manifest["config"], "digest": about[0], "size": about[1]},
            "layers": [
                *self._manifest["layers"],
                *({"mediaType": LAYER, "digest": digest, "size": size} for digest, size in layers),
            ],
        }
        digest, _ = self._put(json.dumps(manifest).encode())
        own = tuple(digest for digest, _ in layers)
        chains = chain_ids(config["rootfs"]["diff_ids"])[-len(own) :]
        return LargeImage(digest=digest, config=about[0], layers=own, chains=chains)

    def _layer(self, size: int) -> tuple[str, int]:
        # Nothing to press together, so nothing to unpack either: the layer is the plain archive.
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            member = tarfile.TarInfo(f"opt/bench/{os.urandom(8).hex()}")
            member.size, member.mode = size, 0o644
            archive.addfile(member, io.BytesIO(os.urandom(size)))
        return self._put(packed.getvalue())

    def _put(self, content: bytes) -> tuple[str, int]:
        digest = digest_of(content)
        (self.folder / digest).write_bytes(content)
        return digest, len(content)


class Throttle:
    """All connections together send no more than so much a second."""

    def __init__(self, bytes_per_second: float) -> None:
        """Nothing was sent yet."""
        self._rate = bytes_per_second
        self._free_at = 0.0

    async def turn(self, size: int) -> None:
        """Returns when so many bytes may go."""
        now = asyncio.get_running_loop().time()
        begin = max(now, self._free_at)
        self._free_at = begin + size / self._rate
        await asyncio.sleep(begin - now)


def registry(folder: Path, bytes_per_second: float) -> web.Application:
    """Manifests and layers by their digests, for reading."""
    throttle = Throttle(bytes_per_second)
    base = (folder / "base").read_text()

    async def version(_: web.Request) -> web.Response:
        return web.json_response({})

    async def manifest(request: web.Request) -> web.Response:
        file = folder / Path(request.match_info["digest"]).name
        if not file.is_file():
            raise web.HTTPNotFound
        headers = {"Docker-Content-Digest": file.name}
        return web.Response(body=file.read_bytes(), content_type=MANIFEST, headers=headers)

    async def blob(request: web.Request) -> web.StreamResponse:
        file = folder / Path(request.match_info["digest"]).name
        if not file.is_file():
            raise web.HTTPTemporaryRedirect(f"{base}/blobs/{file.name}")
        size = file.stat().st_size
        headers = {"Content-Length": str(size), "Docker-Content-Digest": file.name}
        response = web.StreamResponse(headers=headers)
        response.content_type = "application/octet-stream"
        await response.prepare(request)
        if request.method == "GET":
            with file.open("rb") as content:
                while chunk := content.read(CHUNK):
                    await throttle.turn(len(chunk))
                    await response.write(chunk)
        return response

    app = web.Application()
    app.router.add_get("/v2/", version)
    app.router.add_get("/v2/{name:.+}/manifests/{digest}", manifest)
    app.router.add_get("/v2/{name:.+}/blobs/{digest}", blob)
    return app


if __name__ == "__main__":
    web.run_app(
        registry(Path(sys.argv[1]), float(sys.argv[4])), host=sys.argv[2], port=int(sys.argv[3]), access_log=None
    )
