"""The verbs: `train`, `batch_predict`, `serve`. Without one it serves, as SageMaker and Vertex AI expect."""

from __future__ import annotations

import argparse
import os
import traceback
from typing import TYPE_CHECKING

from studiolo_runner import hyperparameters, outputs
from studiolo_runner.batch import batch_predict
from studiolo_runner.contract import Contract, load_contract
from studiolo_runner.errors import FAILED, WRONG, ModelFailed, Refused
from studiolo_runner.model import make, train

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

VERBS = ("train", "batch_predict", "serve")


def main(words: Sequence[str]) -> int:
    """Do what was asked for; the exit code: 0, 1 where the model failed, 2 where it cannot be done."""
    asked = _parser().parse_args(words)
    folder: Path | None = None
    try:
        contract = load_contract()
        if asked.verb == "serve":
            from studiolo_runner.serving.server import serve  # noqa: PLC0415 - what trains needs none of it

            return serve(contract, hyperparameters.check(hyperparameters.gather(asked.values), contract.schema))
        folder = outputs.output_folder(asked.output)
        return _run(asked, contract, folder)
    except Refused as refused:
        return _ended(folder, str(refused), WRONG)
    except ModelFailed as failed:
        traceback.print_exception(failed.__cause__)
        return _ended(folder, str(failed), FAILED)
    except OSError as error:
        return _ended(folder, f"{error.strerror or error}: {error.filename or ''}".rstrip(": "), WRONG)


def _run(asked: argparse.Namespace, contract: Contract, folder: Path) -> int:
    contract.must_offer(asked.verb)
    values = hyperparameters.check(hyperparameters.gather(asked.values), contract.schema)
    model = make(contract, values)
    if asked.verb == "train":
        result = train(contract, model, values)
    else:
        result = batch_predict(contract, model, values, input_path=asked.input)
    path = outputs.write_result(folder, result)
    outputs.say(f"Done. What came of it: {path}")
    return 0


def _ended(folder: Path | None, reason: str, code: int) -> int:
    outputs.say(reason)
    outputs.write_failure(folder, reason)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="model", description="Trains a model, predicts in batch, or serves it.")
    parser.add_argument("verb", nargs="?", choices=VERBS, default=os.environ.get("STUDIOLO_VERB", "serve"))
    parser.add_argument(
        "--set", dest="values", metavar="NAME=VALUE", action="append", default=[], help="a hyperparameter; repeatable"
    )
    parser.add_argument("--input", metavar="FILE", help="what batch_predict is given: CSV, JSON, JSON lines or Parquet")
    parser.add_argument("--output", metavar="FOLDER", help="where results are left")
    return parser
