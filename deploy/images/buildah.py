"""The door to buildah: images are built, listed and pushed here, without a daemon, in a store of our own."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from deploy.images.ingredients import DEBIAN_SOURCES, TIMESTAMP, run
from deploy.local.package_index import uv_environment_here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

RUNROOT: Final = Path("/run/studiolo-images")
"""Locks and mounts of the store; empty after a restart of the machine, as buildah expects."""

CERTIFICATES: Final = "SSL_CERT_FILE"
LOCAL_ONLY: Final = ("UV_FIND_LINKS",)
"""Settings that name folders of this machine, which no build sees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageStore:
    """Built images, layers and downloads, below the cache directory."""

    cache: Path

    def tags(self) -> frozenset[str]:
        """The full names of all images in the store."""
        listed = json.loads(self._run("images", "--json", what="Listing images") or "null")
        return frozenset(name for image in listed or () for name in image.get("names") or ())

    def build(
        self,
        reference: str,
        context: Path,
        *,
        arguments: Mapping[str, str],
        labels: Mapping[str, str],
        on_line: Callable[[str], None],
    ) -> None:
        """Builds the Containerfile of a context. Layers that are there already are used again."""
        with tempfile.TemporaryDirectory() as folder:
            options = [
                *(f"--build-arg={name}={value}" for name, value in arguments.items()),
                *(f"--label={name}={value}" for name, value in labels.items()),
                *(f"--secret=id={name},src={path}" for name, path in _secrets(Path(folder)).items()),
            ]
            # chroot: needs no rights over control groups, which a build inside of a container lacks.
            self._run(
                *("bud", "--isolation=chroot", "--layers", "--pull-never", f"--timestamp={TIMESTAMP}", "--format=oci"),
                *(*options, f"--file={context / 'Containerfile'}", f"--tag={reference}", str(context)),
                what=f"Building {reference}",
                on_line=on_line,
            )

    def push(self, reference: str, target: str, *, plain_http: bool) -> str:
        """Pushes an image to a registry and gives its digest there."""
        with tempfile.NamedTemporaryFile() as written:
            options = (f"--tls-verify={str(not plain_http).lower()}", f"--digestfile={written.name}")
            self._run("push", "--quiet", *options, reference, f"docker://{target}", what=f"Pushing {target}")
            return Path(written.name).read_text(encoding="ascii").strip()

    def save(self, reference: str, folder: Path) -> None:
        """Writes an image as an OCI layout, its layers as they lie: quick, for reading."""
        options = ("--quiet", "--disable-compression")
        self._run("push", *options, reference, f"oci:{folder}", what=f"Reading {reference}")

    @contextlib.contextmanager
    def container(self, source: str) -> Iterator[str]:
        """A container to run something in, made from an image; gone with what was written in it afterwards."""
        name = f"studiolo-check-{uuid4().hex[:8]}"
        before = self._image_ids()
        self._run("from", f"--name={name}", source, what=f"Unpacking {source}")
        try:
            yield name
        finally:
            self._run("rm", name, what="Removing a container")
            if new := self._image_ids() - before:
                self._run("rmi", *sorted(new), what="Removing an image")

    def run_in(self, container: str, env: Mapping[str, str]) -> list[str]:
        """The command line that runs a container's own command as its own user."""
        found = json.loads(self._run("inspect", "--type=container", container, what="Reading a container"))
        config = found["OCIv1"]["config"]
        words = [*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())]
        variables = [f"--env={name}={value}" for name, value in env.items()]
        # Words after -- take the place of CMD and come after ENTRYPOINT: buildah prepends nothing.
        return ["buildah", *self._options, "run", "--isolation=chroot", *variables, container, "--", *words]

    def remove(self, references: tuple[str, ...]) -> None:
        """Removes images; their layers go where no other image has them."""
        if references:
            self._run("rmi", *references, what="Removing images")

    def _image_ids(self) -> frozenset[str]:
        return frozenset(self._run("images", "--quiet", "--no-trunc", what="Listing images").split())

    @property
    def _options(self) -> tuple[str, ...]:
        store = str(self.cache / "images" / "store")
        own = hashlib.sha256(store.encode()).hexdigest()[:12]  # two stores never share locks
        return ("--log-level=error", "--root", store, "--runroot", str(RUNROOT / own))

    def _run(self, command: str, *words: str, what: str, on_line: Callable[[str], None] | None = None) -> str:
        scratch = self.cache / "images" / "scratch"
        scratch.mkdir(parents=True, exist_ok=True)
        # TMPDIR: where buildah keeps what RUN --mount=type=cache names.
        env = {"TMPDIR": str(scratch)}
        return run(["buildah", *self._options, command, *words], what=what, env=env, on_line=on_line)


def _secrets(folder: Path) -> dict[str, Path]:
    """How this machine reaches packages, as files that RUN steps read and no layer holds."""
    settings = {name: value for name, value in _package_settings().items() if name not in LOCAL_ONLY}
    certificates = settings.pop(CERTIFICATES, None)
    lines = [f"export {name}='{value}'" for name, value in settings.items()]
    secrets = {"packages": folder / "packages"}
    if certificates and Path(certificates).is_file():
        # A machine whose packages come through a proxy with a certificate of its own.
        secrets["certificates"] = Path(certificates)
        lines.append(f"export {CERTIFICATES}=/run/secrets/certificates")
    secrets["packages"].write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    if DEBIAN_SOURCES.is_file():
        secrets["apt-sources"] = DEBIAN_SOURCES
    return secrets


def _package_settings() -> dict[str, str]:
    named = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_INSECURE_HOST", CERTIFICATES)
    return {**uv_environment_here(), **{name: os.environ[name] for name in named if os.environ.get(name)}}
