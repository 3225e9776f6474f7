"""One plan of docs/experiments/published_findings runs at the smallest size; unit tests check that all are valid."""

from pathlib import Path

import pandas as pd
import pytest

from tests.support.commands import run_python

pytestmark = pytest.mark.slow
PLAN = "docs/experiments/published_findings/message_budget.toml"
SUCCESS = (0, 3)  # 3: some results are invalid, e.g. on a busy machine
RUN_TIMEOUT_S = 110.0


def test_servers_of_the_experiment_answer_beside_a_greedy_client(tmp_path: Path) -> None:
    options = ["--blocks", "1", "--seconds", "0.1", "--seed", "3", "--no-charts", "--output-dir", str(tmp_path)]
    completed = run_python("-m", "bench", "run", PLAN, *options, timeout_s=RUN_TIMEOUT_S)
    assert completed.returncode in SUCCESS, completed.stderr
    trials = pd.read_csv(Path(completed.stdout.strip()) / "trials.csv")
    assert set(trials["status"]) == {"ok"}, trials[["arm", "scenario", "reason"]].to_string()
    answered = trials[trials["population"] == "greedy"].set_index(["arm", "scenario"])["replies"]
    for arm in ("budget_1/tcp", "budget_16/tcp", "budget_none/tcp"):
        assert answered[arm, "beside_greedy"] > 0
