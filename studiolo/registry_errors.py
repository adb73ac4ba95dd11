"""Why a container registry gave no answer that can be used. Light: the command line needs no HTTP to know them."""

from __future__ import annotations

from studiolo.errors import StudioloError


class RegistryError(StudioloError):
    """A registry gave no digest."""

    code = "registry_error"


class ImageNotFound(RegistryError):
    """The registry answers, and has no such image or tag."""

    code = "registry_not_found"


class RegistryRefused(RegistryError):
    """The registry wants somebody to sign in, or it refuses who did."""

    code = "registry_refused"


class RegistryAway(RegistryError):
    """No registry answers there, or something else does."""

    code = "registry_away"
