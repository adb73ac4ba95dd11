"""What the routes of the services process use, made once in `hub/app.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hub.archives.actions import Archives
    from hub.builder.actions import Models
    from hub.builder.places import Places
    from hub.builder.slow.actions import DerivedBases
    from hub.capacity.actions import Lessons
    from hub.capacity.wiring import Capacity
    from hub.credentials.actions import Credentials
    from hub.credentials.standing import Standings
    from hub.database import Database
    from hub.keys import Keys
    from hub.metrics.services import ServicesMetrics
    from hub.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """One services process."""

    settings: Settings
    keys: Keys
    database: Database
    credentials: Credentials
    archives: Archives
    models: Models
    places: Places
    """Where images are, and what they stand on."""
    bases: DerivedBases
    """Of slow builds."""
    lessons: Lessons
    """Knows how long starts took, and how good their forecasts were."""
    capacity: Capacity | None
    """What is done about capacity; None where workspaces are no pods, or no room is held."""
    standings: Standings
    """Says who is in which team, and leads it."""
    metrics: ServicesMetrics
    hub_auth: Any
    """Asks the hub who a caller is."""
