"""`studiolo image check`: an image with one rule broken is told of exactly that one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from deploy.images.check import check_layout
from deploy.images.check_command import image
from deploy.images.errors import NotAnImageError
from deploy.images.rules import RULES, Finding
from tests.deploy.images.layouts import (
    LIBRARY,
    OVERRIDES,
    PACKAGES,
    PYTHON,
    SETTINGS,
    TestImage,
    cached,
    compiled,
    folder,
    link,
    text,
)

HUB = "6.1.1"
TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0"
MODULE = f"{PACKAGES}/jupyterlab/__init__.py"
Break = Callable[[TestImage], None]


def findings(broken: TestImage, folder: Path) -> tuple[Finding, ...]:
    return check_layout(broken.write(folder / "image"), hub_version=HUB)


def test_an_image_in_which_every_rule_holds_is_told_of_none(tmp_path: Path) -> None:
    assert findings(TestImage(), tmp_path) == ()


def without(path: str) -> Break:
    return lambda made: made.files.pop(path) and None


def with_file(path: str, content: str = "program", mode: int = 0o644) -> Break:
    return lambda made: made.files.update({path: text(content, mode)})


def with_config(**values: object) -> Break:
    return lambda made: made.config.update(values)


def with_variable(variable: str) -> Break:
    return lambda made: made.config["Env"].append(variable)


def hidden_key(made: TestImage) -> None:
    key = text("-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n")
    made.more_layers = ({"/home/jovyan/.ssh/id_ed25519": key}, {"/home/jovyan/.ssh/id_ed25519": None})


BROKEN: list[tuple[str, str, Break]] = [
    ("root", "any-uid", with_config(User="")),
    ("a named user", "any-uid", with_config(User="jovyan")),
    ("uid 0 by number", "any-uid", with_config(User="0:0")),
    ("a home for one user", "any-uid", lambda made: made.files.update({"/home/jovyan": folder(0o755, uid=1000)})),
    ("no home", "any-uid", without("/home/jovyan")),
    ("a closed environment", "any-uid", with_file("/opt/environment/bin/pip", mode=0o700)),
    ("not compiled", "compiled", without(cached(MODULE))),
    ("Python's library not compiled", "compiled", without(cached(f"{LIBRARY}/os.py"))),
    ("compiled from another text", "compiled", lambda m: m.files.update({cached(MODULE): compiled("", of="x = 3\n")})),
    ("compiled with a timestamp", "compiled", with_file(cached(MODULE), "\0" * 20)),
    ("rfc3987_syntax", "slow-import", with_file(f"{PACKAGES}/rfc3987_syntax/syntax.json")),
    ("node", "node", with_file("/usr/bin/node", mode=0o755)),
    ("node by a link", "node", lambda made: made.files.update({"/usr/local/bin/node": link("/usr/bin/tini")})),
    ("another JupyterHub", "jupyterhub", lambda made: _with_jupyterhub(made, "5.4.0")),
    ("no JupyterHub", "jupyterhub", lambda made: _with_jupyterhub(made, None)),
    ("setuid", "setuid", with_file("/usr/bin/su", mode=0o4755)),
    ("setgid", "setuid", with_file("/usr/bin/chage", mode=0o2755)),
    ("a private key that a later layer removes", "secrets", hidden_key),
    ("a password in .netrc", "secrets", with_file("/root/.netrc", "machine x login y password z")),
    ("a token of npm", "secrets", with_file("/root/.npmrc", "//registry/:_authToken=abcdef")),
    ("a token in a file of settings", "secrets", with_file("/etc/app.conf", f"token = {TOKEN}\n")),
    ("a token in a variable", "secrets", with_variable(f"GITHUB={TOKEN}")),
    ("a token in a step", "secrets", lambda made: setattr(made, "history", (f"RUN git clone https://u:{TOKEN}@x",))),
    ("LD_PRELOAD", "preload", with_variable("LD_PRELOAD=/usr/lib/libjemalloc.so")),
    ("no command", "start-command", with_config(Entrypoint=[], Cmd=[])),
    ("no such program", "start-command", with_config(Entrypoint=["dumb-init"])),
    ("no such file", "start-command", without("/opt/studiolo/start_server.py")),
    (
        "language servers",
        "language-server",
        with_file(SETTINGS, json.dumps({"LabApp": {"extension_manager": "readonly"}})),
    ),
    ("the extension manager", "extension-manager", lambda made: _with_settings(made, "pypi")),
    ("the command linker", "command-linker", without(OVERRIDES)),
]


def _with_jupyterhub(made: TestImage, version: str | None) -> None:
    del made.files[f"{PACKAGES}/jupyterhub-6.1.1.dist-info/METADATA"]
    if version:
        made.files[f"{PACKAGES}/jupyterhub-{version}.dist-info/METADATA"] = text("")


def _with_settings(made: TestImage, manager: str) -> None:
    extensions = {"jupyter_lsp": False}
    settings = {"LabApp": {"extension_manager": manager}, "ServerApp": {"jpserver_extensions": extensions}}
    made.files[SETTINGS] = text(json.dumps(settings))


@pytest.mark.parametrize(("rule", "broken"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_a_broken_rule_is_found_and_no_other(rule: str, broken: Break, tmp_path: Path) -> None:
    made = TestImage()
    broken(made)
    found = findings(made, tmp_path)
    assert [finding.rule for finding in found] == [rule]
    assert all((found[0].what, found[0].cost, found[0].mend))
    assert TOKEN not in str(found)


def test_every_rule_is_broken_by_a_case_here() -> None:
    assert {case[1] for case in BROKEN} == {rule.__name__.replace("_", "-") for rule in RULES}


FINE: list[tuple[str, Break]] = [
    (
        "a key among the tests of a package",
        with_file(f"{PACKAGES}/tornado/test/test.key", "-----BEGIN PRIVATE KEY-----"),
    ),
    ("node outside of PATH", with_file("/opt/node/bin/node", mode=0o755)),
    ("a template that is no Python", with_file(f"{PACKAGES}/jupyterlab/template.py", "{{ name }} = (")),
    ("tests of Python's library that nobody imports", with_file(f"{LIBRARY}/test/test_os.py", "z = 1")),
    ("a home that everybody may write", lambda made: made.files.update({"/home/jovyan": folder(0o777, uid=5)})),
    ("a program found on PATH", with_config(Entrypoint=[], Cmd=["tini"])),
]


@pytest.mark.parametrize("allowed", [case[1] for case in FINE], ids=[case[0] for case in FINE])
def test_what_harms_nobody_is_not_found(allowed: Break, tmp_path: Path) -> None:
    made = TestImage()
    allowed(made)
    assert findings(made, tmp_path) == ()


def test_an_image_without_python_is_told_so(tmp_path: Path) -> None:
    made = TestImage()
    made.files = {path: file for path, file in made.files.items() if "python" not in path and PYTHON not in path}
    made.config["Cmd"] = []
    (found,) = findings(made, tmp_path)
    assert found.what.startswith("No JupyterHub is installed in the first Python on PATH")


def test_the_command_prints_what_it_costs_and_how_to_mend_it_and_exits_1(tmp_path: Path) -> None:
    made = TestImage()
    made.config["User"] = ""
    result = CliRunner().invoke(image, ["check", "--no-run", str(made.write(tmp_path / "image"))])
    assert result.exit_code == 1
    first, cost, mend, not_run = result.stdout.splitlines()
    assert first.startswith('any-uid: USER is ""')
    assert cost.startswith("  costs: ")
    assert mend.startswith("  mend:  USER 1000:1000")
    assert not_run == "Not run: not asked for."
    assert result.stderr == "11 of 12 rules hold.\n"


def test_the_command_prints_json_for_programs_and_exits_0_when_all_holds(tmp_path: Path) -> None:
    layout = TestImage().write(tmp_path / "image")
    result = CliRunner().invoke(image, ["check", "--no-run", "--json", str(layout)])
    assert result.exit_code == 0
    assert json.loads(result.stdout)["findings"] == []


def test_a_folder_that_is_no_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotAnImageError, match="is not an OCI layout"):
        check_layout(tmp_path, hub_version=HUB)
