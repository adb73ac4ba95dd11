"""Where packages are made in the benchmark: a registry of its own, a base in it, and a project of a megabyte."""

from __future__ import annotations

import asyncio
import io
import json
import random
import shutil
import socket
import subprocess
import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

import httpx

from deploy.cluster.layout import layout_here
from deploy.images.cluster_catalog import IMAGES_FILE
from studiolo.packaging.assemble import copy_image
from studiolo.packaging.errors import PackagingError
from studiolo.packaging.images import CONFIG, MANIFEST, Blob, as_bytes, as_object, blob_of, read_base
from studiolo.packaging.inspection import inspect_file
from studiolo.packaging.layers import Compression, LayerFile, write_layer
from studiolo.packaging.plan import Plan
from studiolo.packaging.project import collect
from studiolo.packaging.registry_store import RegistryPlace, RegistryStore
from studiolo.registry import ImageReference

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from types import TracebackType

    from studiolo.packaging.images import Base
    from studiolo.packaging.layers import Layer
    from studiolo.packaging.stores import Opened

ZOO_NOTEBOOK = Path(__file__).parents[1] / "tests" / "data" / "notebooks" / "iris_with_everything.ipynb"
NOTEBOOK = "iris.ipynb"
RUNTIME = Path(__file__).parents[1] / "images" / "runtime"

SYNTHETIC_LAYERS_BYTES = (60_000_000, 21_000_000, 103_000_000, 144_000_000)
"""Compressed; what the image of the `python` environment is made of, where that was not built here."""


class BenchRegistry:
    """Debian's docker-registry on loopback, with a folder of its own."""

    def __init__(self, folder: Path) -> None:
        """Not started yet."""
        program = shutil.which("docker-registry")
        assert program is not None, "docker-registry is missing: apt-get install docker-registry"
        self._program = program
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.host = f"127.0.0.1:{taken.getsockname()[1]}"
        self._settings = folder / "registry.yml"
        self._settings.write_text(
            f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nhttp: {{addr: '{self.host}'}}\n"
            f"storage: {{filesystem: {{rootdirectory: '{folder / 'registry'}'}}}}\n"
        )

    def __enter__(self) -> Self:
        self._process = subprocess.Popen([self._program, "serve", self._settings], stderr=subprocess.DEVNULL)
        transport = httpx.HTTPTransport(retries=9)
        with httpx.Client(transport=transport, trust_env=False, timeout=30) as client:
            client.get(f"http://{self.host}/v2/").raise_for_status()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()


