import numpy as np
import pytest

from bench.analysis.search_votes import TRIALS_PER_STEP as TRIALS
from bench.experiment.bisection import Search


def run_search(search: Search, capacity_rps: float, seed: int = 0, bad: float = 0.0) -> int:
    """Search with a server that sustains its capacity, but in a share of bad trials only four fifths of it."""
    random, trials = np.random.default_rng(seed), 0
    while (step := search.next_step) is not None:
        now_rps = capacity_rps * (0.8 if random.random() < bad else 1.0)
        search.record(step, passed=search.rate_rps(step) <= now_rps)
        trials += 1
    return trials


def test_search_ends_between_neighbouring_steps_around_capacity() -> None:
    search = Search(400.0, 1100.0, 0.02)
    trials = run_search(search, 777.0)
    lower, upper = search.bounds
    assert lower is not None
    assert upper == lower + 1
    assert search.rate_rps(lower) <= 777.0 < search.rate_rps(upper)
    assert trials <= 3 * 9


def test_search_tries_the_lower_end_first() -> None:
    search = Search(400.0, 1100.0, 0.02)
    for _ in range(3):
        assert search.next_step == 0
        search.record(0, passed=True)
    assert search.next_step == search.top


@pytest.mark.parametrize(("capacity_rps", "bounds"), [(300.0, (None, 0)), (5000.0, (52, None))])
def test_search_bound_is_none_outside_of_its_range(capacity_rps: float, bounds: tuple[int | None, int | None]) -> None:
    search = Search(400.0, 1100.0, 0.02)
    run_search(search, capacity_rps)
    assert search.bounds == bounds


def test_search_step_is_decided_by_a_majority_of_five() -> None:
    search = Search(400.0, 1100.0, 0.02)
    for passed in (True, False, False, True):
        search.record(0, passed=passed)
        assert search.next_step == 0
    search.record(0, passed=True)
    assert search.bounds == (0, None)
    assert sum(search.votes[0].values()) == TRIALS


def test_search_result_is_robust_against_bad_trials() -> None:
    results_rps = []
    for seed in range(300):
        search = Search(400.0, 1100.0, 0.02)
        run_search(search, 777.0, seed, bad=0.1)
        lower = search.bounds[0]
        results_rps.append(search.rate_rps(0 if lower is None else lower))
    assert np.median(results_rps) == pytest.approx(777.0, rel=0.02)
    assert np.std(results_rps) / 777.0 < 0.03
