"""Images of models that somebody looks at: for an hour, and only the newest."""

from __future__ import annotations

from datetime import timedelta

from hub.prepull.watched import FOR, MOST, Watched
from tests.hub.capacity.shapes import NOW


def test_a_model_is_watched_for_an_hour_after_the_last_look() -> None:
    moment = [NOW]
    watched = Watched(lambda: moment[0])
    watched.look_at("image", "python")
    moment[0] += FOR / 2
    watched.look_at("image", "python")
    assert watched.images(NOW + FOR) == {"image": "python"}
    assert watched.images(NOW + FOR + FOR / 2) == {}


def test_only_the_newest_are_remembered() -> None:
    watched = Watched(lambda: NOW)
    for number in range(MOST + 5):
        watched.look_at(f"image-{number}", "python")
    watched.look_at("image-6", "python")
    watched.look_at("one-more", "python")
    found = watched.images(NOW + timedelta(minutes=1))
    assert len(found) == MOST
    assert {"image-6", "one-more"} <= found.keys()
    assert "image-7" not in found or "image-5" not in found
