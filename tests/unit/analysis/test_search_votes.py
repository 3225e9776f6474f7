from collections import Counter

import pytest

from bench.analysis.search_votes import bounds, decision


@pytest.mark.parametrize(
    ("passed", "failed", "expected"),
    [(0, 0, None), (2, 2, None), (3, 0, True), (3, 2, True), (0, 3, False), (2, 3, False)],
)
def test_decision_needs_majority_of_five_trials(passed: int, failed: int, expected: bool | None) -> None:
    assert decision(Counter({True: passed, False: failed})) is expected


def test_bounds_are_highest_passed_and_lowest_failed_step() -> None:
    passed, failed, open_step = Counter({True: 3}), Counter({False: 3}), Counter({True: 1})
    assert bounds({0: passed, 2: passed, 3: open_step, 4: failed, 7: failed}) == (2, 4)
    assert bounds({0: open_step}) == (None, None)
