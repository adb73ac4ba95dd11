"""The settings about people's homes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge, Gt
from pydantic import Field

from hub.settings_types import Duration, HttpUrl, Memory, Section

if TYPE_CHECKING:
    from collections.abc import Collection

DEFAULT_HOMES_PORT = 8084


class HomeServiceSettings(Section):
    """The process that makes homes on one volume before their pods (docs/homes.md)."""

    url: HttpUrl | None = None
    """Where the hub reaches the home service. Absent: there is none, and the node makes the folder of a home."""
    host: str = ""
    """The interface that it listens on, at the port of `homes.service.url`. Absent: the host of that address."""
    root: Path = Field(default=Path("/homes"), strict=False)
    """Where it finds the whole volume mounted."""


Quota = Annotated[Memory, Gt(0)]


class HomesSettings(Section):
    """Everybody's homes."""

    quota: Quota | None = None
    """How much one home should hold, such as `10Gi`. It is measured and shown; a fuller home is told of, not cut off.
    none: what is used is shown, without a limit."""
    quota_by_team: dict[str, Quota] = Field(default_factory=dict)
    """Another one for people of a team: `{vision: 50Gi}`. Who is in several such teams has the largest of theirs."""
    archive_after: Annotated[Duration, Ge(timedelta(0))] = timedelta(days=7)
    """How long after an account was deleted its home is put aside. Until then the person can come back to it."""
    look_for_old_files_every: Annotated[Duration, Gt(timedelta(0))] = timedelta(hours=1)
    """How often old files are removed from data with a `max_age` (docs/data.md)."""
    service: HomeServiceSettings = HomeServiceSettings()

    @property
    def has_quota(self) -> bool:
        """Whether anybody's home has one."""
        return self.quota is not None or bool(self.quota_by_team)

    def quota_of(self, teams: Collection[str]) -> int | None:
        """How many bytes the home of somebody in these teams should hold; None: as many as there are."""
        return max((self.quota_by_team[team] for team in teams if team in self.quota_by_team), default=self.quota)
