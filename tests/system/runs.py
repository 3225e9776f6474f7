"""Folders of runs whose measurements are made up, for the commands that read several runs."""

import json
from pathlib import Path

import pandas as pd

from bench.schema.csv_schema import MaxRateRow
from bench.store.run_folder import RunFolder
from tests.support import synthetic

MODELS = synthetic.TCP | synthetic.UDP
BASELINE = {f"native/{transport}": {1: 9e4, 16: 18e4, 64: 18e4} for transport in ("tcp", "udp")}
_SEARCH_PLAN = """
name = "search"
models = ["select"]
transports = ["tcp"]
baseline = "none"
seed = 7
[[scenarios]]
name = "max_rate"
connections = [16]
rate = "highest"
seconds = 0.1
"""


def make_run(path: Path, speed: float = 1.0, seed: int = 1, models: synthetic.Rates = MODELS) -> Path:
    """Make the folder of a run. speed: factor of every arm's rates."""
    path.mkdir()
    rates = {arm: {load: rate * speed for load, rate in loads.items()} for arm, loads in models.items()}
    synthetic.write_run(synthetic.make_run(rates, seed=seed), path)
    return path


def make_run_without_blocks(path: Path) -> Path:
    """Make the folder of a run that was interrupted before the first block finished."""
    make_run(path)
    for name in ("trials.csv", "slices.csv.gz"):
        pd.read_csv(path / name, nrows=0).to_csv(path / name, index=False)
    return path


def make_run_with_trials(path: Path, **columns: str) -> Path:
    """Make a run in which the trials of asyncio/tcp have other values in some columns."""
    trials = pd.read_csv(make_run(path, seed=4) / "trials.csv")
    for name, value in columns.items():
        trials[name] = trials[name].astype(object).mask(trials["arm"] == "asyncio/tcp", value)
    trials.to_csv(path / "trials.csv", index=False)
    return path


def make_run_on_machine(path: Path, **machine: str) -> Path:
    """Make a run of another machine."""
    environment = json.loads((make_run(path, seed=5) / "environment.json").read_text())
    (path / "environment.json").write_text(json.dumps(environment | {"machine": machine}))
    return path


def make_run_with_plan(path: Path, plan: str) -> Path:
    """Make a run with another text in its plan.toml."""
    (make_run(path) / "plan.toml").write_text(plan)
    return path


def make_search(path: Path, passing_rps: float, failing_rps: float) -> Path:
    """Make a run that consists of a search. passing_rps: meets the objective; failing_rps: the next rate, does not."""
    make_run_without_blocks(path)
    (path / "plan.toml").write_text(_SEARCH_PLAN)
    RunFolder(path).append_max_rates(
        [
            MaxRateRow(
                scenario="max_rate", connections=16, message_bytes=64, arm="select/tcp", model="select",
                transport="tcp", protocol="echo", python="", round=number, step=step, rate_rps=rate_rps,
                objective_p99_us=5000.0, objective_lost_share=0.001,
                scheduled=None, sent=None, replies=None, lost=None, unsent=None,
                throughput_rps=rate_rps, latency_p50_us=None, latency_p99_us=None, generator_cpu_share=None,
                passed=step == 0, counted=True, verdict="valid", codes="",
            )
            for step, rate_rps in enumerate((passing_rps, failing_rps))
            for number in range(3)
        ]
    )  # fmt: skip
    return path
