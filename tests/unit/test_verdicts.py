import math
from typing import Any

import pytest

from bench import verdicts
from bench.verdicts import CODES, judge

FINE: dict[str, Any] = {
    "errors": {},
    "lost": 0,
    "late": 0,
    "corrupt": 0,
    "sent": 10_000,
    "client_cpu_share": 0.4,
    "server_cpu_share": 0.95,
    "cpus_disjoint": True,
    "starved": 0,
    "jain": 0.99,
    "jain_expected": 0.99,
}


def verdict_and_codes(**facts: object) -> tuple[str, str]:
    judgement = judge(**{**FINE, **facts})
    return judgement.verdict, judgement.codes


def test_a_trial_without_any_doubt_is_valid_and_has_no_codes() -> None:
    assert verdict_and_codes() == ("valid", "")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"client_cpu_share": 0.70}, ("valid", "")),
        ({"client_cpu_share": 0.82, "server_cpu_share": 0.8}, ("suspect", "GENERATOR_BUSY=0.82")),
        ({"client_cpu_share": 0.90}, ("suspect", "GENERATOR_BUSY=0.9")),
        ({"client_cpu_share": 0.82, "server_cpu_share": 0.9}, ("valid", "")),  # the server was the limit
        ({"client_cpu_share": 0.93}, ("invalid", "GENERATOR_BUSY=0.93")),
        ({"client_cpu_share": math.nan}, ("valid", "")),
        ({"cpus_disjoint": False}, ("suspect", "SHARED_CPUS")),
        ({"corrupt": 1}, ("invalid", "CORRUPT=1")),
        ({"errors": {"reset": 2, "closed": 1}}, ("suspect", "ERRORS=3")),
        ({"errors": {"reset": 0}}, ("valid", "")),
        ({"lost": 1}, ("suspect", "LOSS=0.010%")),
        ({"lost": 10}, ("suspect", "LOSS=0.100%")),
        ({"lost": 11}, ("invalid", "LOSS=0.110%")),
        ({"late": 2}, ("suspect", "LATE=2")),
        ({"starved": 63}, ("invalid", "STARVED=63")),
        ({"jain": 0.95, "jain_expected": 1.0}, ("valid", "")),
        ({"jain": 0.9, "jain_expected": 1.0}, ("suspect", "UNFAIR=0.9")),
        ({"jain": 0.4, "jain_expected": 0.8}, ("suspect", "UNFAIR=0.5")),
        ({"jain": None, "jain_expected": None}, ("valid", "")),
        ({"sent": 0}, ("invalid", "NOTHING_SENT")),
    ],
)
def test_each_fact_raises_its_own_code_with_its_figure(facts: dict[str, object], expected: tuple[str, str]) -> None:
    assert verdict_and_codes(**facts) == expected


def test_the_worst_code_makes_the_verdict_and_all_are_told() -> None:
    assert verdict_and_codes(lost=1, starved=2, late=3) == ("invalid", "STARVED=2 LOSS=0.010% LATE=3")


@pytest.mark.parametrize(
    ("client", "server", "bound"),
    [(0.3, 0.95, "server"), (0.95, 0.3, "generator"), (0.95, 0.95, "generator"), (0.3, 0.3, "neither")],
)
def test_the_busy_side_is_what_bounds_the_rate(client: float, server: float, bound: str) -> None:
    assert judge(**{**FINE, "client_cpu_share": client, "server_cpu_share": server}).bound == bound


def test_codes_of_several_rows_merge_to_the_worst_figure_of_each() -> None:
    cells = ["LOSS=0.010% UNFAIR=0.9", "", "UNFAIR=0.7 LOSS=0.020%", "LOSS=0.015% SHARED_CPUS", "NEW=3"]
    assert verdicts.merge(cells) == "SHARED_CPUS LOSS=0.020% UNFAIR=0.7 NEW=3"


def test_the_worst_verdict_wins() -> None:
    assert verdicts.worst(["valid", "invalid", "suspect"]) == "invalid"
    assert verdicts.worst([""]) == "valid"
    assert verdicts.worst([]) == "valid"


@pytest.mark.parametrize("name", CODES)
def test_every_code_says_what_it_means_and_what_to_do(name: str) -> None:
    meaning, advice = verdicts.explain(f"{name}=1")
    assert meaning
    assert advice


def test_an_unknown_code_has_no_words() -> None:
    assert verdicts.explain("WHAT=1") == ("", "")
