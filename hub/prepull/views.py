"""What people see of images on nodes, from what the last look found. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studiolo.wire_capacity import FailedPull, ImageView, OfferedImages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.prepull.keeper import Look
    from hub.prepull.switch import Switch

MOST_FAILED = 20
"""Named one by one; `could_not` counts all."""


def image_views(look: Look) -> tuple[ImageView, ...]:
    """One for each image that is wanted, the most wanted first."""
    found = []
    for wish in sorted(look.wished, key=lambda one: (one.why, one.environment, one.image)):
        able = [node for node in look.nodes if node.name in wish.nodes and wish.is_wanted_in(node.group)]
        without = {node.name for node in able if not node.holds(wish.image)}
        present = len(able) - len(without)
        fetching = sum(pod.image == wish.image for pod in look.fetching)
        failed = [one for one in look.failed if one.image == wish.image and one.node in without]
        found.append(
            ImageView(
                image=wish.image,
                environment=wish.environment,
                because=wish.why.name.lower(),
                groups=() if wish.is_everywhere else tuple(sorted({node.group for node in able if node.group})),
                nodes=len(able),
                present=present,
                fetching=fetching,
                waiting=max(0, len(able) - present - fetching - len(failed)),
                could_not=len(failed),
                failed=tuple(
                    FailedPull(node=one.node, reason=one.reason, tries=one.tries) for one in failed[:MOST_FAILED]
                ),
            )
        )
    return tuple(found)


def offered_images(switches: Mapping[str, Switch]) -> OfferedImages:
    """For the hub: what environments start."""
    return OfferedImages(
        offered={name: one.offered for name, one in switches.items()},
        announced={name: one.announced for name, one in switches.items() if one.announced},
    )
