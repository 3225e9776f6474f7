import math
from pathlib import Path

import pandas as pd
import pytest

from bench.enough import is_enough, widest
from bench.plan_file import load_plan
from bench.store import RunFolder


def comparison(low: float, high: float, **changes: object) -> dict[str, object]:
    row = {"kind": "reference", "scenario": "capacity", "metric": "throughput_rps", "verdict": "valid"}
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


def test_a_run_without_a_wanted_width_has_its_blocks_and_one_with_it_has_an_end(tmp_path: Path) -> None:
    plan = load_plan("quick")
    folder = RunFolder(tmp_path)  # not looked at: the answer is known before
    assert not is_enough(plan, folder, 100, 1e9)
    wanting = type(plan)(**{field: getattr(plan, field) for field in plan.__struct_fields__} | {"until": 0.03})
    assert not is_enough(wanting, folder, 5, 10.0)
    assert is_enough(wanting, folder, 5, 60 * plan.at_most_min + 1)
