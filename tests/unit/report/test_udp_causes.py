"""The cause of a difference between UDP and TCP: stated where the figures of the run carry it."""

import pandas as pd
import pytest

from bench.report.udp_causes import HEADING, udp_causes

THREE_TIMES = "asyncio (0.33 times): a request takes 3.00 times the CPU time, and the CPU time is the limit over both"
UNKNOWN = "asyncio (0.33 times): the cause is not known from this run."
SWITCHES = "the server switches threads 4.90 times per request over UDP, 1.00 times over TCP"
SPENT_ON = "what it is spent on is not known from this run"


def make_comparisons(rate: float, cpu: float, *, rate_word: str = "slower", cpu_word: str = "slower") -> pd.DataFrame:
    common = {"arm": "asyncio/udp", "reference": "asyncio/tcp", "kind": "transports", "verdict": "valid"}
    return pd.DataFrame(
        [
            common | {"metric": "throughput_rps", "ratio": rate, "conclusion": rate_word},
            common | {"metric": "cpu_us_per_request", "ratio": cpu, "conclusion": cpu_word},
        ]
    )


def make_trials(udp: float, tcp: float) -> pd.DataFrame:
    return pd.DataFrame({"arm": ["asyncio/udp", "asyncio/tcp"], "switches_per_request": [udp, tcp]})


@pytest.mark.parametrize(
    ("comparisons", "switches", "line"),
    [
        (make_comparisons(0.33, 3.0), (0.0, 0.0), f"{THREE_TIMES}; {SPENT_ON}."),
        (make_comparisons(0.33, 3.0), (4.9, 1.0), f"{THREE_TIMES}; {SWITCHES}."),
        (make_comparisons(0.33, 2.0), (4.9, 1.0), UNKNOWN),
        (make_comparisons(0.33, 3.0, cpu_word="inconclusive"), (0.0, 0.0), UNKNOWN),
    ],
)
def test_cause_is_the_cpu_time_where_both_ratios_agree(
    comparisons: pd.DataFrame, switches: tuple[float, float], line: str
) -> None:
    assert udp_causes(comparisons, make_trials(*switches)) == [HEADING, f"    {line}"]


def test_equivalent_rates_have_no_line() -> None:
    assert udp_causes(make_comparisons(0.97, 1.0, rate_word="equivalent"), make_trials(0.0, 0.0)) == []


def test_invalid_differences_have_no_line() -> None:
    comparisons = make_comparisons(0.33, 3.0).assign(verdict="invalid")
    assert udp_causes(comparisons, make_trials(0.0, 0.0)) == []
