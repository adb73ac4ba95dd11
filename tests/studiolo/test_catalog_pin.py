"""`studiolo catalog pin`: digests are written where the images stand, and nothing else changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from studiolo.catalog_pin import pin, with_images
from studiolo.cli import main
from studiolo.cli.exit_codes import ExitCode
from studiolo.registry import Registry

OLD, NEW = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"

CATALOG = """\
# yaml-language-server: $schema=environments.json
environments:
  python:   # the default
    title: "Python: the language"
    image: registry.example.org/studiolo/python:2026.1   # what most people use
    default: true

  quoted:
      title:   Quoted
      image: 'registry.example.org/quoted:1'
  double: {title: Double, image: "registry.example.org/double:1", teams: [vision]}  # in one line
  anchored:
    title: Anchored
    image: &shared registry.example.org/shared:1
  pinned:
    title: Pinned
    image: registry.example.org/pinned:1@OLD
  digest-alone:
    title: Digest alone
    image: registry.example.org/alone@OLD
  local:
    title: Local
    requirements: requirements.lock
""".replace("OLD", OLD)


def answering(answer: Callable[[httpx.Request], httpx.Response]) -> Registry:
    return Registry(transport=httpx.MockTransport(answer), credentials=lambda _: None)


def always(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, headers={"Docker-Content-Digest": NEW})


def changed_lines(before: str, after: str) -> list[tuple[str, str]]:
    pairs = zip(before.splitlines(), after.splitlines(), strict=True)
    return [(old, new) for old, new in pairs if old != new]


async def test_images_with_a_tag_alone_get_a_digest_and_nothing_else_changes(tmp_path: Path) -> None:
    (tmp_path / "environments.yaml").write_text(CATALOG)
    async with answering(always) as registry:
        result = await pin(tmp_path, registry, update=False)
    assert result.problems == ()
    assert changed_lines(CATALOG, result.text) == [
        (line, line.replace(tagged, f"{tagged}@{NEW}"))
        for line in CATALOG.splitlines()
        for tagged in ("python:2026.1", "quoted:1", "double:1", "shared:1")
        if tagged in line
    ]


async def test_update_looks_up_tags_anew_and_leaves_digests_without_one(tmp_path: Path) -> None:
    (tmp_path / "environments.yaml").write_text(CATALOG)
    async with answering(always) as registry:
        result = await pin(tmp_path, registry, update=True)
    assert f"pinned:1@{NEW}" in result.text
    assert f"alone@{OLD}" in result.text


async def test_what_has_its_digest_needs_no_registry(tmp_path: Path) -> None:
    def never(request: httpx.Request) -> httpx.Response:
        raise AssertionError(request.url)

    text = CATALOG.replace(":2026.1", f"@{OLD}").replace("quoted:1'", f"quoted:1@{OLD}'")
    text = text.replace('double:1"', f'double:1@{OLD}"').replace("shared:1", f"shared:1@{OLD}")
    (tmp_path / "environments.yaml").write_text(text)
    async with answering(never) as registry:
        result = await pin(tmp_path, registry, update=False)
    assert (result.text, result.replacements, result.problems) == (text, (), ())


async def test_line_ends_a_byte_order_mark_and_other_alphabets_stay(tmp_path: Path) -> None:
    text = "\ufeffenvironments:\r\n  python: {title: Пайтон ☃, image: x.org/python:1}\r\n"
    (tmp_path / "environments.yaml").write_bytes(text.encode())
    async with answering(always) as registry:
        result = await pin(tmp_path, registry, update=False)
    assert result.text == text.replace("python:1}", f"python:1@{NEW}}}")


async def test_a_value_that_stands_elsewhere_is_a_problem_with_its_place(tmp_path: Path) -> None:
    text = "x: &image x.org/python:1\nenvironments:\n  python: {title: P, image: *image}\n"
    (tmp_path / "environments.yaml").write_text(text)
    async with answering(always) as registry:
        result = await pin(tmp_path, registry, update=False)
    (problem,) = result.problems
    assert (problem.line, problem.path) == (3, "environments.python.image")
    assert "written in another place (*)" in problem.message


async def test_every_image_that_cannot_be_resolved_is_told_at_once_with_its_place(tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(404 if "quoted" in request.url.path else 200, headers={"Docker-Content-Digest": NEW})

    text = CATALOG + "  away: {title: Away, image: away.example.org/x:1}\n"
    (tmp_path / "environments.yaml").write_text(text)

    def partly(request: httpx.Request) -> httpx.Response:
        if request.url.host == "away.example.org":
            raise httpx.ConnectError("no route", request=request)
        return answer(request)

    async with answering(partly) as registry:
        result = await pin(tmp_path, registry, update=False)
    assert [(problem.line, problem.path) for problem in result.problems] == [
        (10, "environments.quoted.image"),
        (24, "environments.away.image"),
    ]
    assert "registry.example.org has no quoted:1." in result.problems[0].message
    assert "cannot be reached over https (no route)" in result.problems[1].message


@pytest.mark.parametrize("text", ["", "environments: [", "environments: {a: {image: 'https://x.org/a:1'}}", "a: b"])
async def test_what_is_no_catalog_or_no_reference_is_left_to_catalog_check(text: str, tmp_path: Path) -> None:
    (tmp_path / "environments.yaml").write_text(text)
    async with answering(always) as registry:
        result = await pin(tmp_path, registry, update=False)
    assert result.replacements == ()


# --- The command ---


@pytest.fixture
def pinning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    """Runs `studiolo catalog pin` with registries that answer as given."""

    def run(answer: Callable[[httpx.Request], httpx.Response], *options: str) -> Result:
        monkeypatch.setattr("studiolo.registry.Registry", lambda **_: answering(answer))
        return CliRunner().invoke(main, ["catalog", "pin", str(tmp_path), *options])

    (tmp_path / "environments.yaml").write_text("environments:\n  python: {title: P, image: x.org/python:1} # ours\n")
    return run


def test_the_command_writes_the_file_and_says_what_it_wrote(pinning: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "environments.yaml").chmod(0o640)
    result = pinning(always)
    assert result.exit_code == 0
    assert result.stdout == f"environments.python.image: x.org/python:1@{NEW}\n"
    assert result.stderr == "1 image was pinned.\n"
    written = (tmp_path / "environments.yaml").read_text()
    assert written == f"environments:\n  python: {{title: P, image: x.org/python:1@{NEW}}} # ours\n"
    assert (tmp_path / "environments.yaml").stat().st_mode & 0o777 == 0o640
    assert pinning(always).stderr == "Every image has its digest already.\n"


def test_a_dry_run_writes_nothing(pinning: Callable[..., Result], tmp_path: Path) -> None:
    before = (tmp_path / "environments.yaml").read_text()
    assert pinning(always, "--dry-run").stderr == "1 image would be pinned.\n"
    assert (tmp_path / "environments.yaml").read_text() == before


@pytest.mark.parametrize(
    ("status", "exit_code"),
    [(404, ExitCode.NOT_FOUND), (403, ExitCode.NOT_ALLOWED), (503, ExitCode.UNREACHABLE)],
)
def test_a_failure_of_one_kind_ends_with_its_exit_code(
    status: int, exit_code: int, pinning: Callable[..., Result], tmp_path: Path
) -> None:
    before = (tmp_path / "environments.yaml").read_text()
    result = pinning(lambda _: httpx.Response(status))
    assert result.exit_code == exit_code
    assert result.stdout.startswith(f"{tmp_path}/environments.yaml:2:29: environments.python.image: ")
    assert result.stderr == "1 problem; nothing was written.\n"
    assert (tmp_path / "environments.yaml").read_text() == before


def test_a_file_that_cannot_be_read_is_a_problem(pinning: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "environments.yaml").unlink()
    result = pinning(always)
    assert result.exit_code == ExitCode.REFUSED
    assert "There is no such file" in result.stdout


# --- The catalogs of the development cluster ---


def test_pushed_images_are_written_into_the_catalog_that_ships() -> None:
    text = (
        "environments:\n  # ours\n  python:\n    title: Python # yes\n\n"
        f"  r: {{title: R, image: x@{OLD}}}\n  short: {{title: S}}\n  none: {{title: N}}\n"
    )
    images = {"python": "host/python:1", "r": "host/r:1", "short": "host/short:1", "other": "host/other:1"}
    assert with_images(text, images) == (
        "environments:\n  # ours\n  python:\n    image: host/python:1\n    title: Python # yes\n\n"
        "  r: {title: R, image: host/r:1}\n  short: {image: host/short:1, title: S}\n  none: {title: N}\n"
    )


def test_the_catalog_that_ships_takes_images() -> None:
    text = (Path(__file__).parents[2] / "environments.yaml").read_text()
    written = with_images(text, {"python": f"10.0.0.1:5000/studiolo/python:k@{NEW}"})
    assert json.dumps(NEW)[1:-1] in written
    assert len(written.splitlines()) == len(text.splitlines()) + 1


def test_images_are_not_written_into_what_is_no_catalog() -> None:
    with pytest.raises(ValueError, match=r"environments\.yaml cannot be read"):
        with_images("environments:\n\t- a tab", {"python": f"registry.example.org/python@{NEW}"})
