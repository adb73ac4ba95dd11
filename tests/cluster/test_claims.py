"""Warm pods on a real node, claimed through a real hub: their person's from the first moment, and homes stay whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.cluster.claiming_hub import ClaimingHub, claiming_hub

pytestmark = pytest.mark.usefixtures("on_this_machine")


@pytest.fixture(scope="module")
def hub(
    tmp_path_factory: pytest.TempPathFactory,
    kubeconfig: Path,
    images: Mapping[str, str],
    on_this_machine: None,
    _remove_namespaces: None,
) -> Iterator[ClaimingHub]:
    with claiming_hub(tmp_path_factory.mktemp("claims"), kubeconfig, images) as made:
        yield made


def test_a_start_claims_a_pod_that_waits_and_another_comes_in_its_place(hub: ClaimingHub) -> None:
    (waiting,) = hub.until_parked(1)
    hub.start_for("alice")
    assert hub.is_claimed("alice")
    pod = hub.pod_of("alice")
    assert pod is not None
    assert pod["metadata"]["uid"] == waiting["metadata"]["uid"]
    hub.inside("alice", "echo of alice >~/notes.txt")
    assert (hub.home_of("alice") / "notes.txt").read_text() == "of alice\n"
    (other,) = hub.until_parked(1)
    assert other["metadata"]["uid"] != waiting["metadata"]["uid"]
    hub.stop_for("alice")
    assert (hub.home_of("alice") / "notes.txt").read_text() == "of alice\n"
