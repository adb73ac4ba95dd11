"""`%pip install` in a workspace: for its person alone, beside an environment that nothing writes into."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from spawner.environment_shelf import MANIFEST
from studiolo.packaging.dependency_layer import ask_python
from tests.images.conftest import RunningServer, StartServer
from tests.kernels import Kernel
from tests.terminals import run_in_terminal
from tests.wheel_index import add_wheel, wheel_index

TOKEN = "token-of-alice"
SAYS = "def main():\n    print('says the program of tiny')\n"


@pytest.fixture
def index(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "index"
    add_wheel(folder, "tiny", "1.0", {"tiny/__init__.py": SAYS}, program="tiny-says = tiny:main")
    add_wheel(folder, "six", "99.0", {"six.py": "__version__ = '99.0'\n"})
    add_wheel(folder, "ipykernel", "99.0", {"ipykernel_launcher.py": "raise SystemExit('broken')\n"})
    with wheel_index(folder) as url:
        yield url


@pytest.fixture
def workspace(start: StartServer, minimal: Path, index: str) -> RunningServer:
    return start(minimal, env=variables(index))


def variables(index: str, *, environment: str = "python") -> dict[str, str]:
    return {"STUDIOLO_ENVIRONMENT": environment, "PIP_INDEX_URL": index, "SHELL": "/bin/bash"}


def address(server: RunningServer) -> str:
    return f"{server.url}/user/alice"


def ran(server: RunningServer, *cells: str) -> str:
    """What the cells print in a kernel that begins with them."""
    with Kernel(address=address(server), token=TOKEN) as kernel:
        return "".join(text for cell in cells for text in kernel.run(cell))


def packages(server: RunningServer) -> Path:
    return server.home / ".local" / "share" / "studiolo" / "packages"


def all_files(folder: Path) -> dict[str, tuple[int, float]]:
    """Everything below a folder, and when it changed; but for the file that says when somebody last used it."""
    files = (path for path in folder.rglob("*") if path.name != MANIFEST)
    return {str(path): (path.lstat().st_size, path.lstat().st_mtime) for path in files}


def test_what_is_installed_can_be_imported_at_once_and_after_a_restart(workspace: RunningServer) -> None:
    with Kernel(address=address(workspace), token=TOKEN) as kernel:
        assert "no tiny" in "".join(kernel.run("try:\n    import tiny\nexcept ImportError:\n    print('no tiny')"))
        said = "".join(kernel.run("%pip install tiny"))
        assert "Successfully installed tiny-1.0" in said
        assert "you may need to restart the kernel" in said
        assert "says the program" in "".join(kernel.run("import tiny; tiny.main()"))
        with kernel.api() as api:
            api.post(f"kernels/{kernel.id}/restart").raise_for_status()
        kernel.close()
        kernel.open()
        where = "".join(kernel.run("import tiny; print(tiny.__file__)")).strip()
    assert Path(where).is_relative_to(packages(workspace) / "python")


def test_nothing_is_written_into_the_environment_and_other_software_does_not_see_it(
    workspace: RunningServer, start: StartServer, minimal: Path, index: str
) -> None:
    before = all_files(minimal.parents[1])
    ran(workspace, "%pip install tiny six==99.0")
    assert all_files(minimal.parents[1]) == before
    other = start(minimal, env=variables(index, environment="other"))
    assert "no tiny" in ran(other, "try:\n    import tiny\nexcept ImportError:\n    print('no tiny')")


def test_nothing_is_made_where_nobody_installs_anything(workspace: RunningServer) -> None:
    assert "done" in ran(workspace, "import sys; print('done')")
    run_in_terminal(address(workspace), TOKEN, "python --version")
    assert not packages(workspace).exists()


def test_every_way_to_call_pip_leads_to_the_same_one(workspace: RunningServer) -> None:
    ways = ("%pip", "!pip", "!pip3", "!python -m pip", "!{sys.executable} -m pip")
    said = ran(workspace, "import sys", *(f"{way} --version" for way in ways))
    assert said.count("/studiolo_packages/pip/pip (python 3.") == len(ways)
    assert "Successfully installed tiny-1.0" in ran(workspace, "%pip install --user tiny")


def test_a_terminal_installs_and_runs_a_program_that_finds_the_environment_too(workspace: RunningServer) -> None:
    shown = run_in_terminal(address(workspace), TOKEN, "pip install tiny && tiny-says && python -c 'import tiny'")
    assert "says the program of tiny" in shown
    own = packages(workspace) / "python" / "bin" / "python"
    done = subprocess.run([own, "-c", "import tornado, tiny"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "says the program of tiny" in ran(workspace, "!tiny-says")


def test_a_newer_version_goes_before_the_environment_s_and_the_older_comes_back(workspace: RunningServer) -> None:
    version = "import six; print('six', six.__version__)"
    assert "already satisfied" in ran(workspace, "%pip install six")
    ran(workspace, "%pip install --upgrade six")
    assert "six 99.0" in ran(workspace, version)
    ran(workspace, "%pip uninstall --yes six")
    assert "six 1." in ran(workspace, version)


def test_packages_that_break_the_kernel_leave_the_server_and_a_way_out(
    workspace: RunningServer, start: StartServer, minimal: Path, index: str
) -> None:
    ran(workspace, "%pip install --no-deps ipykernel==99.0")
    again = start(minimal, env=variables(index))
    assert again.get("api/status", TOKEN).is_success
    run_in_terminal(address(again), TOKEN, "rm -r ~/.local/share/studiolo/packages/python")
    assert "well" in ran(again, "print('well')")


def test_what_is_for_another_python_is_left_out_and_said(
    start: StartServer, minimal: Path, index: str, tmp_path: Path
) -> None:
    own = tmp_path / "home" / ".local" / "share" / "studiolo" / "packages" / "python"
    (own / "lib" / "python3.9" / "site-packages").mkdir(parents=True)
    (own / "lib" / "python3.9" / "site-packages" / "tiny.py").touch()
    (own / "bin").mkdir()
    (own / "bin" / "python").symlink_to("/nowhere/python3.9")
    (own / "pyvenv.cfg").write_text("home = /nowhere\nversion = 3.9.1\n")
    server = start(minimal, env=variables(index))
    (notice,) = json.loads(server.get("studiolo/notices", TOKEN).text)["notices"]
    assert "What you installed with pip is left out: it is for Python 3.9" in notice["text"]
    assert "Successfully installed tiny-1.0" in ran(server, "%pip install tiny")
    assert "says the program" in ran(server, "import tiny; tiny.main()")


def test_packaging_sees_it_in_the_kernel_and_not_in_the_base(
    workspace: RunningServer, minimal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran(workspace, "%pip install tiny six==99.0")
    monkeypatch.setenv("HOME", str(workspace.home))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("STUDIOLO_ENVIRONMENT", "python")
    for is_told in (False, True):
        if is_told:  # as in a terminal, and not in the server
            monkeypatch.setenv("STUDIOLO_PACKAGES", str(packages(workspace) / "python"))
        base, kernel = ask_python(minimal).installed, ask_python(minimal, is_alone=False).installed
        assert ("tiny" in base.versions, base.versions["six"] == "99.0") == (False, False)
        assert (kernel.versions["tiny"], kernel.versions["six"]) == ("1.0", "99.0")
        assert kernel.of_imports["tiny"] == "tiny"
        assert kernel.versions["tornado"] == base.versions["tornado"]


def test_where_nothing_can_be_kept_pip_says_why(workspace: RunningServer) -> None:
    packages(workspace).parent.mkdir(parents=True)
    packages(workspace).write_text("a file in the way")
    said = ran(workspace, "%pip install tiny", "print('goes on')")
    assert "What pip installs cannot be kept in" in said
    assert "goes on" in said


def test_the_server_itself_has_none_of_it(workspace: RunningServer) -> None:
    ran(workspace, "%pip install tiny")
    environ = Path(f"/proc/{workspace.process.pid}/environ")
    assert b"STUDIOLO_PACKAGES" not in environ.read_bytes()


def test_outside_of_kernels_and_terminals_there_is_no_pip(minimal: Path) -> None:
    done = subprocess.run([minimal, "-m", "pip", "--version"], capture_output=True, text=True, check=False)
    assert "No module named pip" in done.stderr
    assert not (minimal.parent / "pip").exists()
    assert shutil.which("pip", path=str(minimal.parent)) is None
