"""`python -m deploy.images`: build what `images/` describes, for `make images`; and contexts for docker."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console

from deploy.cluster.layout import CHECKOUT, REGISTRY, layout_here
from deploy.images.build import ImageBuild
from deploy.images.buildah import ImageStore
from deploy.images.cluster_catalog import write_catalog
from studiolo.cli.exit_codes import exit_code_of
from studiolo.cli.output import report
from studiolo.errors import StudioloError
from studiolo.quantities import format_duration
from studiolo.registry_errors import RegistryAway

if TYPE_CHECKING:
    from deploy.images.build import BuiltImage

LINE_WIDTH: Final = 110


class _Group(click.Group):
    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except StudioloError as error:
            report(error)
            ctx.exit(exit_code_of(error))


@click.group(cls=_Group)
def main() -> None:
    """Build the container images of this checkout."""


@main.command()
@click.option(
    "--only", "only", multiple=True, metavar="NAME", help="Build this image and what it stands on; repeatable."
)
@click.option("--registry", metavar="HOST:PORT", help=f"Push there.  [default: {REGISTRY}, the cluster's, if it runs]")
def build(only: tuple[str, ...], registry: str | None) -> None:
    """Build what changed, push what the registry lacks, write the digests to .cluster/catalog/."""
    began = time.monotonic()
    console = Console(stderr=True)
    names = tuple(name for word in only for name in word.replace(",", " ").split())
    with console.status("Looking what changed") as status:
        images = ImageBuild(
            checkout=CHECKOUT,
            store=ImageStore(cache=layout_here().cache),
            say=lambda line: console.print(line, markup=False, highlight=False),
            show=lambda line: status.update(line[:LINE_WIDTH].replace("[", "\\[")),
        )
        built = images.run(names)
        pushed = _pushed(images, built, registry, console)
        images.remove_unused(built, now=time.time())
    if pushed is not None:
        folder = layout_here().state / "catalog"
        write_catalog(folder, {image.name: image.pushed for image in pushed if image.pushed}, checkout=CHECKOUT)
        console.print(f"The catalogs with these digests lie in {folder}.", highlight=False)
    new = [image.name for image in built if image.was_built]
    what = f"{len(new)} built" if new else "nothing had changed"
    console.print(f"{len(built)} images, {what}, in {format_duration(time.monotonic() - began)}.", highlight=False)


@main.command()
@click.argument("name")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def context(name: str, folder: Path) -> None:
    """Put everything that the image NAME is built from into FOLDER, for `docker build FOLDER`."""
    images = ImageBuild(
        checkout=CHECKOUT, store=ImageStore(cache=layout_here().cache), say=click.echo, show=lambda _: None
    )
    if folder.is_dir() and any(folder.iterdir()):
        raise click.UsageError(f"{folder} is not empty.")
    recipe = next(recipe for recipe, _ in images.plan((name,)) if recipe.name == name)
    images.stage(recipe, folder)
    click.echo(f"docker build -t studiolo/{name} {folder}")


def _pushed(
    images: ImageBuild, built: tuple[BuiltImage, ...], registry: str | None, console: Console
) -> tuple[BuiltImage, ...] | None:
    try:
        return images.push(built, registry or REGISTRY)
    except RegistryAway as error:
        if registry is not None:
            raise
        console.print(f"Not pushed: {error} Start it with `make cluster`, then run this again.", highlight=False)
        return None
