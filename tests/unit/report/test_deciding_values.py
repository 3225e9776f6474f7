"""The value that decided a verdict, and the thresholds beside it."""

import pytest

from bench.report.deciding_values import badness, deciding_value, limits
from clients.quality_catalogue import CATALOGUE, DEFAULT_THRESHOLDS
from clients.quality_codes import QualityFlag

Blocks = list[list[QualityFlag]]


def make_blocks(code: str, values: list[float], percentile: str = "") -> tuple[QualityFlag, Blocks]:
    """Return the worst flag of a code, and the flags of each block; 0 raises none."""
    blocks = [[DEFAULT_THRESHOLDS.flag(code, value, percentile)] if value else [] for value in values]
    return max((flag for flags in blocks for flag in flags), key=lambda flag: flag.badness), blocks


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.075, 0.0, 0.0, 0.0], "above 5.0% in 1 of 4 blocks, at most 7.5%"),
        ([0.075, 0.06, 0.02, 0.0], "6.0% or worse in half of the 4 blocks"),
        ([0.03, 0.02, 0.0, 0.0], "2.0% or worse in half of the 4 blocks"),
        ([0.03, 0.0, 0.0, 0.0], "3.0% in the worst of 4 blocks"),
        ([0.03], "3.0%"),
    ],
)
def test_deciding_value_of_a_code_that_varies_with_the_machine(values: list[float], expected: str) -> None:
    assert deciding_value(*make_blocks("RUN_DELAY", values)) == expected


def test_value_of_other_codes_is_the_worst_block() -> None:
    assert deciding_value(*make_blocks("LITTLES_LAW_VIOLATED", [0.03, 0.0])) == "3.0%"
    assert deciding_value(*make_blocks("UNFAIR_SERVICE", [0.8, 0.0])) == "80.0%"


def test_thresholds_state_how_many_blocks_they_need() -> None:
    assert limits(CATALOGUE["RUN_DELAY"]) == (
        "suspect above 1.0% in half of the blocks or above 5.0% in one, invalid above 5.0% in half of them"
    )
    assert limits(CATALOGUE["LITTLES_LAW_VIOLATED"]) == "suspect above 2.0%, invalid above 5.0%"
    assert limits(CATALOGUE["FEW_BLOCKS"]) == "suspect below 6"
    assert limits(CATALOGUE["CORRUPT_REPLIES"]) == ""


def test_late_sends_have_one_base_for_value_and_thresholds() -> None:
    worst, blocks = make_blocks("LATE_SENDS", [0.0104, 0.002, 0.0], "p99")
    assert deciding_value(worst, blocks) == "above 1.00% in 1 of 3 blocks, at most 1.04%"
    text = limits(CATALOGUE["LATE_SENDS"], {"p99"})
    assert text.startswith("suspect above 0.10% in half of the blocks or above 1.00% in one, ")
    assert text.endswith("(share of all requests, for the p99)")


def test_worst_case_is_the_one_whose_verdict_the_code_decided() -> None:
    once, often = make_blocks("RUN_DELAY", [0.04, 0.0, 0.0]), make_blocks("RUN_DELAY", [0.02, 0.02, 0.0])
    assert badness(*often) > badness(*once)
    median, tail = (make_blocks("LATE_SENDS", [0.2], "p50"), make_blocks("LATE_SENDS", [0.1], "p99"))
    assert badness(*tail) > badness(*median)
