"""What is built, when it is built again, and how long that takes in words."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from deploy.cluster.binaries import in_words, time_left
from deploy.cluster.layout import KUBERNETES_VERSION
from deploy.cluster.modules import BINARIES, CONFORMANCE, MODULES, OBJECT_STORE, Binary, build_key, module_files

KUBELET = next(binary for binary in BINARIES if binary.name == "kubelet")
INPUTS = {"go_version": "go1.26.8", "platform": "linux/amd64", "module_files": (b"module", b"sums")}


def test_the_same_inputs_give_the_same_key() -> None:
    assert build_key(KUBELET, **INPUTS) == build_key(KUBELET, **INPUTS)


@pytest.mark.parametrize(
    "change",
    [
        {"go_version": "go1.26.9"},
        {"platform": "linux/arm64"},
        {"module_files": (b"module", b"other sums")},
        {"module_files": (b"modul", b"esums")},
    ],
    ids=["compiler", "platform", "go.sum", "where one file ends"],
)
def test_another_input_gives_another_key(change: dict[str, object]) -> None:
    assert build_key(KUBELET, **INPUTS) != build_key(KUBELET, **INPUTS | change)


def test_other_linker_flags_give_another_key() -> None:
    assert build_key(KUBELET, **INPUTS) != build_key(replace(KUBELET, flags="-s"), **INPUTS)


@pytest.mark.parametrize("binary", [*BINARIES, OBJECT_STORE], ids=lambda binary: binary.name)
def test_each_binary_is_pinned_by_its_module(binary: Binary) -> None:
    go_mod, go_sum = (text.decode() for text in module_files(binary))
    named = re.findall(r"^(?:tool )?\t?(\S+)$", go_mod, re.MULTILINE)
    assert binary.package in named
    assert go_sum.strip()


def test_programs_of_tests_are_built_apart_from_what_runs() -> None:
    assert not {binary.name for binary in (*CONFORMANCE, OBJECT_STORE)} & {binary.name for binary in BINARIES}
    assert {binary.module for binary in CONFORMANCE} == {"kubernetes"}


def test_a_program_of_tests_has_a_key_of_its_own() -> None:
    as_test = replace(KUBELET, build_words=("test", "-c"))
    assert build_key(KUBELET, **INPUTS) != build_key(as_test, **INPUTS)


def test_kubernetes_is_the_version_that_its_module_names() -> None:
    go_mod = (MODULES / "kubernetes" / "go.mod").read_text()
    assert f"k8s.io/kubernetes {KUBERNETES_VERSION}" in go_mod
    staging = set(
        re.findall(r"^\tk8s\.io/(?:api|apimachinery|apiserver|client-go|kubelet) (\S+)", go_mod, re.MULTILINE)
    )
    assert staging == {KUBERNETES_VERSION.replace("v1.", "v0.")}


def test_no_module_replaces_another_by_a_path_of_this_machine() -> None:
    for go_mod in MODULES.glob("*/go.mod"):
        assert "replace" not in go_mod.read_text()


def test_time_left_prefers_what_this_machine_remembers() -> None:
    known = {"kubelet": 20.0}
    assert time_left((KUBELET,), known) == 20.0
    assert time_left((KUBELET,), {}) == KUBELET.usual_seconds
    assert time_left((), known) == 0


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "5 s"), (22, "20 s"), (85, "85 s"), (95, "2 min"), (736, "12 min")]
)
def test_durations_are_rounded_as_a_person_would(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
