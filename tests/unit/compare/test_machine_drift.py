import math

import pytest

from bench.analysis.statistics import LogRatio
from bench.compare.machine_drift import MODEL_EXTRA_DRIFT, MachineDrift, machine_drifts
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from tests.unit.compare.builders import make_values, make_values_with_baseline


def make_drift(share: float) -> MachineDrift:
    return MachineDrift(1 + share, share)


def make_interval(low: float, high: float) -> LogRatio:
    return LogRatio(math.sqrt(low * high), low, high, low, high, 0.01)


@pytest.mark.parametrize(
    ("share", "interval", "differs"),
    [
        (0.0, make_interval(0.99, 1.02), False),
        (0.0, make_interval(1.01, 1.02), True),
        (0.0, make_interval(0.95, 0.99), True),
        (0.2, make_interval(1.05, 1.15), False),  # less than the extra drift of a model
        (0.2, make_interval(1.10, 1.15), True),
        (0.2, make_interval(0.80, 0.90), True),
        (0.2, make_interval(0.80, 0.93), False),
    ],
)
def test_drift_allows_a_model_some_drift_of_its_own(share: float, interval: LogRatio, differs: bool) -> None:
    assert make_drift(share).beyond_drift(interval).excludes_one == differs


def test_drift_allowance_is_a_share_of_the_drift_in_logarithms() -> None:
    assert make_drift(0.0).allowance == 1
    assert math.log(make_drift(0.2).allowance) == pytest.approx(MODEL_EXTRA_DRIFT * math.log(1.2))


def test_drift_verdict_follows_its_size() -> None:
    assert [make_drift(share).verdict([DEFAULT_THRESHOLDS]) for share in (0.0, 0.1, 0.9)] == [
        "valid",
        "suspect",
        "invalid",
    ]


def test_drifts_need_a_baseline_in_both_runs() -> None:
    with_baseline, without = make_values_with_baseline(1, 1.0), make_values(2)
    assert machine_drifts(with_baseline, without, without.cases, "throughput_rps") == {}
    drifts = machine_drifts(with_baseline, with_baseline, with_baseline.cases, "throughput_rps")
    assert {case.arm for case in drifts} == {"asyncio/tcp", "select/tcp"}
    assert {drift.share for drift in drifts.values()} == {0.0}
