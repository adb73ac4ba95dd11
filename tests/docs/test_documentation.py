"""What the documents show is true: commands exist, catalogs are valid, links lead somewhere."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest

from studiolo.catalog import check_catalog
from studiolo.cli import main as studiolo

CHECKOUT = Path(__file__).parents[2]
DOCUMENTS = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", flags=re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?P<target>[^)#:]+)(?:#[^)]*)?\)")


def blocks(language: str) -> list[tuple[str, str]]:
    return [
        (path.relative_to(CHECKOUT).as_posix(), found["text"])
        for path in DOCUMENTS
        for found in BLOCK.finditer(path.read_text())
        if found["language"] == language
    ]


COMMANDS = [
    (path, line.partition(" #")[0].rstrip())
    for path, text in blocks("sh")
    for line in text.splitlines()
    if line.strip() and not line.startswith("#")
]


def parse(command: click.Command, arguments: list[str]) -> None:
    """Parse as click would, down to the last subcommand, without running it."""
    context = command.make_context(command.name, list(arguments))
    with context:
        if isinstance(command, click.Group):
            rest = [*context._protected_args, *context.args]
            name, found, left = command.resolve_command(context, rest)
            assert found is not None, f"no command {name!r}"
            parse(found, left)


@pytest.mark.parametrize(("path", "line"), COMMANDS, ids=[f"{path}: {line}" for path, line in COMMANDS])
def test_a_command_in_a_document_exists_with_these_options(
    path: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, *arguments = shlex.split(line)
    if program == "make":
        subprocess.run(["make", "--dry-run", *arguments], cwd=CHECKOUT, check=True, capture_output=True)
        return
    assert program == "studiolo"
    (tmp_path / "workspace.yaml").write_text(next(text for _, text in blocks("yaml") if "# workspace.yaml" in text))
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    parse(studiolo, arguments)


@pytest.mark.parametrize("line", sorted({line for _, line in COMMANDS if line.startswith("studiolo catalog")}))
def test_a_catalog_command_in_a_document_succeeds_in_a_checkout(line: str) -> None:
    _, *arguments = shlex.split(line)
    with pytest.raises(SystemExit) as ended:
        studiolo(arguments, standalone_mode=True)
    assert ended.value.code == 0


def test_the_catalogs_in_the_documents_are_valid(tmp_path: Path) -> None:
    shown = {text.splitlines()[0].removeprefix("# "): text for _, text in blocks("yaml")}
    for name in ("environments.yaml", "hardware.yaml"):
        (tmp_path / name).write_text(shown[name])
    (tmp_path / "images").symlink_to(CHECKOUT / "images")
    found = check_catalog(tmp_path)
    assert [str(problem) for problem in found.problems] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(CHECKOUT).as_posix())
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    targets = [found["target"] for found in LINK.finditer(path.read_text())]
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_the_readme_stays_under_150_lines() -> None:
    assert len((CHECKOUT / "README.md").read_text().splitlines()) < 150