def place_of(host: str) -> RegistryPlace:
    """A registry of this machine, without signing in."""
    return RegistryPlace(host=host, credentials=lambda _: None, allow_http=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class BasePlace:
    """A base, where it lies in the benchmark's registry."""

    base: Base
    repository: str
    tag: str
    is_synthetic: bool = False
    """Its layers hold random bytes: the image itself was not built in this checkout."""

    @property
    def compressed_bytes(self) -> int:
        """Of all layers."""
        return sum(layer.size for layer in self.base.layers)


def load_base(host: str, environment: str) -> BasePlace:
    """The image of an environment, brought into the registry; a synthetic one where there is none."""
    return asyncio.run(_built(host, environment))


async def _built(host: str, environment: str) -> BasePlace:
    repository = f"studiolo/{environment}"
    target = RegistryStore(place_of(host), repository)
    try:
        images = json.loads((layout_here().state / "catalog" / IMAGES_FILE).read_bytes())
        reference = ImageReference.parse(images[environment])
        source = RegistryStore(place_of(reference.api_host), reference.repository)
        try:
            digest = await copy_image(reference.digest or reference.tag, source, target, tag="bench")
        finally:
            await source.close()
        manifest = await target.manifest(digest)
        assert manifest is not None
        config = await target.get(as_object(manifest.content)["config"]["digest"])
        return BasePlace(base=read_base(manifest.content, config, digest=digest), repository=repository, tag="bench")
    except (OSError, KeyError, PackagingError):
        base = await _synthetic(target)
        return BasePlace(base=base, repository=repository, tag="bench", is_synthetic=True)
    finally:
        await target.close()


def _synthetic_layers(folder: Path) -> Iterator[tuple[Layer, Path]]:
    for number, size in enumerate(SYNTHETIC_LAYERS_BYTES):
        content = random.Random(number).randbytes(50_000)  # noqa: S311 - nothing secret
        files = [
            LayerFile(path=f"usr/lib/base{number}/{one}", size=len(content), read=partial(_other, content, one))
            for one in range(size // len(content))
        ]
        path = folder / str(number)
        with path.open("wb") as target:
            yield write_layer(files, target, compression=Compression.GZIP), path


def _other(content: bytes, number: int) -> bytes:
    """As many bytes, of which gzip finds none again."""
    return random.Random(content[:8] + number.to_bytes(4)).randbytes(len(content))  # noqa: S311 - nothing secret


def _opened(path: Path) -> Opened:
    return path.open("rb")


async def _synthetic(store: RegistryStore) -> Base:
    with tempfile.TemporaryDirectory(prefix="studiolo-bench-base-") as folder:
        made = await asyncio.to_thread(lambda: list(_synthetic_layers(Path(folder))))
        for layer, path in made:
            blob = Blob(digest=layer.digest, size=layer.size, media_type=layer.media_type)
            await store.put(blob, partial(_opened, path))
    layers = [layer for layer, _ in made]
    config = as_bytes(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        }
    )
    manifest = as_bytes(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": blob_of(config, CONFIG).descriptor(),
            "layers": [layer.descriptor() for layer in layers],
        }
    )
    await store.put(blob_of(config, CONFIG), lambda: io.BytesIO(config))
    digest = await store.put_manifest(manifest, media_type=MANIFEST, tag="bench")
    return read_base(manifest, config, digest=digest)


@dataclass(slots=True)
class BenchProject:
    """A folder with a notebook, twenty modules and two tables: 24 files, a megabyte."""

    folder: Path
    _changes: int = field(default=0)

    def __post_init__(self) -> None:
        numbers = random.Random(7)  # noqa: S311 - nothing secret
        (self.folder / "features").mkdir(parents=True)
        shutil.copy(ZOO_NOTEBOOK, self.folder / NOTEBOOK)
        (self.folder / "README.md").write_text("# A model of irises\n")
        for number in range(20):
            lines = [f"def step_{line}(x):\n    return x * {numbers.random()}\n" for line in range(120)]
            (self.folder / "features" / f"module_{number:02}.py").write_text("\n".join(lines))
        for name in ("fit.csv", "test.csv"):
            rows = (",".join(f"{numbers.gauss(0, 1):.4f}" for _ in range(8)) for _ in range(7700))
            (self.folder / name).write_text("\n".join(rows) + "\n")

    def change(self) -> None:
        """So that no layer was ever seen before: one row of a table, and thereby every compressed byte after it."""
        self._changes += 1
        path = self.folder / "fit.csv"
        first, _, rest = path.read_text().partition("\n")
        columns = first.count(",")
        path.write_text(f"{self._changes}{',0' * columns}\n{rest}")

    def plan(self) -> Plan:
        """As a click plans it."""
        return Plan(inspection=inspect_file(self.folder / NOTEBOOK), project=collect(self.folder), source=NOTEBOOK)


class Counted:
    """Bytes that went through a proxy to the registry."""

    def __init__(self) -> None:
        """None yet."""
        self.up = 0


@asynccontextmanager
async def counting_proxy(host: str) -> AsyncIterator[tuple[str, Counted]]:
    """The address of a proxy in front of a registry, and what it counts."""
    counted = Counted()
    address, port = host.split(":")

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_up: bool) -> None:
        try:
            while piece := await reader.read(2**16):
                counted.up += len(piece) if is_up else 0
                writer.write(piece)
                await writer.drain()
        finally:
            writer.close()

    carried = set[asyncio.Task[None] | None]()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        carried.add(asyncio.current_task())
        far_reader, far_writer = await asyncio.open_connection(address, int(port))
        await asyncio.gather(carry(reader, far_writer, is_up=True), carry(far_reader, writer, is_up=False))

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", counted
        await asyncio.gather(*(task for task in carried if task is not None))
