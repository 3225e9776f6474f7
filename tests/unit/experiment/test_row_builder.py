import math
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from bench.experiment.row_builder import TrialContext, histogram_rows, resource_row, slice_row
from bench.experiment.trial_rows import TrialMeasurement, WholeLoad, trial_row, unmeasured_row
from bench.machine.process_usage import TICKS, UNKNOWN, UnknownUsage, Usage
from bench.plan.definition import Plan
from bench.plan.schedule import resolve
from bench.schema.arms import Arm
from bench.schema.csv_schema import ResourceRow, TrialRow
from tests.unit.plan.plans import MODELS

PLAN = msgspec.convert(
    {
        "name": "test",
        "models": ["select"],
        "seed": 3,
        "scenarios": [{"name": "capacity", "connections": [2], "seconds": 0.1}],
    },
    Plan,
)
SCHEDULE = resolve(PLAN, MODELS, server_cpus=(1, 2), generator_cpus=(0,))
TRIAL = TrialContext(
    SCHEDULE, block=4, arm=Arm("select", "udp"), load=SCHEDULE.block_loads[0], part=SCHEDULE.block_loads[0].parts[0]
)
REPORT: dict[str, Any] = {
    "duration_s": 0.05, "elapsed_s": 0.06, "sent": 110, "replies": 90, "answered": 108, "sessions": 0,
    "throughput_rps": 1800.0, "sessions_per_s": None, "late": 1, "given_up": 1, "corrupt": 0, "service_p50_us": 40.0,
    "service_p99_us": None,
    "scheduled": None, "unsent": 0, "latency_p50_us": None, "latency_p99_us": None,
    "generator_cpu_us": 20_000.0, "generator_cpu_share": 0.4, "run_delay_share": 0.001,
}  # fmt: skip


def make_usage(runs: int, rss_mb: float) -> Usage:
    return Usage(cpu_ns=runs * 100_000, rss_mb=rss_mb, threads=1, processes=1, descriptors=7, runs={(9, 9): runs})


GENERATOR = {
    "cpu_share": 0.4,
    "baseline_rps": 3600.0,
    "baseline_share": 0.5,
    "run_delay_share": 0.001,
    "involuntary_switches": 3,
    "gc_runs": 0,
}


def make_document(**changes: Any) -> dict[str, Any]:
    figures = {"count": 90, "mean": 41.0, "p50": 40.0, "p90": 60.0, "p99": "inf", "p99_9": None, "max": "inf"}
    return {
        "duration_s": 0.1, "sent": 220, "replies": 180, "sessions": None, "throughput_rps": 1800.0,
        "sessions_per_s": None, "scheduled": None, "unsent": 0, "latency_us": None, "lateness_us": None,
        "pool_wait_share": None, "in_flight_mean": 2.0,
        "ledger": {"ok": 216, "late": 2, "lost": 2, "corrupt": 0, "duplicate": 3, "reordered": 0},
        "errors": {"timeout": 4}, "service_us": figures, "connect_us": None,
        "fairness": {"jain": 0.9, "starved": 0}, "generator": GENERATOR,
        "loop": "closed",
        "verdict": {"flags": [
            {"code": "LOSS", "value": 1 / 110, "percentile": ""},
            {"code": "LITTLES_LAW_VIOLATED", "value": 0.06, "percentile": ""},
            {"code": "LATE_SENDS", "value": 0.006, "percentile": "p99"},
        ]},
    } | changes  # fmt: skip


def test_slice_row_takes_the_rate_of_the_generator() -> None:
    row = slice_row(TRIAL, 2, 1, REPORT, server_cpu_ns=5_400_000)
    assert (row.block, row.round, row.position, row.arm) == (4, 2, 1, "select/udp")
    assert row.throughput_rps == pytest.approx(1800)
    assert row.server_cpu_us == 5400
    assert row.answered == 108
    assert row.sessions_per_s is None


def make_load(
    ready: dict[str, Any],
    resources: list[ResourceRow],
    elapsed_s: float = 0.06,
    background_load_share: float = math.nan,
) -> WholeLoad:
    return WholeLoad(
        ready,
        resources,
        elapsed_s,
        until_read_s=elapsed_s + 0.01,
        memory_mb=9.5,
        answered=216,
        background_load_share=background_load_share,
    )


def make_trial_row(report: dict[str, Any] = REPORT, **document: Any) -> TrialRow:
    slices = [slice_row(TRIAL, number, 0, report, server_cpu_ns=5_400_000) for number in range(2)]
    resources = [resource_row(TRIAL, 0, "server", make_usage(0, 10.0), make_usage(54, 12.0)),
                 resource_row(TRIAL, 1, "server", make_usage(54, 12.0), make_usage(108, 11.0))]  # fmt: skip
    sockets = {"backlog": None, "nodelay": None, "rcvbuf": 425_984, "sndbuf": 425_984}
    ready = {"python": "cpython 3.11.7", "workers": 1, "sockets": sockets}
    return trial_row(
        TRIAL,
        TrialMeasurement(make_load(ready, resources, elapsed_s=0.12, background_load_share=0.02), slices,
                         make_document(**document)),
    )  # fmt: skip


def test_trial_without_a_rate_is_invalid() -> None:
    flawless = {"verdict": {"status": "valid", "codes": [], "flags": []}}
    assert "NO_REPLIES" not in make_trial_row(**flawless).codes
    row = make_trial_row(REPORT | {"throughput_rps": 0.0}, **flawless)
    assert (row.verdict, "NO_REPLIES" in row.codes) == ("invalid", True)


