import numpy as np
import pytest

from clients.fairness import fairness


def test_fairness_expected_index_matches_simulation() -> None:
    """The formula against what a seeded throw of dice gives."""
    random = np.random.default_rng(1)
    counts = random.multinomial(200, [0.1] * 10, size=4000).astype(float)
    jain = (counts.sum(axis=1) ** 2 / (10 * (counts**2).sum(axis=1))).mean()
    assert fairness([20] * 10)["jain_expected"] == pytest.approx(jain, rel=0.005)


def test_fairness_of_one_served_connection_is_one_nth() -> None:
    assert fairness([0, 0, 0, 100]) == {
        "jain": 0.25,
        "jain_expected": pytest.approx(1 / (1 + 0.75 / 25)),
        "starved": 3,
        "served_min": 0,
        "served_max": 100,
    }


def test_fairness_without_replies_has_no_index() -> None:
    assert fairness([0, 0])["jain"] is fairness([0, 0])["jain_expected"] is None
