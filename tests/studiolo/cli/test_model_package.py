"""From a notebook to a running model on one machine: the real commands, real wheels, a real registry."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from deploy.local.package_index import uv_environment_here
from tests.real_registry import RealRegistry

if TYPE_CHECKING:
    from collections.abc import Mapping

ZOO = Path(__file__).parents[2] / "data" / "notebooks"
PATIENCE_SECONDS = 300.0


@dataclass(frozen=True)
class Person:
    """Somebody at a terminal, with a place of their own for data; what was downloaded is shared."""

    home: Path
    notebook: Path

    @property
    def env(self) -> Mapping[str, str]:
        uv = {"UV_CACHE_DIR": str(Path("~/.cache/uv").expanduser())}
        here = {"XDG_DATA_HOME": str(self.home / "data"), "XDG_CACHE_HOME": str(self.home / "cache")}
        return {**os.environ, **uv_environment_here(), **uv, **here}

    def types(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "studiolo", "model", *words]
        return subprocess.run(
            command, env=self.env, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS
        )


@pytest.fixture(scope="module")
def alice(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """With a notebook that has plots, magics and an await, and needs scikit-learn, which is not installed here."""
    home = tmp_path_factory.mktemp("alice")
    (home / "iris").mkdir()
    notebook = home / "iris" / "iris.ipynb"
    shutil.copyfile(ZOO / "iris_with_everything.ipynb", notebook)
    (home / "iris" / "requirements.txt").write_text("scikit-learn\n")
    return Person(home=home, notebook=notebook)


@pytest.fixture(scope="module")
def packaged(alice: Person) -> dict[str, object]:
    done = alice.types("package", str(alice.notebook), "--version", "1.0", "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_a_package_says_what_it_is_and_how_it_is_run(packaged: dict[str, object]) -> None:
    assert (packaged["name"], packaged["version"], packaged["is_new"]) == ("iris", "1.0", True)
    assert packaged["needed"] == [{"requirement": "scikit-learn", "source": "requirements.txt"}]


def test_a_second_time_it_is_packaged_already(alice: Person, packaged: dict[str, object]) -> None:
    done = alice.types("package", str(alice.notebook), "--version", "1.0")
    assert done.returncode == 0, done.stderr
    assert "Already packaged: iris:1.0" in done.stderr
    assert str(packaged["digest"]) in done.stderr
    assert done.stdout.splitlines() == ["studiolo model run iris:1.0 train", "studiolo model run iris:1.0 serve"]


def test_it_is_trained_with_other_hyperparameters_and_wrong_ones_are_named(
    alice: Person, packaged: dict[str, object], tmp_path: Path
) -> None:
    done = alice.types("run", "iris", "train", "--set", "C=0.5", "--set", "share=0.7", "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "result.json").read_text())["accuracy"] > 0.8
    wrong = alice.types("run", f"iris@{packaged['digest']}", "train", "--set", "c=0.5", "--output", str(tmp_path))
    assert wrong.returncode == 2
    assert "c: there is no such hyperparameter. Perhaps you meant C?" in wrong.stderr


def test_it_is_served_and_answers(alice: Person, packaged: dict[str, object]) -> None:
    assert packaged["is_new"]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    command = [sys.executable, "-m", "studiolo", "model", "run", "iris", "serve"]
    env = {**alice.env, "PORT": str(port), "STUDIOLO_HOST": "127.0.0.1"}
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if line == "Ready.\n":
                    break
            row = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
            answer = httpx.post(
                f"http://127.0.0.1:{port}/invocations", json={"instances": [row]}, trust_env=False, timeout=60
            )
            assert answer.json() == {"predictions": ["setosa"]}
        finally:
            os.killpg(process.pid, 15)


def test_a_version_is_written_once(alice: Person, packaged: dict[str, object]) -> None:
    assert packaged["is_new"]
    (alice.notebook.parent / "rows.csv").write_text("a,b\n")
    done = alice.types("package", str(alice.notebook), "--version", "1.0")
    (alice.notebook.parent / "rows.csv").unlink()
    assert done.returncode != 0
    assert "iris:1.0 is there already, and this is something else. A version is written once" in done.stderr


def test_it_goes_to_a_registry_and_comes_back_with_its_digest(
    alice: Person, packaged: dict[str, object], tmp_path: Path
) -> None:
    with RealRegistry(tmp_path) as registry:
        place = f"{registry.host}/models/alice/iris:1.0"
        pushed = alice.types("push", "iris:1.0", place, "--plain-http")
        assert pushed.returncode == 0, pushed.stderr
        assert str(packaged["digest"]) in pushed.stderr
        pulled = alice.types("pull", place, "--name", "iris-again", "--plain-http")
        assert str(packaged["digest"]) in pulled.stderr
        listed = json.loads(alice.types("list", "--json").stdout)
        assert {(one["name"], one["digest"]) for one in listed} == {
            ("iris", packaged["digest"]),
            ("iris-again", packaged["digest"]),
        }
        shown = [json.loads(alice.types("show", name).stdout) for name in ("iris:1.0", "iris-again:1.0")]
        assert shown[1]["provenance"] == shown[0]["provenance"] != []
        deleted = alice.types("delete", "iris-again:1.0", "--yes")
        assert deleted.returncode == 0, deleted.stderr
        assert [one["name"] for one in json.loads(alice.types("list", "--json").stdout)] == ["iris"]


def test_its_record_says_who_what_and_from_which_notebook(alice: Person, packaged: dict[str, object]) -> None:
    shown = json.loads(alice.types("show", "iris:1.0").stdout)
    record = shown["record"]
    assert record["digest"] == shown["digest"] == packaged["digest"]
    assert record["notebook"] == "iris.ipynb"
    assert record["cells"] == {"kept": [1, 5, 6, 7], "dropped": [2, 3, 4, 8, 9]}
    assert record["contract"]["methods"] == ["train", "init_predict", "predict"]
    assert "scikit-learn==" in record["lock"]
    (said,) = shown["provenance"]
    assert said["subject"][0]["digest"] == {"sha256": str(packaged["digest"]).removeprefix("sha256:")}
    assert said["predicate"]["buildDefinition"]["internalParameters"]["by"] == record["by"]


def test_what_stands_against_it_is_said_and_nothing_is_made(alice: Person, tmp_path: Path) -> None:
    (tmp_path / "it").mkdir()
    notebook = tmp_path / "it" / "it.ipynb"
    shutil.copyfile(ZOO / "plain.ipynb", notebook)
    (tmp_path / "it" / "upload.py").write_text("KEY = 'AKIA" + "IOSFODNN7EXAMPLE'\n")
    refused = alice.types("package", str(notebook))
    assert refused.returncode != 0
    assert "upload.py, line 1: this looks like a key, a token or a password." in refused.stderr
    allowed = alice.types("package", str(notebook), "--allow-secrets")
    assert allowed.returncode == 0, allowed.stderr
    record = json.loads(alice.types("show", "it").stdout)["record"]
    assert record["overridden_secrets"] == ["upload.py, line 1: this looks like a key, a token or a password."]


def test_a_package_without_a_wheel_is_named(alice: Person, tmp_path: Path) -> None:
    (tmp_path / "it").mkdir()
    shutil.copyfile(ZOO / "plain.ipynb", tmp_path / "it" / "it.ipynb")
    (tmp_path / "it" / "requirements.txt").write_text("no-such-package-of-anybody\n")
    done = alice.types("package", str(tmp_path / "it" / "it.ipynb"))
    assert done.returncode != 0
    assert "no-such-package-of-anybody" in done.stderr


def test_names_that_are_none_are_refused_and_missing_ones_named(alice: Person, packaged: dict[str, object]) -> None:
    assert packaged["is_new"]
    bad = alice.types("package", str(alice.notebook), "--name", "Iris Model!")
    assert "is no name for a model" in bad.stderr
    missing = alice.types("run", "irsi", "train")
    assert missing.returncode != 0
    assert 'Perhaps you meant "iris"?' in missing.stderr
    version = alice.types("run", "iris:9", "train")
    assert "iris has no version 9. There are: 1.0" in version.stderr


def test_the_same_lock_gives_the_same_layer_twice(alice: Person, packaged: dict[str, object]) -> None:
    record = json.loads(alice.types("show", "iris:1.0").stdout)
    shutil.rmtree(alice.home / "cache" / "studiolo" / "models" / "layers")
    again = alice.types("package", str(alice.notebook), "--version", "1.0", "--json")
    assert json.loads(again.stdout)["digest"] == record["digest"] == packaged["digest"]
    assert not json.loads(again.stdout)["is_new"]


def test_a_lock_beside_the_notebook_gives_the_same_layer_and_one_that_leads_elsewhere_none(
    alice: Person, packaged: dict[str, object], tmp_path: Path
) -> None:
    assert packaged["is_new"]
    first = json.loads(alice.types("show", "iris:1.0").stdout)
    (tmp_path / "locked").mkdir()
    notebook = tmp_path / "locked" / "locked.ipynb"
    shutil.copyfile(alice.notebook, notebook)
    lock = notebook.with_name("requirements.lock")
    lock.write_text(f"# by hand\n{first['record']['lock']}")
    done = alice.types("package", str(notebook), "--json")
    assert done.returncode == 0, done.stderr
    again = json.loads(alice.types("show", "locked").stdout)
    assert [one["digest"] for one in again["layers"][:2]] == [one["digest"] for one in first["layers"][:2]]
    lock.write_text(f"--extra-index-url http://127.0.0.1:9/simple\n{first['record']['lock']}")
    refused = alice.types("package", str(notebook), "--version", "2.0")
    assert refused.returncode != 0
    assert '"--extra-index-url http://127.0.0.1:9/simple" is an option' in refused.stderr


def test_programs_read_the_digest_of_what_was_sent_fetched_and_deleted(alice: Person, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    notebook = tmp_path / "plain" / "plain.ipynb"
    shutil.copyfile(ZOO / "plain.ipynb", notebook)
    digest = json.loads(alice.types("package", str(notebook), "--version", "1.0", "--json").stdout)["digest"]
    assert json.loads(alice.types("show", "plain", "--json").stdout)["digest"] == digest
    with RealRegistry(tmp_path) as registry:
        place = f"{registry.host}/models/alice/plain:1.0"
        pushed = alice.types("push", "plain:1.0", place, "--plain-http", "--json")
        assert json.loads(pushed.stdout) == {"reference": place, "digest": digest}
        assert "this package stands on no image, so no container engine starts it." in pushed.stderr
        pulled = alice.types("pull", place, "--name", "plain-again", "--plain-http", "--json")
        assert json.loads(pulled.stdout) == {"name": "plain-again", "digest": digest}
    for name in ("plain", "plain-again"):
        deleted = alice.types("delete", f"{name}:1.0", "--yes", "--json")
        assert json.loads(deleted.stdout) == {"name": name, "digest": digest}


def test_a_folder_that_is_committed_is_called_as_its_commit(alice: Person, tmp_path: Path) -> None:
    notebook = tmp_path / "it" / "clean.ipynb"
    notebook.parent.mkdir()
    shutil.copyfile(ZOO / "docstring_of_numpy.ipynb", notebook)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(notebook.parent)]
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "first"]):
        subprocess.run([*git, *words], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout
    clean = json.loads(alice.types("package", str(notebook), "--json").stdout)
    assert clean["version"] == commit[:12]
    (notebook.parent / "new.csv").write_text("1\n")
    dirty = json.loads(alice.types("package", str(notebook), "--json").stdout)
    assert dirty["version"] not in {commit[:12], ""}
