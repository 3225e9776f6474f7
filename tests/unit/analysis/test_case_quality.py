import pandas as pd

from bench.analysis.case_quality import CaseQuality, case_quality
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from clients.quality_codes import format_flags


def quality_of(codes: str) -> CaseQuality:
    """Return the quality of a case with the same codes in each of six blocks."""
    return case_quality(pd.DataFrame({"status": ["ok"] * 6, "codes": [codes] * 6}), DEFAULT_THRESHOLDS)


def test_unknown_cpu_time_concerns_the_costs_alone() -> None:
    quality = quality_of("CPU_STEAL=2.0% CPU_TIME_UNKNOWN")
    assert format_flags(quality.for_metric("throughput_rps").doubts) == "CPU_STEAL=2.0%"
    assert format_flags(quality.for_metric("cpu_us_per_request").doubts) == "CPU_STEAL=2.0% CPU_TIME_UNKNOWN"
    assert format_flags(quality.for_metric("memory_mb").doubts) == "CPU_TIME_UNKNOWN"


def test_coarse_cpu_time_concerns_cpu_time_alone() -> None:
    quality = quality_of("CPU_TIME_COARSE=20.0%")
    verdicts = [quality.for_metric(name).verdict for name in ("cpu_us_per_request", "throughput_rps", "memory_mb")]
    assert verdicts == ["suspect", "valid", "valid"]


def test_impossible_cpu_time_makes_every_figure_invalid() -> None:
    quality = quality_of("CPU_TIME_IMPOSSIBLE")
    for metric in ("throughput_rps", "latency_p50_us", "cpu_us_per_request", "memory_mb"):
        assert quality.for_metric(metric).verdict == "invalid"


def test_connections_that_the_server_ended_are_findings() -> None:
    rate = quality_of("CONNECTIONS_CLOSED=3 CONNECTIONS_RESET=2 CONNECTIONS_REFUSED=1").for_metric("throughput_rps")
    assert (rate.verdict, rate.doubts) == ("valid", ())
    assert format_flags(rate.findings) == "CONNECTIONS_CLOSED=3 CONNECTIONS_RESET=2 CONNECTIONS_REFUSED=1"
