"""Made-up runs whose requests wait, or whose clients are of several kinds."""

from dataclasses import replace
from typing import Any

import pandas as pd

from tests.support import synthetic

WAITING = {
    "thread_per_client/tcp": {1: 190.0, 64: 12_400.0},
    "asyncio/tcp": {1: 190.0, 64: 10_600.0},
    "asyncio_blocking/tcp": {1: 190.0, 64: 195.0},
    "iterative/tcp": {1: 195.0},
    "asyncio/tcp~control": {1: 190.0, 64: 10_600.0},
}
LIGHT = {arm: {72: 2900.0} for arm in ("thread_per_client/tcp", "asyncio/tcp", "select/tcp", "asyncio/tcp~control")}
LIGHT_P99_US = {"thread_per_client": 5_000.0, "asyncio": 12_000.0, "select": 30_000.0}


def make_waiting(
    wait_us: float, rates: synthetic.Rates, *, scenario: str = "wait", units: float = 0.0, kind: str = ""
) -> synthetic.Rows:
    """Return a closed loop of the protocol work."""
    rows = synthetic.make_run(rates, scenario=scenario, blocks=6, rounds=4, block_noise=0.001, noise=0.01)
    work: dict[str, Any] = {"protocol": "work", "wait_us": wait_us, "compute_units": units, "compute_kind": kind}
    return replace(rows, trials=rows.trials.assign(**work, server_cpu_share=0.5))


def make_mixed(p99_us: dict[str, float] | None = None) -> synthetic.Rows:
    """Return an open loop of light requests beside heavy ones. p99_us: of the light ones, by model."""
    rows = synthetic.make_run(LIGHT, scenario="mixed", blocks=6, rounds=4, block_noise=0.001, noise=0.01)
    light, heavy = (_population(rows, name, p99_us or LIGHT_P99_US) for name in ("light", "heavy"))
    return synthetic.concat_runs(light, heavy)


def _population(rows: synthetic.Rows, name: str, p99_us: dict[str, float]) -> synthetic.Rows:
    share, units, clients = (0.99, 0.0, 64) if name == "light" else (0.01, 10_000.0, 8)
    common: dict[str, Any] = {"population": name, "rate_rps": share * 2_900.0}
    work: dict[str, Any] = {
        "protocol": "work",
        "wait_us": 0.0,
        "compute_units": units,
        "compute_kind": "lock" if units else "",
    }
    more: dict[str, Any] = {
        "scenario_kind": "mixed",
        "loop": "open",
        "behaviour": "normal",
        "population_connections": clients,
        "replies": 10_000,
    }
    p99 = rows.trials["model"].map(p99_us).astype(float) * (1 + 0.001 * rows.trials["block"])
    trials = rows.trials.assign(**common, **work, **more, latency_p99_us=p99, pooled_latency_p50_us=60.0)
    slices = rows.slices.assign(**common, latency_p50_us=60.0)
    return replace(rows, trials=trials, slices=slices)


def with_predictions(summary: pd.DataFrame, factor: float = 0.9) -> pd.DataFrame:
    """Return a summary whose figures are all predicted: their medians times a factor."""
    return summary.assign(predicted=summary["median"] * factor)
