import math
from pathlib import Path

import msgspec
import pandas as pd
import pytest

from bench.experiment.stopping_rule import current_precision, should_stop, widest_interval
from bench.plan.schedule import resolve
from bench.plan.toml import load_plan
from bench.store.run_folder import RunFolder
from tests.unit.plan.plans import MODELS, make_plan


def make_comparison(low: float, high: float, **changes: object) -> dict[str, object]:
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
        ([make_comparison(0.97, 1.03)], 0.0305),
        ([make_comparison(0.97, 1.03), make_comparison(1.9, 2.3)], 0.1002),
        ([make_comparison(0.97, 1.03), make_comparison(1.9, 2.3, verdict="invalid")], 0.0305),
        ([make_comparison(0.97, 1.03), make_comparison(0.5, 2.0, metric="service_p50_us")], 0.0305),
        ([make_comparison(0.97, 1.03), make_comparison(0.5, 2.0, kind="pair")], 0.0305),
        ([make_comparison(0.0, math.inf)], math.inf),
    ],
)
def test_widest_interval_is_that_of_valid_headline_metrics(rows: list[dict[str, object]], expected: float) -> None:
    assert widest_interval(pd.DataFrame(rows, columns=list(make_comparison(1, 1)))) == pytest.approx(expected, abs=1e-3)


def test_should_stop_when_precise_enough_or_out_of_time() -> None:
    plan = msgspec.structs.replace(load_plan("quick"), target_precision=0.03, max_minutes=2.0)
    assert not should_stop(plan, 0.031, 10.0)
    assert should_stop(plan, 0.03, 10.0)
    assert should_stop(plan, math.inf, 121.0)


def test_current_precision_is_infinite_below_six_blocks(tmp_path: Path) -> None:
    schedule = resolve(make_plan(seed=1), MODELS, server_cpus=(1,), generator_cpus=(0,))
    folder = RunFolder(tmp_path)  # empty: it is not read
    assert current_precision(schedule, folder, 5) == math.inf
