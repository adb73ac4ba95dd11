"""A served model answers each protocol as its public specification has it."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.images.runtime.packages import PATIENCE_SECONDS, Served, package, served

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL = """
class Model:
    def init_predict(self):
        self.factor = 2

    def predict(self, x: float, y: float = 1.0):
        if x == 13:
            raise ValueError("thirteen")
        return x * y * self.factor
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(package(tmp_path_factory.mktemp("package") / "image", MODEL)) as running:
        yield running


JSON = "application/json"
ANSWERS: dict[str, tuple[str, Any, Any]] = {
    "parameters of one call": ("/invocations", {"x": 2, "y": 3}, {"predictions": 12}),
    "MLflow, instances": ("/invocations", {"instances": [{"x": 1}, {"x": 2}]}, {"predictions": [2.0, 4.0]}),
    "MLflow, inputs as columns": ("/invocations", {"inputs": {"x": [1, 2], "y": [1, 2]}}, {"predictions": [2, 8]}),
    "MLflow, split": (
        "/invocations",
        {"dataframe_split": {"index": [0, 1], "columns": ["x", "y"], "data": [[1, 1], [2, 2]]}},
        {"predictions": [2, 8]},
    ),
    "MLflow, records": ("/invocations", {"dataframe_records": [{"x": 3, "y": 1}]}, {"predictions": [6]}),
    "SageMaker, a list": ("/invocations", [[1, 2], [3]], {"predictions": [4, 6.0]}),
    "KServe V1": ("/v1/models/model:predict", {"instances": [{"x": 1}, [2, 3]]}, {"predictions": [2.0, 12]}),
    "Vertex AI": ("/vertex/predict", {"instances": [{"x": 1}], "parameters": {"k": 1}}, {"predictions": [2.0]}),
    "Open Inference": (
        "/v2/models/model/infer",
        {
            "id": "7",
            "inputs": [
                {"name": "x", "shape": [2], "datatype": "FP32", "data": [1.5, 2]},
                {"name": "y", "shape": [2], "datatype": "INT64", "data": [1, 2]},
            ],
        },
        {
            "model_name": "model",
            "model_version": "1",
            "id": "7",
            "outputs": [{"name": "predict", "shape": [2], "datatype": "FP64", "data": [3.0, 8]}],
        },
    ),
    "Open Inference, one tensor of another name": (
        "/v2/models/model/versions/1/infer",
        {"inputs": [{"name": "input-0", "shape": [2, 2], "datatype": "INT32", "data": [[1, 2], [3, 4]]}]},
        {
            "model_name": "model",
            "model_version": "1",
            "outputs": [{"name": "predict", "shape": [2], "datatype": "INT64", "data": [4, 24]}],
        },
    ),
}


@pytest.mark.parametrize("case", ANSWERS, ids=str)
def test_each_protocol_gets_its_answer(model: Served, case: str) -> None:
    path, body, expected = ANSWERS[case]
    response = model.post(path, body)
    assert (response.status_code, response.json()) == (200, expected)
    assert response.headers["content-type"] == JSON


def test_csv_and_json_lines_are_taken_as_sagemaker_sends_them(model: Served) -> None:
    csv = model.post("/invocations", "1,2\n3,4\n", **{"Content-Type": "text/csv; charset=utf-8"})
    lines = model.post("/invocations", '{"x": 1}\n{"x": 2}\n', **{"Content-Type": "application/jsonlines"})
    assert csv.json() == {"predictions": [4, 24]}
    assert lines.json() == {"predictions": [2.0, 4.0]}


