"""Made-up runs with slow clients, idle ones, bursts and overloads."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from bench.analysis.summary import summarise
from bench.report.charts.catalogue import ChartTables
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from tests.support import synthetic

COUNTS = (0, 64, 1024)
P99_US = {  # of each arm, for each number of slow clients
    "asyncio/tcp": (200.0, 210.0, 220.0),
    "select/tcp": (180.0, 190.0, None),
    "epoll/tcp": (180.0, 400.0, 900.0),
}
SELECT_LIMIT = "select is designed for 1000 persistent TCP clients at a time"


def make_disturbed(scenario: str = "silent", behaviour: str = "silent") -> synthetic.Rows:
    """Return an open loop of quiet clients beside slow ones. ``select`` is skipped at the most of them."""
    rates = {
        arm: {count: 4000.0 for count, p99_us in zip(COUNTS, of_arm, strict=True) if p99_us is not None}
        for arm, of_arm in P99_US.items()
    }
    rows = synthetic.make_run(rates, scenario=scenario, blocks=6, rounds=4, block_noise=0.001, noise=0.01)
    quiet = _population(rows, "quiet", "normal", 4000.0)
    slow = _population(rows, "slow", behaviour, None)
    skipped = quiet.trials["status"] == "skipped"
    quiet.trials.loc[skipped, ["reason", "rate_rps"]] = [SELECT_LIMIT, None]
    return synthetic.concat_runs(quiet, slow)


def make_idle() -> synthetic.Rows:
    """Return idle connections alone. Each takes 10 KiB in the processes, 1 in the kernel and 3.67 in its sockets."""
    counts = (100, 1000, 10_000)
    rates = {arm: dict.fromkeys(counts, 1.0) for arm in ("asyncio/tcp", "thread_per_client/tcp")}
    rows = synthetic.make_run(rates, scenario="nothing_happens", blocks=6, rounds=2)
    common = {"population": "idle", "scenario_kind": "held", "loop": "closed", "behaviour": "silent", "rate_rps": None}
    mb_per_kib = 1024 / 1e6
    connections = rows.trials["connections"]
    trials = rows.trials.assign(
        **common,
        population_connections=connections,
        memory_mb=20 + 10 * mb_per_kib * connections,
        opening_kernel_mb=0.1 + mb_per_kib * connections,
        socket_mb=3.67 * mb_per_kib * connections,
        switches_per_s=5.0,
        server_cpu_share=0.001,
    )
    return replace(rows, trials=trials, slices=rows.slices.assign(population="idle", rate_rps=None))


def make_phases(scenario: str, phases: Mapping[str, float], **more: str | float) -> synthetic.Rows:
    """Return a load of one population with phases. phases: seconds by name. more: columns of the trials."""
    rates = {"asyncio/tcp": {950: 500.0}, "thread_per_client/tcp": {950: 450.0}}
    rows = synthetic.make_run(rates, scenario=scenario, blocks=3, rounds=1, block_noise=0.001, noise=0.01)
    common = {"population": "clients", "scenario_kind": "phases", "loop": "open"}
    parts = []
    for phase, seconds in phases.items():
        trials = rows.trials.assign(
            **common, phase=phase, duration_s=seconds, population_connections=950, scheduled=1000, **more
        )
        parts.append(replace(rows, trials=trials, slices=rows.slices.assign(population="clients", phase=phase)))
    return synthetic.concat_runs(*parts)


def make_timeline(scenario: str, seconds: int) -> pd.DataFrame:
    """Return ten replies in each tenth of a second, of both arms of ``make_phases``."""
    return pd.DataFrame(
        [
            {
                "block": 0,
                "arm": arm,
                "scenario": scenario,
                "population": "clients",
                "start_s": tenth / 10,
                "stretch_s": 0.1,
                "ok_replies": 10,
            }
            for arm in ("asyncio/tcp", "thread_per_client/tcp")
            for tenth in range(10 * seconds)
        ]
    )


def make_tables(
    rows: synthetic.Rows, histograms: pd.DataFrame | None = None, timeline: pd.DataFrame | None = None
) -> ChartTables:
    """Return the tables of a run without comparisons."""
    summary = summarise(rows.trials, rows.slices, DEFAULT_THRESHOLDS).assign(predicted=float("nan"))
    known = rows.histograms if histograms is None else histograms
    return ChartTables(summary, synthetic.no_comparisons(), known, rows.trials, rows.slices, timeline)


def _population(rows: synthetic.Rows, name: str, behaviour: str, rate_rps: float | None) -> synthetic.Rows:
    is_quiet = behaviour == "normal"
    common: dict[str, Any] = {"population": name, "rate_rps": rate_rps}
    more: dict[str, Any] = {
        "scenario_kind": "mixed" if is_quiet else "held",
        "loop": "open" if is_quiet else "closed",
        "behaviour": behaviour,
        "replies": 10_000,
        "population_connections": 16,
        "latency_p99_us": [_p99_us(row) for row in rows.trials.to_dict("records")] if is_quiet else None,
        "memory_mb": 10.0 + 0.01 * rows.trials["connections"],
    }
    trials = rows.trials.assign(**common, **more)
    slices = rows.slices.assign(**common, latency_p50_us=60.0 if is_quiet else None)
    return replace(rows, trials=trials, slices=slices)


def _p99_us(row: Mapping[object, object]) -> float | None:
    """Return the percentile of a trial, 0.1% longer in each further block."""
    p99_us = P99_US[str(row["arm"])][COUNTS.index(int(str(row["connections"])))]
    return None if p99_us is None else p99_us * (1 + 0.001 * int(str(row["block"])))
