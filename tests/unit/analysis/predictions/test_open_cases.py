import pytest

from bench.analysis.predictions.architectures import ARCHITECTURES
from bench.analysis.predictions.forms import ServerFacts
from bench.analysis.predictions.open_cases import Requests, predict_open_loop

LOOP = ServerFacts(ARCHITECTURES["select"], "cpython 3.11.7", workers=1, server_cpus=1, machine_cpus=2)


def predicted_metrics(heavy_rps: float) -> set[str]:
    """Return the metrics of light requests that are predicted beside heavy ones of 10 ms."""
    requests = [Requests("light", 1_000, 20e-6), Requests("heavy", heavy_rps, 10e-3)]
    return set(predict_open_loop("light", requests, LOOP, 0.0))


@pytest.mark.parametrize("load_share", [0.2, 0.75])
def test_median_and_tail_are_predicted_away_from_half_load(load_share: float) -> None:
    assert predicted_metrics(100 * (load_share - 0.02)) == {"latency_p50_us", "latency_p99_us"}


def test_median_that_jumps_at_half_load_is_not_predicted() -> None:
    assert predicted_metrics(100 * (0.5 - 0.02)) == {"latency_p99_us"}


def test_tail_close_to_saturation_is_not_predicted() -> None:
    assert predicted_metrics(100 * (0.97 - 0.02)) == set()
