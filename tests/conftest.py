"""What all tests share: the flag that rewrites golden data, and a catalog to choose from."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from studiolo.catalog import Catalog, CpuShare, DataFolder, Environment, Gpu, Hardware

if TYPE_CHECKING:
    from deploy.local.throwaway import ThrowawayHub

GIB = 1024**3


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-data", action="store_true", help="rewrite the golden files under tests/**/data, to be read as a diff"
    )


def pytest_configure() -> None:
    # looptime asks for the event loop of plain tests too. Unless one was set before, asyncio makes one for it, which
    # nobody closes, and a later test fails with that warning. With "none" set, looptime goes on without.
    asyncio.set_event_loop(None)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, Any], None]:
    """Compares a value with `data/NAME.json` beside the test; with --update-data it writes that file instead."""
    folder = Path(request.path).parent / "data"

    def check(name: str, value: Any) -> None:
        path = folder / f"{name}.json"
        if request.config.getoption("--update-data"):
            folder.mkdir(exist_ok=True)
            path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        assert json.loads(path.read_text(encoding="utf-8")) == value, f"{path} differs: see --update-data"

    return check


@pytest.fixture
def sample_catalog() -> Catalog:
    """Two environments and three hardwares for everybody, one environment for vision, one hardware for research.

    And data: some for everybody, some for vision.
    """

    def environment(name: str, title: str, **more: Any) -> Environment:
        return Environment(name=name, title=title, requirements=Path(f"/locks/{name}/requirements.lock"), **more)

    def hardware(name: str, title: str, cores: float, gib: int, **more: Any) -> Hardware:
        return Hardware(
            name=name, title=title, cpu=CpuShare(request=cores, limit=cores * 2), memory_bytes=gib * GIB, **more
        )

    return Catalog(
        environments=(
            environment("minimal", "Minimal"),
            environment("python", "Python", default=True),
            environment("pytorch", "PyTorch", apps=("tensorboard",), teams=frozenset({"vision"})),
        ),
        hardware=(
            hardware("small", "Small", 1, 2, default=True),
            hardware("medium", "Medium", 2, 4),
            hardware("gpu", "One GPU", 2, 8, gpu=Gpu(resource="nvidia.com/gpu", count=1)),
            hardware(
                "huge",
                "Two GPUs",
                4,
                16,
                gpu=Gpu(resource="nvidia.com/gpu", count=2),
                teams=frozenset({"research"}),
            ),
        ),
        data=(
            DataFolder(name="iris", title="Iris", mount="/data/iris", path=Path("/srv/iris")),
            DataFolder(
                name="scans",
                title="Scans",
                summary="What the scanner made",
                mount="/data/vision/scans",
                path=Path("/srv/scans"),
                read_only=False,
                teams=frozenset({"vision"}),
            ),
        ),
    )


@pytest.fixture(scope="session")
def running_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThrowawayHub]:
    """A real Studiolo, one for the whole run: proxy, hub and services. A test that ends one of them starts it again."""
    from deploy.local.throwaway import ThrowawayHub  # noqa: PLC0415 - half a second that plain tests need not wait
    from tests.installed_software import share_software  # noqa: PLC0415 - see above

    root = tmp_path_factory.mktemp("studiolo")
    share_software(root)
    with ThrowawayHub(root) as hub:
        yield hub
