import math
from pathlib import Path

import msgspec
import pandas as pd
import pytest

from bench.experiment.stopping_rule import is_enough, widest, width_now
from bench.plan.toml import load_plan
from bench.store.run_folder import RunFolder


def comparison(low: float, high: float, **changes: object) -> dict[str, object]:
    row = {
        "kind": "reference",
        "scenario": "capacity",
        "scenario_kind": "capacity",
        "metric": "throughput_rps",
        "verdict": "valid",
    }
    return row | {"low": low, "high": high} | changes


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], math.inf),
        ([comparison(0.97, 1.03)], 0.0305),
        ([comparison(0.97, 1.03), comparison(1.9, 2.3)], 0.1002),
        ([comparison(0.97, 1.03), comparison(1.9, 2.3, verdict="invalid")], 0.0305),
        ([comparison(0.97, 1.03), comparison(0.5, 2.0, metric="service_p50_us")], 0.0305),
        ([comparison(0.97, 1.03), comparison(0.5, 2.0, kind="pair")], 0.0305),
        ([comparison(0.0, math.inf)], math.inf),
    ],
)
def test_the_widest_interval_of_what_is_asked_for_decides(rows: list[dict[str, object]], expected: float) -> None:
    assert widest(pd.DataFrame(rows, columns=list(comparison(1, 1)))) == pytest.approx(expected, abs=1e-3)


def test_a_run_ends_when_it_is_narrow_enough_or_out_of_time() -> None:
    plan = msgspec.structs.replace(load_plan("quick"), until=0.03, at_most_min=2.0)
    assert not is_enough(plan, 0.031, 10.0)
    assert is_enough(plan, 0.03, 10.0)
    assert is_enough(plan, math.inf, 121.0)


def test_before_six_blocks_there_is_no_width(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)  # not looked at: the answer is known before
    assert width_now(load_plan("quick"), folder, 5) == math.inf
