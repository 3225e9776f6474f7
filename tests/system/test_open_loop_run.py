"""Runs whose rates or number of blocks are found while they run."""

from pathlib import Path

import pandas as pd
import pytest

from tests.support.commands import run_python

pytestmark = pytest.mark.slow
SUCCESS = (0, 3)  # 3: some results are invalid, e.g. if the generator is as busy as its server
PLAN = """
name = "open"
models = ["iterative", "select"]
blocks = 3
[[scenarios]]
name = "latency"
connections = [4]
rate = "common"
seconds = 0.1
[[scenarios]]
name = "latency_half"
connections = [4]
capacity_share = 0.5
seconds = 0.1
"""


def test_open_loop_has_same_schedule_for_every_arm(tmp_path: Path) -> None:
    (tmp_path / "open.toml").write_text(PLAN)
    arguments = [str(tmp_path / "open.toml"), "--no-charts", "--output-dir", str(tmp_path)]
    completed = run_python("-m", "bench", "run", *arguments, timeout_s=110)
    assert completed.returncode in SUCCESS, completed.stderr
    assert "requests/s over 4 connections" in completed.stderr
    folder = Path(completed.stdout.strip())
    rates = pd.read_csv(folder / "rates.csv").set_index(["scenario", "arm"])["rate_rps"]
    assert rates["latency"].nunique() == 1
    assert rates["latency_half"].nunique() > 1
    slices = pd.read_csv(folder / "slices.csv.gz")
    assert (slices["sent"] + slices["unsent"] == slices["scheduled"]).all()
    common = slices[slices["scenario"] == "latency"]
    assert (common.groupby(["block", "round"])["scheduled"].nunique() == 1).all()
    trials = pd.read_csv(folder / "trials.csv").query("status == 'ok' and scenario == 'latency'")
    assert trials["pooled_latency_p50_us"].notna().all()
    assert trials["baseline_rps"].notna().all()


def test_target_precision_that_is_out_of_reach_stops_at_max_minutes(tmp_path: Path) -> None:
    arguments = ["quick", "--models", "iterative,select", "--transports", "udp", "--seconds", "0.05"]
    output_dir = tmp_path / "results [/of] today"  # has no effect as markup of the terminal
    output_dir.mkdir(parents=True)
    arguments += ["--no-charts", "--output-dir", str(output_dir)]
    arguments += ["--target-precision", "0.0001%", "--max-minutes", "0.05"]
    completed = run_python("-m", "bench", "run", *arguments, timeout_s=110)
    assert completed.returncode in SUCCESS, completed.stderr
    folder = Path(completed.stdout.strip())
    assert str(folder) in completed.stderr
    assert f"holabench report {folder}\n" in completed.stderr
    assert 1 <= pd.read_csv(folder / "trials.csv")["block"].nunique() < 1000
    assert (folder / "summary.csv").exists()
    assert not (folder / "charts").exists()
