"""Every broken catalog gives all its problems, each at its line and column, and never a traceback.

The cases are the files of broken_catalogs/: a sentence, the catalogs (the other is valid), and every line that
`studiolo catalog check` prints. `--update-data` rewrites those lines, to be read as a diff.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studiolo.catalog import Platform, check_catalog
from studiolo.cli.catalog import catalog
from studiolo.yaml_file import LARGEST_FILE

CASES = sorted((Path(__file__).parent / "broken_catalogs").glob("*.txt"))
LINE = re.compile(r"(environments|hardware|data)\.yaml:[1-9][0-9]*:[1-9][0-9]*: [^ ]+: [^\n]+[.?:}\]\w\"]")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_a_broken_catalog_gives_all_its_problems_at_once(
    case: Path, write_catalog: Callable[..., Path], request: pytest.FixtureRequest
) -> None:
    given_text, _, expected = case.read_text(encoding="utf-8").partition("=== problems\n")
    parts = re.split(r"^=== (\w+)\.yaml\n", given_text, flags=re.MULTILINE)
    write_catalog(**dict(zip(parts[1::2], parts[2::2], strict=True)))

    result = CliRunner().invoke(catalog, ["check"])

    if request.config.getoption("--update-data"):
        case.write_text(f"{given_text}=== problems\n{result.stdout}", encoding="utf-8")
        expected = result.stdout
    assert result.stdout == expected
    has_errors = any(": warning: " not in line for line in expected.splitlines())
    assert result.exit_code == (1 if has_errors else 0)
    for line in expected.splitlines():
        assert LINE.fullmatch(line), line


def test_at_least_thirty_catalogs_are_broken_on_purpose() -> None:
    assert len(CASES) >= 30


def problems_of(directory: Path = Path()) -> list[str]:
    return [str(problem) for problem in check_catalog(directory).problems]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"environments:\n  a: \0\n", "2:6: (file): The character U+0000 cannot", id="a NUL byte"),
        pytest.param(
            b"environments:\n  a: {title: \x1b[31m}\n", "2:14: (file): The character U+001B", id="an escape code"
        ),
        pytest.param(b"environments:\n  a: {title: M\xfcller}\n", "2:15: (file): This is not UTF-8", id="Latin-1"),
        pytest.param(b"\xef\xbb\xbfa: \xfc\n", "1:4: (file): This is not UTF-8", id="a byte order mark, then Latin-1"),
        pytest.param("environments: {}\n".encode("utf-16"), "1:1: (file): This is not UTF-8", id="UTF-16"),
        pytest.param(bytes(range(128, 256)) * 10, "1:1: (file): This is not UTF-8", id="a binary file"),
        pytest.param(b"#" * (LARGEST_FILE + 1), "1:1: (file): The file is larger than 256 KiB", id="a huge file"),
        pytest.param(b"\xef\xbb\xbftitel: 1\n", "1:1: titel: There is no key", id="a byte order mark is no character"),
        pytest.param(b"titel: 1\r\nb: 2\r\n", "2:1: b: There is no key", id="line ends of Windows"),
    ],
)
def test_bytes_that_are_no_catalog_are_named_with_their_place(
    content: bytes, expected: str, write_catalog: Callable[..., Path]
) -> None:
    write_catalog(environments=content)
    assert any(problem.startswith(f"environments.yaml:{expected}") for problem in problems_of()), problems_of()


def test_a_directory_without_catalogs_gives_a_problem_for_each(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    assert problems_of(nowhere) == [
        f"{nowhere}/{name}.yaml:1:1: (file): There is no such file. Create it, or name the directory that holds it."
        for name in ("environments", "hardware")
    ]


def test_what_is_no_ordinary_file_is_not_read(write_catalog: Callable[..., Path]) -> None:
    write_catalog()
    Path("environments.yaml").unlink()
    Path("environments.yaml").mkdir()
    Path("hardware.yaml").unlink()
    os.mkfifo("hardware.yaml")  # reading it would wait for ever
    assert problems_of() == [
        "environments.yaml:1:1: (file): This is a directory. Put a file with this name in its place.",
        "hardware.yaml:1:1: (file): This is not an ordinary file. Put a text file in its place.",
    ]


def test_a_file_that_cannot_be_opened_says_what_the_system_said(write_catalog: Callable[..., Path]) -> None:
    write_catalog()
    Path("environments.yaml").unlink()
    Path("environments.yaml").symlink_to("environments.yaml")
    [problem] = problems_of()
    assert problem.endswith("cannot be read (Too many levels of symbolic links). Correct its permissions or its name.")


def test_a_lock_that_cannot_be_looked_at_says_what_the_system_said(write_catalog: Callable[..., Path]) -> None:
    write_catalog(environments=f"environments:\n  a: {{title: A, requirements: {'x' * 300}}}\n")
    assert "cannot be read (File name too long). Correct the path" in problems_of()[0]


def test_a_directory_whose_name_cannot_be_a_file_is_a_problem_too() -> None:
    assert "cannot be read (embedded null byte)" in problems_of(Path("a\0b"))[0]


def test_a_path_with_a_line_end_stays_on_one_line(tmp_path: Path) -> None:
    assert all("\n" not in problem for problem in problems_of(tmp_path / "line\nend"))


def test_hundreds_of_problems_end_in_a_count(write_catalog: Callable[..., Path]) -> None:
    write_catalog(hardware="hardware:\n" + "".join(f"  h{number}: {{}}\n" for number in range(300)))
    shown = problems_of()
    assert len(shown) == 201
    assert shown[-1].startswith("hardware.yaml:68:3: (file): The file has more problems, at least ")


def test_one_block_with_hundreds_of_unknown_keys_ends_in_a_count(write_catalog: Callable[..., Path]) -> None:
    write_catalog(hardware="".join(f"key{number}: 1\n" for number in range(300)))
    assert problems_of()[-1] == (
        "hardware.yaml:200:1: (file): The file has more problems, at least 101. Repair those shown here first."
    )


def test_an_error_behind_hundreds_of_warnings_is_still_shown(write_catalog: Callable[..., Path]) -> None:
    teams = ", ".join(["vision"] * 300)
    hardware = f"hardware:\n  a: {{title: A, cpu: 1, memory: 2Gi, teams: [{teams}]}}\n"
    write_catalog(hardware=hardware)
    assert check_catalog(Path()).errors == ()
    assert problems_of()[-1].startswith("hardware.yaml:2:1646: (file): warning: The file has more problems")

    write_catalog(hardware=f"{hardware}  b: {{}}\n")
    check = check_catalog(Path())
    assert check.catalog is None
    assert {problem.path for problem in check.errors} == {"hardware.b", "(file)"}


def test_a_catalog_of_too_many_entries_is_refused(write_catalog: Callable[..., Path]) -> None:
    entries = "".join(f"  h{number}: {{title: H{number}, cpu: 1, memory: 2Gi}}\n" for number in range(502))
    write_catalog(hardware=f"hardware:\n{entries}")
    assert problems_of() == ["hardware.yaml:502:3: hardware.h500: A file has at most 500 entries. Remove some."]


def test_a_list_of_too_many_items_is_refused(write_catalog: Callable[..., Path]) -> None:
    teams = ", ".join(f"team-{number}" for number in range(501))
    write_catalog(hardware=f"hardware:\n  a: {{title: A, cpu: 1, memory: 2Gi, teams: [{teams}]}}\n")
    assert problems_of()[0].endswith("teams: This list has 501 items, and at most 500 are read. Shorten it.")


def test_merges_of_merges_cannot_grow_without_end(write_catalog: Callable[..., Path]) -> None:
    many = ", ".join(f"k{number}: 1" for number in range(1000))
    merges = "".join("  - {<<: *a}\n" for _ in range(20))
    write_catalog(hardware=f"a: &a {{{many}}}\nb:\n{merges}")
    assert problems_of()[0].startswith("hardware.yaml:13:10: b[10]: Too much is merged with << here.")


def test_an_unknown_time_zone_is_let_pass_where_no_zones_are_known(
    write_catalog: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zoneinfo.available_timezones", set)
    write_catalog(hardware="timezone: Europe/Rome\nhardware:\n  a: {title: A, cpu: 1, memory: 2Gi}\n")
    found = check_catalog(Path()).catalog
    assert found is not None
    assert found.timezone == "Europe/Rome"


yaml_values = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.text(max_size=20)
    | st.sampled_from(["2Gi", "1", "*a"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=5)
            | st.sampled_from(
                ["environments", "hardware", "title", "cpu", "gpu", "memory", "teams", "apps", "<<", "image"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=30,
)

without_shrinking_health = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@without_shrinking_health
@given(content=st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace")))
def test_no_bytes_make_the_check_raise(content: bytes, write_catalog: Callable[..., Path]) -> None:
    write_catalog(environments=content, hardware=content)
    assert check_catalog(Path()).errors


@without_shrinking_health
@given(text=st.text(alphabet="environmtsha: {}[]-&*!<>|%@#'\"\\\n\t,?~0.9", max_size=120))
def test_no_yaml_syntax_makes_the_check_raise(text: str, write_catalog: Callable[..., Path]) -> None:
    write_catalog(environments=f"environments:\n {text}", hardware=text)
    for problem in check_catalog(Path()).problems:
        assert "\n" not in str(problem)
        assert problem.line >= 1


@without_shrinking_health
@given(value=yaml_values, platform=st.sampled_from(Platform))
def test_no_value_makes_the_check_raise(value: object, platform: Platform, write_catalog: Callable[..., Path]) -> None:
    text = json.dumps(value)
    write_catalog(environments=f"environments: {{a: {text}, b: {text}}}", hardware=f"hardware: {{a: {text}}}")
    check_catalog(Path(), platform=platform)
