"""One content is compared by one name, whoever wrote it."""

from __future__ import annotations

import pytest

from spawner.image_names import without_tag

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("written", "compared"),
    [
        (f"host:5000/studio/minimal:1.2@{DIGEST}", f"host:5000/studio/minimal@{DIGEST}"),
        (f"host:5000/minimal@{DIGEST}", f"host:5000/minimal@{DIGEST}"),
        (f"minimal:1@{DIGEST}", f"minimal@{DIGEST}"),
        (f"minimal@{DIGEST}", f"minimal@{DIGEST}"),
        ("host:5000/minimal:1", "host:5000/minimal:1"),
        ("", ""),
    ],
)
def test_a_tag_beside_a_digest_says_nothing(written: str, compared: str) -> None:
    assert without_tag(written) == compared
