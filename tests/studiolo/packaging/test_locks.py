"""What a lock is read as, and what of it would lead an installer elsewhere."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studiolo.packaging.locks import Locked, lock_text, read_lock

ONE, TWO = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"


TAKEN = re.compile(
    r"[a-z0-9][a-z0-9-]*==[\w.!+]+(?: ; [\w .'\"<>=!()~,-]+)?(?:    --hash=sha256:[0-9a-f]{64})+", re.ASCII
)
"""One package of a lock, on one line."""


def read(text: str, name: str = "requirements.lock") -> tuple[tuple[Locked, ...], list[str]]:
    problems: list[str] = []
    return read_lock(name, text, problems), problems


def test_a_lock_of_many_lines_and_words_comes_out_as_versions_and_hashes() -> None:
    text = (
        f"# made by hand\nRich[jupyter]==14.0.0 ; python_version > '3' \\\n    --hash={ONE} \\\r\n    --hash={TWO}\n"
        f"    # via -r requirements.in\n\nsix==1.17.0 --hash={ONE}  # why\n"
    )
    found, problems = read(text)
    assert problems == []
    assert found == (
        Locked(name="rich", version="14.0.0", hashes=(ONE, TWO), marker='python_version > "3"'),
        Locked(name="six", version="1.17.0", hashes=(ONE,)),
    )
    assert read(lock_text(found, {})) == (found, [])


def test_what_the_base_has_in_the_very_version_is_left_out() -> None:
    found, _ = read(f"six==1.17.0 --hash={ONE}\nrich==14.0.0 --hash={TWO}\n")
    assert lock_text(found, {"six": "1.17.0", "rich": "13.0.0"}) == f"rich==14.0.0 \\\n    --hash={TWO}\n"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("--extra-index-url https://example.org/simple", "is an option"),
        ("--index-url=https://example.org/simple", "is an option"),
        ("-r other.txt", "is an option"),
        ("-e .", "is an option"),
        ("--find-links https://example.org", "is an option"),
        (f"six @ https://example.org/six.whl --hash={ONE}", "comes from an address"),
        ("six @ git+https://example.org/six", "comes from an address"),
        (f"./six.whl --hash={ONE}", "is not NAME==VERSION"),
        (f"https://example.org/six.whl --hash={ONE}", "is not NAME==VERSION"),
        ("six==1.17.0", "is not NAME==VERSION"),
        (f"six>=1 --hash={ONE}", "is not NAME==VERSION"),
        (f"six==1.* --hash={ONE}", "is not NAME==VERSION"),
        (f"six==1.17.0,<2 --hash={ONE}", "is not NAME==VERSION"),
        ("six==1.17.0 --hash=md5:11", "is not NAME==VERSION"),
        (f"six==1.17.0 --index-url https://example.org --hash={ONE}", "is not NAME==VERSION"),
        ("-r /etc/passwd", "is an option"),
        ("six @ file:///etc/passwd", "comes from an address"),
        ("/tmp/x.whl", "is not NAME==VERSION"),
        ("${HOME}==1", "is not NAME==VERSION"),
        ("[project]", "is not NAME==VERSION"),
        (f"six==1.17.0 ; sys_platform == 'a' --index-url http://y --hash={ONE}", "is not NAME==VERSION"),
        (f"six==1.17.0 ; sys_platform == 'http://y' --hash={ONE}", "is not NAME==VERSION"),
        (f"six==1.17.0 --global-option=y --hash={ONE}", "is not NAME==VERSION"),
        (f"six==1.17.0 ; {'(' * 5000}a{')' * 5000} --hash={ONE}", "is not NAME==VERSION"),
        (f"six==1.17.0 \\\n--index-url https://example.org --hash={ONE}", "is not NAME==VERSION"),
    ],
)
def test_a_line_that_leads_elsewhere_or_leaves_something_open_is_named(line: str, why: str) -> None:
    found, problems = read(f"{line}\nrich==14.0.0 --hash={TWO}\n")
    assert [one.name for one in found] == ["rich"]
    assert len(problems) == 1
    assert why in problems[0]


PIECES = st.sampled_from(
    [
        "six==1.17.0",
        f"--hash={ONE}",
        f" --hash={TWO}",
        " \\\n",
        "\n",
        "\r\n",
        "# ",
        " ; ",
        "os_name == 'posix'",
        "'",
        '"',
        "--index-url http://x",
        "-r x",
        "\x0c",
        "\u2028",
        "\\",
        " ",
        "[a]",
        "@ http://x",
        "(",
        "é",
    ]
)


@given(text=st.lists(PIECES | st.text(max_size=3), max_size=14).map("".join))
def test_what_is_taken_of_any_text_is_versions_and_hashes_alone_and_is_read_the_same_again(text: str) -> None:
    found, _ = read(text)
    taken = lock_text(found, {})
    for line in taken.replace(" \\\n", "").splitlines():
        assert TAKEN.fullmatch(line), line
    assert read(taken) == (found, [])


def test_no_depth_of_brackets_hurts() -> None:
    for depth in range(1, 245):
        read(f"six==1.17.0 ; {'(' * depth}os_name=='a'{')' * depth} --hash={ONE}")


def test_a_comment_that_ends_in_a_backslash_hides_no_option() -> None:
    """Some installers end a comment with its line, and read what follows."""
    found, _ = read(f"# why \\\n--index-url http://x\nsix==1.17.0 --hash={ONE}\n")
    assert lock_text(found, {}) == f"six==1.17.0 \\\n    --hash={ONE}\n"


def test_a_pylock_is_read_by_its_wheels_and_their_hashes_not_by_their_addresses() -> None:
    text = (
        'lock-version = "1.0"\n[[packages]]\nname = "six"\nversion = "1.17.0"\nmarker = "sys_platform == \'linux\'"\n'
        f'wheels = [{{ url = "https://example.org/six.whl", hashes = {{ sha256 = "{"1" * 64}" }} }}]\n'
    )
    found, problems = read(text, "pylock.toml")
    assert problems == []
    assert found == (Locked(name="six", version="1.17.0", hashes=(ONE,), marker='sys_platform == "linux"'),)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[[packages", "cannot be read"),
        ("packages = 3", "has no name"),
        ("packages = [3]", "has no name"),
        ('[[packages]]\nname = "six"\nversion = "1"\nsdist = { url = "x" }', "no version or no wheel"),
        ('[[packages]]\nname = "six"\nvcs = { type = "git", url = "x" }', "no version or no wheel"),
        ('[[packages]]\nname = "six"\nversion = "1"\nwheels = [{ url = "x" }]', "is not NAME==VERSION"),
        ('[[packages]]\nname = "-e ."\nversion = "1"\nwheels = [3]', "is an option"),
    ],
)
def test_a_pylock_with_anything_else_is_refused(text: str, why: str) -> None:
    found, problems = read(text, "pylock.toml")
    assert found == ()
    assert len(problems) == 1
    assert why in problems[0]
