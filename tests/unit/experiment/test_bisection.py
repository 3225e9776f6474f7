import numpy as np
import pytest

from bench.analysis.search_votes import TRIALS_PER_STEP as TRIALS
from bench.experiment.bisection import Search


def searched(search: Search, capacity_rps: float, seed: int = 0, bad: float = 0.0) -> int:
    """Search with a server that holds up to its capacity, but in a share of bad trials only four fifths of it."""
    random, trials = np.random.default_rng(seed), 0
    while (step := search.next_step) is not None:
        now_rps = capacity_rps * (0.8 if random.random() < bad else 1.0)
        search.tell(step, passed=search.load_rps(step) <= now_rps)
        trials += 1
    return trials


def test_a_search_ends_between_two_neighbouring_loads_around_the_capacity() -> None:
    search = Search(400.0, 1100.0, 0.02)
    trials = searched(search, 777.0)
    lower, upper = search.bounds
    assert lower is not None
    assert upper == lower + 1
    assert search.load_rps(lower) <= 777.0 < search.load_rps(upper)
    assert trials <= 3 * 9


def test_the_lower_end_is_tried_first() -> None:
    search = Search(400.0, 1100.0, 0.02)
    for _ in range(3):
        assert search.next_step == 0
        search.tell(0, passed=True)
    assert search.next_step == search.top


@pytest.mark.parametrize(("capacity_rps", "bounds"), [(300.0, (None, 0)), (5000.0, (52, None))])
def test_a_bound_that_is_not_there_is_none(capacity_rps: float, bounds: tuple[int | None, int | None]) -> None:
    search = Search(400.0, 1100.0, 0.02)
    searched(search, capacity_rps)
    assert search.bounds == bounds


def test_a_majority_decides_and_no_trial_is_made_that_could_not_turn_it() -> None:
    search = Search(400.0, 1100.0, 0.02)
    for passed in (True, False, False, True):
        search.tell(0, passed=passed)
        assert search.next_step == 0
    search.tell(0, passed=True)
    assert search.bounds == (0, None)
    assert sum(search.votes[0].values()) == TRIALS


def test_bad_trials_hardly_move_the_result() -> None:
    found = []
    for seed in range(300):
        search = Search(400.0, 1100.0, 0.02)
        searched(search, 777.0, seed, bad=0.1)
        lower = search.bounds[0]
        found.append(search.load_rps(0 if lower is None else lower))
    assert np.median(found) == pytest.approx(777.0, rel=0.02)
    assert np.std(found) / 777.0 < 0.03