def test_computing_after_the_last_reply_is_possible() -> None:
    resources = [resource_row(TRIAL, 0, "server", make_usage(0, 10.0), make_usage(130, 12.0))]
    slices = [slice_row(TRIAL, 0, 0, REPORT, server_cpu_ns=13_000_000)]
    ready = {"python": "cpython 3.11.7", "workers": 1, "sockets": {"backlog": None, "rcvbuf": 1, "sndbuf": 1}}
    load = make_load(ready, resources, elapsed_s=0.006)  # and its CPU time was read 10 ms later
    row = trial_row(TRIAL, TrialMeasurement(load, slices, make_document()))
    assert row.server_cpu_share == 1.0
    assert "CPU_TIME_IMPOSSIBLE" not in row.codes
    late = trial_row(TRIAL, TrialMeasurement(replace(load, until_read_s=0.006), slices, make_document()))
    assert "CPU_TIME_IMPOSSIBLE" in late.codes


def test_trial_row_adds_up_its_slices() -> None:
    row = make_trial_row()
    assert row.status == "ok"
    assert row.mean_cpu_us_per_request == pytest.approx(10_800 / 216)
    assert row.rss_mb == 12.0
    assert row.memory_mb == 9.5
    assert row.switches_per_request == pytest.approx(108 / 216)
    assert row.server_cpu_share == pytest.approx(0.0108 / 0.12)  # one worker uses one CPU
    assert row.errors == "timeout=4"
    assert (row.late, row.lost, row.duplicate) == (2, 2, 3)
    assert row.service_p99_us == float("inf")
    assert row.service_p99_9_us is None
    assert row.connect_p50_us is None
    assert (row.rcvbuf, row.nodelay) == (425_984, None)
    assert (row.baseline_rps, row.baseline_share) == (3600.0, 0.5)
    assert row.limited_by == "neither (waiting)"
    assert row.background_load_share == 0.02
    assert row.verdict == "invalid"  # two of 220 requests lost
    assert row.findings == "LOSS=0.909%"
    assert row.codes == "LATE_SENDS@p99=0.60% BACKGROUND_LOAD=2.0% LITTLES_LAW_VIOLATED=6.0%"
    assert "BACKGROUND_LOAD=2.0%" in row.codes


def test_trial_of_unknown_cpu_time_keeps_its_memory() -> None:
    known, unknown = make_usage(0, 10.0), replace(make_usage(54, 12.0), cpu_ns=math.nan, cpu_source=UNKNOWN)
    slices = [slice_row(TRIAL, 0, 0, REPORT, server_cpu_ns=math.nan)]
    resources = [resource_row(TRIAL, 0, "server", known, unknown)]
    ready = {"python": "", "workers": 1, "sockets": {}}
    row = trial_row(TRIAL, TrialMeasurement(make_load(ready, resources), slices, make_document()))
    assert (row.mean_cpu_us_per_request, row.server_cpu_share, row.cpu_source) == (None, None, UNKNOWN)
    assert (row.rss_mb, row.memory_mb, row.processes) == (12.0, 9.5, 1)
    assert "CPU_TIME_UNKNOWN" in row.codes


def test_trial_of_running_server_has_no_code_about_cpu_time() -> None:
    usage = UnknownUsage().usage()
    slices = [slice_row(TRIAL, 0, 0, REPORT, server_cpu_ns=math.nan)]
    resources = [resource_row(TRIAL, 0, "server", usage, usage)]
    ready = {"python": "", "workers": 1, "sockets": {}}
    row = trial_row(TRIAL, TrialMeasurement(make_load(ready, resources), slices, make_document()))
    assert (row.rss_mb, row.processes, row.cpu_source) == (None, None, UNKNOWN)
    assert "CPU_TIME" not in row.codes


def test_trial_source_of_cpu_time_is_the_least_exact_of_its_slices() -> None:
    ticks = replace(make_usage(54, 11.0), cpu_source=TICKS)
    slices = [slice_row(TRIAL, number, 0, REPORT, server_cpu_ns=5_400_000) for number in range(2)]
    resources = [resource_row(TRIAL, 0, "server", make_usage(0, 10.0), ticks),
                 resource_row(TRIAL, 1, "server", ticks, make_usage(108, 11.0))]  # fmt: skip
    ready = {"python": "", "workers": 1, "sockets": {}}
    row = trial_row(TRIAL, TrialMeasurement(make_load(ready, resources, elapsed_s=0.12), slices, make_document()))
    assert row.cpu_source == TICKS
    assert "CPU_TIME_COARSE=185.2%" in row.codes  # two ticks of 10 ms, and 10.8 ms of CPU time


def test_unmeasured_row_has_status_and_reason() -> None:
    row = unmeasured_row(TRIAL, "skipped", "it cannot")
    assert (row.status, row.reason, row.verdict, row.seed) == ("skipped", "it cannot", "", 3)
    assert row.mean_throughput_rps is None


def test_histogram_rows_list_used_slots_and_skip_empty_ones() -> None:
    rows = histogram_rows(TRIAL, {"service": [[1, 1, 5], [2048, 2049, 7]], "connect": []})
    assert [(row.quantity, row.upper_ns, row.counts) for row in rows] == [("service", "1 2049", "5 7")]
