"""What can be wrong with a home on its volume."""

from __future__ import annotations

from studiolo.errors import StudioloError


class NoSuchHome(StudioloError):
    """There is no home of this name, or none that was put aside."""

    code = "no_such_home"


class HomeInTheWay(StudioloError):
    """Something else has the name: a file, a link, or a home with files in it."""

    code = "home_in_the_way"
