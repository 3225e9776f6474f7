"""The search for the highest rate. It is about time, so nothing else may run beside it."""

from pathlib import Path

import pandas as pd

from tests.system.commands import python

DONE = (0, 3)  # 3: a figure is invalid, which a busy machine can make it

LIMIT_PLAN = """
name = "limits"
models = ["select", "thread_per_client"]
transports = ["udp"]

[[scenarios]]
name = "limit"
connections = [8]
rate = "highest"
seconds = 0.1
search_width = 0.3
"""


def test_a_search_finds_bounds_around_what_a_server_can_do(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(LIMIT_PLAN)
    ended = python("-m", "bench", "run", "--profile", str(plan), "--into", str(tmp_path))
    assert ended.returncode in DONE, ended.stderr
    folder = Path(ended.stdout.strip())
    trials, summary = pd.read_csv(folder / "limits.csv"), pd.read_csv(folder / "summary.csv")
    assert set(trials["arm"]) == {"select/udp", "thread_per_client/udp"}
    assert (trials["objective_p99_us"] >= 5000).all()
    (found,) = summary[summary["arm"] == "thread_per_client/udp"].to_dict("records")
    assert found["metric"] == "limit_rps"
    for _, of_arm in trials.groupby("arm"):
        # A machine that halts for milliseconds may fail even the lowest rate; then there is nothing below to try.
        assert of_arm["rung"].nunique() >= 2 or not of_arm["passed"].any()
    assert "99 % of the requests answered within" in (folder / "report.md").read_text()
