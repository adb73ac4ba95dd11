"""How Kubernetes' own tests are called, and what of their output a person sees who waits."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.cluster.conformance import agnhost_reference, command, progress_line
from deploy.cluster.errors import ClusterError
from deploy.cluster.layout import layout_of


def test_what_the_kernel_lacks_is_left_out_by_name() -> None:
    words = command(layout_of(Path("/checkout/.cluster")), focus="NetworkPolicy")
    assert "--ginkgo.focus=NetworkPolicy" in words
    assert "--ginkgo.skip=SCTP|IPv6" in words


def test_the_tests_image_is_the_one_that_kubernetes_names() -> None:
    manifest = 'configs[Agnhost] = Config{list.PromoterE2eRegistry, "agnhost", "2.56"}\n'
    assert agnhost_reference(manifest) == "10.199.0.1:5000/agnhost:2.56"


def test_a_kubernetes_that_names_it_otherwise_is_a_clear_error() -> None:
    with pytest.raises(ClusterError, match="another way"):
        agnhost_reference("nothing of the kind")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("Will run 45 of 7137 specs", "Will run 45 of 7137 specs"),
        ("• [25.123 seconds]", "  passed after 25 s"),
        ("• [FAILED] [31.400 seconds]", "  failed after 31 s"),
        ("  STEP: Creating a simple server", ""),
        ("", ""),
    ],
)
def test_the_end_of_each_test_is_shown_and_its_steps_are_not(line: str, shown: str) -> None:
    assert progress_line(line) == shown