BAD: dict[str, tuple[str, Any, str]] = {
    "no JSON": ("/invocations", "{", ""),
    "a constant that JSON has not": ("/invocations", '{"x": NaN}', ""),
    "brackets without end": ("/invocations", "[" * 100_000, ""),
    "a name it does not take": ("/invocations", {"x": 1, "z": 2}, "z"),
    "a name that is missing": ("/invocations", {"y": 2}, "x"),
    "a row without a name": ("/invocations", {"instances": [{"x": 1}, {"y": 1}]}, "instances[1].x"),
    "a row that is too long": ("/invocations", [[1, 2, 3]], "[0]"),
    "two tables": ("/invocations", {"instances": [], "inputs": []}, "inputs"),
    "rows of other lengths": (
        "/invocations",
        {"dataframe_split": {"columns": ["x"], "data": [[1, 2]]}},
        "dataframe_split.data[0]",
    ),
    "columns of other lengths": ("/invocations", {"inputs": {"x": [1], "y": []}}, "inputs"),
    "no instances": ("/v1/models/model:predict", {"rows": []}, "instances"),
    "no inputs": ("/v2/models/model/infer", {}, "inputs"),
    "a shape that is not filled": (
        "/v2/models/model/infer",
        {"inputs": [{"name": "x", "shape": [3], "datatype": "FP32", "data": [1]}]},
        "inputs[0].data",
    ),
    "a datatype that is none": (
        "/v2/models/model/infer",
        {"inputs": [{"name": "x", "shape": [1], "datatype": "float", "data": [1]}]},
        "inputs[0].datatype",
    ),
    "a value of another datatype": (
        "/v2/models/model/infer",
        {"inputs": [{"name": "x", "shape": [1], "datatype": "INT8", "data": ["a"]}]},
        "inputs[0].data",
    ),
    "a tensor without a name": ("/v2/models/model/infer", {"inputs": [{"shape": [1]}]}, "inputs[0].name"),
    "tensors of other lengths": (
        "/v2/models/model/infer",
        {
            "inputs": [
                {"name": "x", "shape": [1], "datatype": "FP32", "data": [1]},
                {"name": "y", "shape": [2], "datatype": "FP32", "data": [1, 2]},
            ]
        },
        "inputs",
    ),
}


@pytest.mark.parametrize("case", BAD, ids=str)
def test_a_bad_body_gets_400_with_the_field(model: Served, case: str) -> None:
    path, body, field = BAD[case]
    response = model.post(path, body)
    assert response.status_code == 400, response.text
    assert response.json()["field"] == field
    assert response.json()["error"]


def test_a_kind_of_body_that_is_not_understood_gets_400(model: Served) -> None:
    response = model.post("/invocations", "<x/>", **{"Content-Type": "text/xml"})
    assert (response.status_code, response.json()["field"]) == (400, "Content-Type")


def test_a_model_that_fails_gets_500_with_its_reason_and_serves_on(model: Served) -> None:
    response = model.post("/invocations", {"x": 13})
    assert (response.status_code, response.json()) == (500, {"error": "ValueError: thirteen"})
    assert model.post("/invocations", {"x": 1}).status_code == 200


STATES = [
    ("/ping", {"status": "alive"}),
    ("/health", {"status": "alive"}),
    ("/v2/health/live", {"status": "alive"}),
    ("/v2/health/ready", {"name": "model", "ready": True}),
    ("/v1/models", {"models": ["model"]}),
    ("/v1/models/model", {"name": "model", "ready": True}),
    ("/v2", {"name": "studiolo", "version": "1", "extensions": []}),
    ("/v2/models/model/ready", {"name": "model", "ready": True}),
]


@pytest.mark.parametrize(("path", "expected"), STATES, ids=[path for path, _ in STATES])
def test_it_says_how_it_is(model: Served, path: str, expected: object) -> None:
    response = model.client.get(path)
    assert (response.status_code, response.json()) == (200, expected)
    assert model.client.head(path).status_code == 200


def test_what_is_not_there_is_said_with_what_is(model: Served) -> None:
    assert "called model" in model.post("/v1/models/other:predict", {}).json()["error"]
    assert model.client.get("/nothing").status_code == 404
    assert model.client.get("/invocations").status_code == 405
    assert model.post("/ping", {}).status_code == 405


def test_prometheus_can_read_what_was_asked(model: Served) -> None:
    model.post("/invocations", {"x": 1})
    text = model.client.get("/metrics").text
    assert "model_ready 1" in text
    assert 'model_requests_total{route="/invocations",code="200"}' in text
    assert 'route="/nothing"' not in text


def test_the_platform_names_port_routes_and_model(tmp_path: Path) -> None:
    env = {"AIP_PREDICT_ROUTE": "/p", "AIP_HEALTH_ROUTE": "/h", "MODEL_NAME": "iris", "STUDIOLO_MODEL_VERSION": "v7"}
    with served(package(tmp_path / "image", MODEL), env=env) as running:
        assert running.post("/p", {"instances": [[1]]}).json() == {"predictions": [2.0]}
        assert running.client.get("/h").status_code == 200
        assert running.post("/v1/models/iris:predict", {"instances": [[1]]}).status_code == 200
        assert running.client.get("/v2/models/iris/versions/v7").json()["versions"] == ["v7"]


FRAME = "class Model:\n    def predict(self, rows: list[float]):\n        return [row * 10 for row in rows]\n"


