import pytest

from bench.experiment.rate_trials import RateTrial, is_too_late, judge_rate_trial, suits
from bench.experiment.solo_load import LoadResult
from clients.quality_catalogue import DEFAULT_THRESHOLDS


def judge_trial(
    *flags: tuple[str, str], due: int = 2_000, answered: float = 2_000, mean_us: float = 50.0, **counts: int
) -> RateTrial:
    """Judge a trial of 0.2 s. flags: code and percentile. answered: by the share of each reply inside the window."""
    raised = [{"code": code, "value": 1.0, "percentile": percentile} for code, percentile in flags]
    document = {
        "verdict": {"flags": raised},
        "latency_us": {"count": due, "mean": mean_us},
        "duration_s": 0.2,
        "throughput_rps": answered / 0.2,
    }
    return judge_rate_trial(LoadResult([{"unsent": 0, "given_up": 0} | counts], document, {}), DEFAULT_THRESHOLDS)


@pytest.mark.parametrize(
    ("counts", "is_sustained"),
    [
        ({}, True),
        ({"answered": 1_980}, True),
        ({"answered": 1_934}, False),  # 0.967 of what was due
        ({"given_up": 1}, False),
        ({"unsent": 1}, False),
    ],
)
def test_rate_is_sustained_if_99_percent_is_answered(counts: dict[str, int], is_sustained: bool) -> None:
    assert judge_trial(**counts) == RateTrial(is_sustained, is_punctual=True)


def test_sustained_rate_allows_for_chance_in_few_slow_replies() -> None:
    # Ten requests are due, and each takes 40 ms of the 200 ms: two are in flight at each end, give or take two.
    assert judge_trial(due=10, answered=6, mean_us=40_000.0).is_sustained
    assert not judge_trial(due=10, answered=5, mean_us=40_000.0).is_sustained


def test_generator_is_punctual_if_no_code_concerns_the_median() -> None:
    assert judge_trial(("LATENESS_IN_LATENCY", "p99"), ("RUN_DELAY", "")).is_punctual
    assert not judge_trial(("LATENESS_IN_LATENCY", "p50")).is_punctual


def test_rate_suits_if_all_arms_sustain_it_and_most_are_loaded_punctually() -> None:
    good, late, slow = RateTrial(True, True), RateTrial(True, False), RateTrial(False, True)
    assert suits([good, good, late])
    assert not suits([good, late, late])
    assert not suits([good, good, slow])


def test_generator_is_too_late_if_the_other_trials_cannot_change_that() -> None:
    good, late = RateTrial(True, True), RateTrial(True, False)
    assert not is_too_late([late, late], 4)
    assert is_too_late([good, late, late, late], 5)
