"""Where predictions are made: in threads of this process, or in processes of their own, by setting."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import inspect
import os
import signal
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from studiolo_runner.errors import Refused
from studiolo_runner.model import call, make
from studiolo_runner.serving.calls import Takes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from studiolo_runner.contract import Contract

COUNT_VARIABLE = "STUDIOLO_WORKERS"
KIND_VARIABLE = "STUDIOLO_WORKER_KIND"
"""`thread` or `process`."""

DIE_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of prctl(2)."""

_models: dict[str, Any] = {}
"""Of a worker process: the one model that it serves."""


class Workers:
    """Makes predictions."""

    def __init__(self, contract: Contract, values: Mapping[str, Any]) -> None:
        """Nothing is loaded yet. Raises Refused where the settings cannot be understood."""
        self._contract = contract
        self._values = dict(values)
        self._count = _count()
        self._kind = os.environ.get(KIND_VARIABLE, "thread")
        if self._kind not in {"thread", "process"}:
            raise Refused(f"{KIND_VARIABLE} is {self._kind!r}: thread and process are known.")
        self._executor: Executor | None = None
        self._predict: Any = None
        self.takes = Takes((), (), is_open=True, all_rows=False, wants_frame=False)

    async def start(self) -> None:
        """Loads the model and calls `init_predict`. Raises ModelFailed or Refused."""
        loop = asyncio.get_running_loop()
        if self._kind == "thread":
            model = await asyncio.to_thread(ready_model, self._contract, self._values)
            self._predict = model.predict
            self.takes = Takes.of(model.predict)
            self._executor = ThreadPoolExecutor(self._count, thread_name_prefix="predict")
            return
        self._executor = ProcessPoolExecutor(
            self._count, initializer=_load_here, initargs=(self._contract, self._values)
        )
        # Each of them: a pool starts a process when it gets something to do.
        found = await asyncio.gather(*(loop.run_in_executor(self._executor, _takes_here) for _ in range(self._count)))
        self.takes = found[0]

    async def predict(self, named: Mapping[str, Any]) -> Any:
        """One prediction. Raises what the model raises."""
        if self._predict is not None and inspect.iscoroutinefunction(self._predict):
            return await self._predict(**named)
        loop = asyncio.get_running_loop()
        if self._predict is None:
            return await loop.run_in_executor(self._executor, _predict_here, dict(named))
        return await loop.run_in_executor(self._executor, lambda: self._predict(**named))

    def stop(self) -> None:
        """No new ones; those that run are not waited for."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)


def ready_model(contract: Contract, values: Mapping[str, Any]) -> Any:
    """A model that can predict."""
    contract.must_offer("predict")
    model = make(contract, values)
    if "init_predict" in contract.methods:
        call(model.init_predict)
    return model


def _load_here(contract: Contract, values: Mapping[str, Any]) -> None:
    _end_with_the_server()
    _models["model"] = ready_model(contract, values)


def _end_with_the_server() -> None:
    """A worker inherits what the server does with signals, and would outlive a server that is killed."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the group; the server ends its workers
    with contextlib.suppress(AttributeError, OSError):  # Linux alone knows this
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)


def _takes_here() -> Takes:
    return Takes.of(_models["model"].predict)


def _predict_here(named: dict[str, Any]) -> Any:
    return call_through(_models["model"].predict, named)


def call_through(predict: Any, named: Mapping[str, Any]) -> Any:
    """What it gives back, waited for where it is a coroutine's."""
    result = predict(**named)
    return asyncio.run(_wait(result)) if inspect.isawaitable(result) else result


async def _wait(awaitable: Any) -> Any:
    return await awaitable


def _count() -> int:
    told = os.environ.get(COUNT_VARIABLE, "")
    if not told:
        return min(8, (os.cpu_count() or 1) + 1)
    if not told.isdecimal() or not 1 <= int(told) <= 256:  # noqa: PLR2004 - more threads than anybody means
        raise Refused(f"{COUNT_VARIABLE} is {told!r}: a number from 1 to 256 is meant.")
    return int(told)