def test_a_model_that_takes_all_rows_is_called_once(tmp_path: Path) -> None:
    with served(package(tmp_path / "image", FRAME)) as running:
        assert running.post("/invocations", {"instances": [1, 2]}).json() == {"predictions": [10, 20]}
        tensor = {"name": "rows", "shape": [2], "datatype": "INT64", "data": [1, 2]}
        answer = running.post("/v2/models/model/infer", {"inputs": [tensor]}).json()
        assert answer["outputs"][0]["data"] == [10, 20]


@pytest.mark.parametrize("kind", ["thread", "process"])
def test_predictions_are_made_in_threads_or_in_processes(tmp_path: Path, kind: str) -> None:
    source = "import os\nclass Model:\n    def predict(self, x):\n        return os.getpid()\n"
    with served(
        package(tmp_path / "image", source), env={"STUDIOLO_WORKER_KIND": kind, "STUDIOLO_WORKERS": "2"}
    ) as one:
        pid = one.post("/invocations", {"x": 1}).json()["predictions"]
        assert (pid == one.process.pid) is (kind == "thread")


def test_workers_end_with_a_server_that_is_killed(tmp_path: Path) -> None:
    source = "import os\nclass Model:\n    def predict(self, x):\n        return os.getpid()\n"
    with served(package(tmp_path / "image", source), env={"STUDIOLO_WORKER_KIND": "process"}) as one:
        worker = one.post("/invocations", {"x": 1}).json()["predictions"]
        one.process.kill()
        one.process.wait()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while _lives(worker):
            assert time.monotonic() < deadline


def _lives(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_a_coroutine_is_waited_for(tmp_path: Path) -> None:
    source = "class Model:\n    async def predict(self, x):\n        return x + 1\n"
    with served(package(tmp_path / "image", source)) as running:
        assert running.post("/invocations", {"x": 1}).json() == {"predictions": 2}


SLOW_START = """
import pathlib, time

class Model:
    def init_predict(self):
        while not pathlib.Path("go").exists():
            time.sleep(0.02)

    def predict(self, x):
        return x
"""


def test_it_is_alive_at_once_and_ready_only_after_init_predict(tmp_path: Path) -> None:
    root = package(tmp_path / "image", SLOW_START)
    with served(root, until="Listening") as running:
        assert running.client.get("/ping").status_code == 200
        assert running.client.get("/v2/health/ready").status_code == 503
        assert running.post("/invocations", {"x": 1}).status_code == 503
        (root / "model" / "go").touch()
        assert running.process.stderr is not None
        assert running.process.stderr.readline() == "Ready.\n"
        assert running.post("/invocations", {"x": 1}).status_code == 200


def test_a_model_that_cannot_be_loaded_ends_the_server_with_its_reason(tmp_path: Path) -> None:
    source = "class Model:\n    def init_predict(self): raise OSError('no weights')\n    def predict(self, x): pass\n"
    with served(package(tmp_path / "image", source), until="init_predict failed: OSError: no weights") as running:
        assert running.process.wait(PATIENCE_SECONDS) == 1


WAITS = """
import pathlib, time

class Model:
    def predict(self, x):
        pathlib.Path("begun").touch()
        while not pathlib.Path("go").exists():
            time.sleep(0.02)
        return x
"""


def test_told_to_stop_it_answers_what_it_has_and_takes_no_more(tmp_path: Path) -> None:
    root = package(tmp_path / "image", WAITS)
    with served(root) as running:
        with socket.create_connection(
            ("127.0.0.1", int(running.url.rpartition(":")[2])), timeout=PATIENCE_SECONDS
        ) as door:
            body = b'{"x": 5}'
            door.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            begun = root / "model" / "begun"
            while not begun.exists():
                assert running.process.poll() is None
            running.process.send_signal(signal.SIGTERM)
            (root / "model" / "go").touch()
            answer = b""
            while piece := door.recv(4096):
                answer += piece
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert answer.endswith(b'{"predictions": 5}')
        assert running.process.wait(PATIENCE_SECONDS) == 0


SETTINGS = [
    {"STUDIOLO_WORKERS": "many"},
    {"STUDIOLO_WORKER_KIND": "green"},
    {"PORT": "http"},
    {"STUDIOLO_LARGEST_BODY": "big"},
]


@pytest.mark.parametrize("env", SETTINGS, ids=lambda env: next(iter(env)))
def test_a_setting_that_cannot_be_understood_is_named(tmp_path: Path, env: dict[str, str]) -> None:
    with served(package(tmp_path / "image", MODEL), env=env, until=next(iter(env))) as running:
        assert running.process.wait(PATIENCE_SECONDS) == 2
