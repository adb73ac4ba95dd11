"""What somebody may choose for a package: environments with what they hold, and teams."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from packaging.markers import Marker

from hub.builder.routes import ModelHandler
from studiolo.packaging.locks import read_lock
from studiolo.wire_models import BaseView, ModelChoicesView

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from studiolo.catalog_model import Environment

MOST_LOCKS: Final = 64
"""That are remembered as they were read."""


class ChoicesHandler(ModelHandler):
    """`GET api/model-choices`: for who asks."""

    async def get(self) -> None:
        """Environments in the order of the catalog, teams by name."""
        who = await self.standing()
        offered = await asyncio.to_thread(self.models.environments, who.own_teams)
        limits = self.models.limits
        self.write(
            ModelChoicesView(
                environments=await asyncio.to_thread(lambda: tuple(map(_base, offered))),
                teams=who.own_teams,
                most_bytes=limits.most_bytes,
                most_files=limits.most_files,
            ).model_dump_json()
        )


def _base(environment: Environment) -> BaseView:
    lock = environment.requirements
    return BaseView(
        name=environment.name,
        title=environment.title,
        summary=environment.summary,
        image=environment.image or "",
        packages=None if lock is None else dict(packages_in(lock, lock.stat().st_mtime_ns)),
    )


@lru_cache(maxsize=MOST_LOCKS)
def packages_in(lock: Path, _changed: int) -> Mapping[str, str]:
    """What a lock installs on a machine such as this one, by canonical name."""
    packages = read_lock(lock.name, lock.read_text(encoding="utf-8"), [])
    return {one.name: one.version for one in packages if not one.marker or Marker(one.marker).evaluate()}
