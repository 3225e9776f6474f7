"""The search for the max rate under an objective. It depends on time, so it runs alone."""

from pathlib import Path

import pandas as pd
import pytest

from tests.support.commands import run_python

pytestmark = [pytest.mark.serial, pytest.mark.slow]
PLAN = """
name = "max_rate"
models = ["iterative", "select"]
transports = ["tcp"]

[[external_servers]]
name = "ends"
command = ["{python}", "-c", "import sys; sys.exit(3)", "{port}"]
transports = ["tcp"]

[[external_servers]]
name = "slow"
command = ["{python}", "slow.py", "{port}"]
folder = "FOLDER"
transports = ["tcp"]

[[scenarios]]
name = "max_rate"
connections = [4]
rate = "highest"
seconds = 0.1
search_width = 0.6
"""

SLOW = """
import asyncio, sys
async def serve(reader, writer):
    while data := await reader.read(65536):
        await asyncio.sleep(0.005)
        writer.write(data)
async def main():
    await (await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))).serve_forever()
asyncio.run(main())
"""


def test_search_brackets_the_max_rate(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN.replace("FOLDER", str(tmp_path)))
    (tmp_path / "slow.py").write_text(SLOW)
    completed = run_python("-m", "bench", "run", str(plan), "--output-dir", str(tmp_path), timeout_s=110)
    assert completed.returncode == 3, completed.stderr
    assert "ends/tcp (max_rate) could not be measured in any block" in completed.stderr
    folder = Path(completed.stdout.strip())
    trials, summary = pd.read_csv(folder / "max_rate.csv"), pd.read_csv(folder / "summary.csv").set_index("arm")
    assert (summary["metric"] == "max_rate_rps").all()
    searched = trials[trials["step"].notna()]
    assert set(searched["arm"]) == {"select/tcp", "slow/tcp"}
    assert set(trials["arm"]) == {*searched["arm"], "ends/tcp", "iterative/tcp"} == set(summary.index)
    assert (trials["objective_p99_us"] >= 5000).all()
    for _, rows in searched.groupby("arm"):
        # A machine that stalls for milliseconds may fail even the lowest rate; then no lower rate is tried.
        assert rows["step"].nunique() >= 2 or not rows["passed"].any()
    assert searched[searched["arm"] == "slow/tcp"]["passed"].any(), "few requests are enough to meet an objective"
    assert str(summary.loc["ends/tcp", "reason"]).startswith("server exited with code 3 during start-up")
    assert summary.loc["iterative/tcp", "status"] == "skipped"
    report = (folder / "report.md").read_text()
    assert "99% of the requests answered within" in report
    assert "the highest rate that meets the objective, in requests per second: " in report
