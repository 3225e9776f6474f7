import math

import pytest

from bench.experiment.trial_quality import Judgement, Utilisation, cpu_time_values, judge
from bench.machine.process_usage import CGROUP, CLOCKS, TICK_NS, TICKS, UNKNOWN
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from clients.quality_codes import format_flags


def judge_trial(cell: str, utilisation: Utilisation) -> Judgement:
    return judge(DEFAULT_THRESHOLDS.parse(cell), utilisation, DEFAULT_THRESHOLDS)


def test_saturated_server_clears_saturated_generator() -> None:
    def of(client: float, server: float, *, closed_loop: bool = True) -> tuple[str, str]:
        cell = f"GENERATOR_SATURATED={client:.1%}"
        found = judge_trial(cell, Utilisation(client, server, closed_loop=closed_loop))
        return found.verdict, format_flags(found.flags)

    assert of(0.82, 0.95) == ("valid", "")
    assert of(0.82, 0.5) == ("suspect", "GENERATOR_SATURATED=82.0%")
    assert of(0.93, 0.5) == ("invalid", "GENERATOR_SATURATED=93.0%")
    assert of(0.93, 0.79) == ("invalid", "GENERATOR_SATURATED=93.0%")
    assert of(0.93, 0.96) == ("valid", "")
    assert of(0.82, 0.95, closed_loop=False) == ("suspect", "GENERATOR_SATURATED=82.0%")


def test_nearly_saturated_server_bounds_rate_underestimation() -> None:
    found = judge_trial("GENERATOR_SATURATED=96.0%", Utilisation(0.96, 0.89))
    assert (found.verdict, format_flags(found.flags), found.limited_by) == (
        "suspect",
        "RATE_UNDERESTIMATED=11.0%",
        "generator",
    )
    opened = judge_trial("GENERATOR_SATURATED=96.0%", Utilisation(0.96, 0.89, closed_loop=False))
    assert (opened.verdict, format_flags(opened.flags)) == ("invalid", "GENERATOR_SATURATED=96.0%")
    unseen = judge_trial("GENERATOR_SATURATED=96.0%", Utilisation(0.96, float("nan")))
    assert (unseen.verdict, format_flags(unseen.flags)) == ("invalid", "GENERATOR_SATURATED=96.0%")


def test_shared_cpus_make_trial_suspect() -> None:
    found = judge_trial("LATE_REPLIES=1", Utilisation(0.1, 0.1, cpus_disjoint=False))
    assert (found.verdict, format_flags(found.flags)) == ("suspect", "SHARED_CPUS LATE_REPLIES=1")


def test_shared_cpus_explain_what_the_generator_waited_for() -> None:
    found = judge_trial("RUN_DELAY=79.5% LITTLES_LAW_VIOLATED=8.0%", Utilisation(0.1, 0.1, cpus_disjoint=False))
    assert (found.verdict, format_flags(found.flags)) == ("suspect", "SHARED_CPUS")
    alone = judge_trial("RUN_DELAY=79.5%", Utilisation(0.1, 0.1))
    assert (alone.verdict, format_flags(alone.flags)) == ("invalid", "RUN_DELAY=79.5%")


def test_throttled_container_makes_trial_invalid() -> None:
    found = judge_trial("", Utilisation(0.1, 0.1, throttled_share=0.5))
    assert (found.verdict, format_flags(found.flags)) == ("invalid", "CPU_THROTTLED=50.0%")
    assert judge_trial("", Utilisation(0.1, 0.1, throttled_share=0.0)).verdict == "valid"


@pytest.mark.parametrize(
    ("cell", "utilisation", "limited_by"),
    [
        ("", Utilisation(0.3, 0.95), "server"),
        ("", Utilisation(0.95, 0.3), "generator"),
        ("", Utilisation(0.95, 0.94), "generator"),
        ("", Utilisation(0.95, 0.96), "server"),
        ("", Utilisation(0.95, 0.98, is_baseline=True), "generator"),  # it polls while it waits
        ("", Utilisation(0.6, 0.98, is_baseline=True), "server"),
        ("", Utilisation(math.nan, math.nan), "unknown"),
        ("", Utilisation(0.3, 0.3, in_flight=1.0, server_workers=4), "neither (waiting)"),
        ("", Utilisation(0.3, 0.3, in_flight=16.0, server_workers=1), "neither (waiting)"),
        ("", Utilisation(0.3, 0.3, in_flight=16.0, server_workers=4), "neither (lock)"),
        ("", Utilisation(0.3, 0.3, in_flight=16.0, server_workers=4, closed_loop=False), "neither (waiting)"),
        ("", Utilisation(0.3, 0.3, in_flight=16.0, server_workers=4, usable_cpus=16), "neither (waiting)"),
        ("SYN_RETRANSMITS=2.00%", Utilisation(0.3, 0.3, in_flight=16.0, server_workers=4), "neither (backlog)"),
    ],
)
def test_limiting_side_is_the_busy_side(cell: str, utilisation: Utilisation, limited_by: str) -> None:
    assert judge_trial(cell, utilisation).limited_by == limited_by


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (math.nan, ("valid", "")),
        (0.009, ("valid", "")),
        (0.02, ("suspect", "BACKGROUND_LOAD=2.0%")),
        (0.1, ("invalid", "BACKGROUND_LOAD=10.0%")),
    ],
)
def test_background_load_casts_doubt_on_trial(share: float, expected: tuple[str, str]) -> None:
    found = judge_trial("", Utilisation(0.3, 0.95, background_load_share=share))
    assert (found.verdict, format_flags(found.flags)) == expected


@pytest.mark.parametrize(
    ("cpu_us", "source", "expected"),
    [
        (500_000.0, CLOCKS, ("valid", "")),
        (500_000.0, TICKS, ("valid", "CPU_TIME_COARSE")),
        (math.nan, UNKNOWN, ("valid", "CPU_TIME_UNKNOWN")),
        (0.0, CLOCKS, ("invalid", "CPU_TIME_IMPOSSIBLE")),
        (900.0, CGROUP, ("invalid", "CPU_TIME_IMPOSSIBLE")),  # less than 0.1 us for each reply
        (-20_000.0, TICKS, ("invalid", "CPU_TIME_IMPOSSIBLE")),
        (2_200_000.0, CGROUP, ("invalid", "CPU_TIME_IMPOSSIBLE")),  # 2.2 s on two CPUs in one second
        (1_990_000.0, CGROUP, ("valid", "")),
    ],
)
def test_cpu_time_that_cannot_be_is_flagged(cpu_us: float, source: str, expected: tuple[str, str]) -> None:
    values = cpu_time_values(cpu_us, elapsed_s=1.0, cpus=2, answered=10_000, source=source)
    if source == TICKS and cpu_us > 0:
        assert values == {"CPU_TIME_COARSE": pytest.approx(2 * TICK_NS / 1e3 / cpu_us)}
        values["CPU_TIME_COARSE"] = 0.2
    found = judge_trial("", Utilisation(0.3, 0.95, cpu_time_values=values))
    assert (found.verdict, " ".join(flag.code.name for flag in found.flags)) == expected


def test_server_that_answered_nothing_may_have_no_cpu_time() -> None:
    assert cpu_time_values(0.0, elapsed_s=1.0, cpus=1, answered=0, source=CLOCKS) == {}
