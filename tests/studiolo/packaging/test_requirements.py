"""What a model needs beside its base, from which source, and what no image is made from."""

from __future__ import annotations

from typing import Any

import pytest

from studiolo.packaging.errors import ProjectRefused
from studiolo.packaging.requirements import Installed, Requirements, Source, requirements_of

BASE = Installed(versions={"numpy": "2.3.1", "pandas": "2.3.0"})
KERNEL = Installed(
    versions={"numpy": "2.3.1", "scikit-learn": "1.7.0", "pyyaml": "6.0.2"},
    of_imports={"numpy": "numpy", "sklearn": "scikit-learn", "yaml": "PyYAML"},
)


def needs(**more: Any) -> Requirements:
    asked: dict[str, Any] = {"pip_installs": (), "imports": (), "modules": (), "base": BASE, "kernel": KERNEL}
    return requirements_of(more.pop("files", {}), **{**asked, **more})


def pairs(found: Requirements) -> list[tuple[str, str]]:
    return [(one.requirement, one.source) for one in found.needed]


def test_imports_are_pinned_as_they_are_installed_and_only_where_the_base_lacks_them() -> None:
    found = needs(imports=["numpy", "sklearn", "yaml", "os", "json"])
    assert pairs(found) == [("PyYAML==6.0.2", Source.IMPORT), ("scikit-learn==1.7.0", Source.IMPORT)]
    assert found.warnings == ()


def test_modules_of_the_folder_itself_are_no_packages() -> None:
    assert needs(imports=["features", "sklearn"], modules=["features"]).warnings == ()


def test_an_import_that_nothing_installed_gives_is_said() -> None:
    assert "imports torch, which is not installed here" in needs(imports=["torch"]).warnings[0]


def test_what_is_believed_more_counts() -> None:
    found = needs(
        files={"requirements.txt": "scikit-learn==1.6.1  # why\n\n# nothing\n"},
        pip_installs=["scikit-learn==1.5", "pyyaml>=6"],
        imports=["sklearn", "yaml", "torch"],
    )
    assert pairs(found) == [("pyyaml>=6", Source.PIP_LINE), ("scikit-learn==1.6.1", Source.REQUIREMENTS)]
    assert found.warnings == ()


def test_what_the_base_has_in_another_version_is_needed() -> None:
    assert pairs(needs(pip_installs=["pandas==2.2.0", "numpy>=2"])) == [("pandas==2.2.0", Source.PIP_LINE)]


def test_a_pyproject_names_its_dependencies() -> None:
    found = needs(files={"pyproject.toml": '[project]\nname = "a"\ndependencies = ["rich>=14", "numpy"]\n'})
    assert pairs(found) == [("rich>=14", Source.PYPROJECT)]


@pytest.mark.parametrize("name", ["requirements.lock", "requirements.txt"])
def test_a_lock_says_it_all_but_for_what_the_base_has(name: str) -> None:
    rich = f"rich==14.0.0 \\\n    --hash=sha256:{'a' * 64}\n"
    found = needs(files={name: f"{rich}numpy==2.3.1 --hash=sha256:{'b' * 64}\n"}, imports=["torch"])
    assert (found.lock, found.locked, found.needed, found.warnings) == (name, rich, (), ())


def test_a_lock_that_leads_elsewhere_is_refused() -> None:
    with pytest.raises(ProjectRefused, match="is an option") as refused:
        needs(files={"requirements.lock": "--extra-index-url https://example.org\n-e .\n"})
    assert len(refused.value.problems) == 2


def test_a_marker_for_other_machines_leaves_a_line_out() -> None:
    assert needs(files={"requirements.txt": 'pywin32; sys_platform == "win32"\n'}).needed == ()


def test_what_no_image_is_made_from_is_refused_all_at_once() -> None:
    lines = "--extra-index-url https://example.org\n-e .\nx @ git+https://example.org/x\n!!\nrich\n"
    with pytest.raises(ProjectRefused) as refused:
        needs(files={"requirements.txt": lines})
    assert [problem.partition(": ")[2] for problem in refused.value.problems] == [
        '"--extra-index-url https://example.org" is an option, and only packages by name go in. Remove the line.',
        '"-e ." is an option, and only packages by name go in. Remove the line.',
        (
            '"x @ git+https://example.org/x" comes from an address. '
            "Only packages of the configured index go in, with hashes."
        ),
        '"!!" names no package.',
    ]


def test_a_pyproject_that_is_none_is_said_to_be() -> None:
    with pytest.raises(ProjectRefused, match=r"pyproject\.toml cannot be read"):
        needs(files={"pyproject.toml": "[project"})
