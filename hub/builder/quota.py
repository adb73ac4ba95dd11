"""Whether somebody may make one more package. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.builder.errors import ModelRefused, TooManyPackages
from hub.builder.rules import must_wait, problems_with_space

if TYPE_CHECKING:
    from hub.builder.rules import Used
    from hub.builder.settings import ModelsSettings
    from hub.credentials.credential import Owner


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What one package asks for, of what its person and its owner may have."""

    by: str
    owner: Owner
    size: int
    """Of its files, before they are compressed."""
    settings: ModelsSettings

    def look_at(self, used: Used) -> None:
        """Raises TooManyPackages where the person has made enough, ModelRefused where the owner has no room."""
        wait = must_wait(used, per_hour=self.settings.per_hour)
        if wait is not None:
            seconds = max(1, round(wait.total_seconds()))
            raise TooManyPackages(
                f"You have made {used.packages_in_hour} packages in the last hour, and {self.settings.per_hour} are "
                f"allowed. The next one can be made in {-(-seconds // 60)} min.",
                retry_after_seconds=seconds,
            )
        most = self.settings.bytes_per_owner
        if problems := problems_with_space(used, self.size, most_bytes=most, owner=self.owner):
            raise ModelRefused(problems)
