import pandas as pd

from bench.analysis.case_quality import case_quality
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from clients.quality_codes import format_flags


def test_unknown_cpu_time_concerns_the_costs_alone() -> None:
    trials = pd.DataFrame({"status": ["ok"] * 6, "codes": ["CPU_TIME_UNKNOWN RUN_DELAY=2.0%"] * 6})
    quality = case_quality(trials, DEFAULT_THRESHOLDS)
    assert format_flags(quality.for_metric("throughput_rps").flags) == "RUN_DELAY=2.0%"
    assert format_flags(quality.for_metric("cpu_us_per_request").flags) == "RUN_DELAY=2.0% CPU_TIME_UNKNOWN"


def test_impossible_cpu_time_makes_every_figure_invalid() -> None:
    trials = pd.DataFrame({"status": ["ok"] * 6, "codes": ["CPU_TIME_IMPOSSIBLE"] * 6})
    quality = case_quality(trials, DEFAULT_THRESHOLDS)
    assert quality.rates.verdict == quality.costs.verdict == "invalid"
