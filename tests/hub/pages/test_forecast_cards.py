"""What the cards say of each pair of software and hardware, and what a script is given of all of them."""

from __future__ import annotations

import json

from hub.capacity.forecast import Forecast, Kind, Why
from hub.pages.forecast_cards import ForecastTable, ForecastTables, forecast_table
from hub.pages.tones import Tone
from tests.hub.capacity.shapes import LARGE, NOW, ONE_GPU, SMALL


def of(hardware: str, kind: Kind, seconds: float | None = None, **more: object) -> Forecast:
    return Forecast(environment="python", hardware=hardware, kind=kind, seconds=seconds, **more)  # type: ignore[arg-type]


TABLE = forecast_table(
    (
        of("small", Kind.READY, 4),
        of("large", Kind.NODE, 540),
        of("gpu", Kind.NOT_NOW, why=Why.FULL, used=2, total=2, instead="small"),
        of("gone", Kind.PULL, 180),
    ),
    (SMALL, LARGE, ONE_GPU),
    timezone="Europe/Berlin",
    now=NOW,
)


def test_the_hardware_s_card_has_the_whole_forecast_and_the_software_s_what_is_about_software() -> None:
    small, large, gpu = (TABLE.of("python", name) for name in ("small", "large", "gpu"))
    assert small is not None
    assert (small.hardware, small.software, small.time) == ("ready in about 4 s", "ready in about 4 s", "about 4 s")
    assert large is not None
    assert (large.hardware, large.software, large.hardware_tone) == ("about 9 min (a new node)", "", Tone.SOON)
    assert gpu is not None
    assert (gpu.hardware, gpu.time) == ("not now: 2 of 2 GPUs in use", "not now")


def test_what_does_not_start_names_what_does() -> None:
    gpu, small = TABLE.of("python", "gpu"), TABLE.of("python", "small")
    assert gpu is not None
    assert (gpu.instead, gpu.instead_words) == ("small", "Small starts: ready in about 4 s.")
    assert small is not None
    assert (small.instead, small.instead_words) == ("", "")


def test_of_a_pair_that_nobody_forecasts_nothing_is_said() -> None:
    assert TABLE.of("python", None) is None
    assert ForecastTable().of("python", "small") is None
    assert ForecastTables(usual=ForecastTable()).as_json() == ""


def test_a_script_gets_each_text_once_and_every_pair() -> None:
    twice = forecast_table(
        (of("small", Kind.READY, 4), of("large", Kind.READY, 4)), (SMALL, LARGE), timezone="UTC", now=NOW
    )
    told = json.loads(ForecastTables(usual=twice).as_json())
    assert told["pairs"] == {"python": {"small": 0, "large": 0}}
    assert told["cells"] == [["ok", "ready in about 4 s", "ok", "ready in about 4 s", "about 4 s", "", ""]]
    assert "fields" not in told


def test_a_script_also_gets_what_holds_for_who_claims_no_warm_pod_where_that_is_something_else() -> None:
    usual, normal = (
        forecast_table((of("small", kind, 1), of("large", Kind.READY, 4)), (SMALL, LARGE), timezone="UTC", now=NOW)
        for kind in (Kind.READY, Kind.PULL)
    )
    tables = ForecastTables(usual=usual, without_claims=normal, fields=("data",))
    told = json.loads(tables.as_json())
    assert told["fields"] == ["data"]
    assert told["without_claims"] == {"python": {"small": 2}}
    assert told["cells"][2][1] == "about 1 s (the image must be pulled)"
    assert (tables.table(is_claim=True), tables.table(is_claim=False)) == (usual, normal)
    assert ForecastTables(usual=usual).table(is_claim=False) is usual
